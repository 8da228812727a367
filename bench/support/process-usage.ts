// What a process has used, its children included, as /proc tells it.

import { readFileSync } from 'node:fs';

export interface ProcessUsage {
  /** User and system time since the start, microseconds, of all threads, those that have ended too. In steps of 10 ms. */
  readonly cpuUs: number;
  /** Resident now, MiB. Pages that processes share count for each. */
  readonly residentMib: number;
}

// USER_HZ, the unit of the times in /proc/PID/stat, is 100 on every Linux that Node.js runs on: 1e6 µs / 100.
const US_PER_TICK = 10_000;

export function processUsage(pid: number): ProcessUsage {
  let [cpuUs, residentMib] = [0, 0];
  for (const each of withChildren(pid)) {
    // The name, field 2, may have blanks; utime and stime are fields 14 and 15, so 11 and 12 of what follows it.
    const fields = readFileSync(`/proc/${each}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
    cpuUs += (Number(fields[11]) + Number(fields[12])) * US_PER_TICK;
    residentMib += Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${each}/status`, 'utf8'))?.[1] ?? 0) / 1_024;
  }
  return { cpuUs, residentMib };
}

function withChildren(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  return [pid, ...children.flatMap(withChildren)];
}
