// What a process uses, its children included, as /proc tells it.
//
// CPU time is read from schedstat, in nanoseconds; utime and stime count in steps of 10 ms, which is too coarse for a round of
// a second on a busy machine. It is told by thread: a thread that ends takes its share with it.

import { readdirSync, readFileSync } from 'node:fs';

export interface ProcessUsage {
  /** User and system time since the thread's start, microseconds, by thread id. */
  readonly threadCpuUs: ReadonlyMap<string, number>;
  /** Resident now, MiB. Pages that processes share count for each. */
  readonly residentMib: number;
}

export function processUsage(pid: number): ProcessUsage {
  const threadCpuUs = new Map<string, number>();
  let residentMib = 0;
  for (const each of withChildren(String(pid))) {
    residentMib += Number(/VmRSS:\s+(\d+) kB/.exec(read(`/proc/${each}/status`))?.[1] ?? 0) / 1_024;
    for (const thread of readdirSync(`/proc/${each}/task`)) {
      // Time on the processor in nanoseconds, time waiting for it, time slices.
      const schedstat = read(`/proc/${each}/task/${thread}/schedstat`);
      if (schedstat !== '') threadCpuUs.set(thread, Number.parseInt(schedstat, 10) / 1_000);
    }
  }
  return { threadCpuUs, residentMib };
}

/** Microseconds between two readings. What threads used that have ended since is lost. */
export function cpuUsBetween(before: ProcessUsage, after: ProcessUsage): number {
  let cpuUs = 0;
  for (const [thread, us] of after.threadCpuUs) cpuUs += us - (before.threadCpuUs.get(thread) ?? 0);
  return cpuUs;
}

function withChildren(pid: string): readonly string[] {
  const children = read(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean);
  return [pid, ...children.flatMap(withChildren)];
}

/** '' when the thread has just ended. */
function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
