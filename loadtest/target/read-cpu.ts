// The CPU time that the gateway's process has used.

import { readFile } from 'node:fs/promises';
import type { Target } from './target.ts';

// sysconf(_SC_CLK_TCK): what Linux tells user space, whatever its own timer does.
const TICK_MS = 10;
// Of /proc/PID/stat behind the name, which may hold spaces and parentheses: utime and stime (proc_pid_stat(5)).
const USER_FIELD = 11;
const SYSTEM_FIELD = 12;

/** @returns milliseconds, of all threads; undefined where nobody says it */
export async function readCpuMs({ pid }: Pick<Target, 'pid'>): Promise<number | undefined> {
  if (pid === undefined) return undefined;
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[USER_FIELD]) + Number(fields[SYSTEM_FIELD]);
  return Number.isFinite(ticks) ? ticks * TICK_MS : undefined;
}
