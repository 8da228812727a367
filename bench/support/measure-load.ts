// One load on one process, and what it cost that process.

import { cpuUsBetween, processUsage } from './process-usage.ts';
import type { LoadOptions, LoadResult } from './run-load.ts';

export interface MeasuredLoad extends LoadResult {
  /** User and system time per request, of the process and its children. */
  readonly cpuUs: number;
  /** At the end of the load. */
  readonly residentMib: number;
}

/** @param run  the load generator */
export async function measureLoad(
  pid: number,
  run: (options: LoadOptions) => Promise<LoadResult>,
  options: LoadOptions,
): Promise<MeasuredLoad> {
  const before = processUsage(pid);
  const result = await run(options);
  const after = processUsage(pid);
  if (result.requests === 0) throw new Error(`the load on port ${options.port} got no answer`);
  return { ...result, cpuUs: cpuUsBetween(before, after) / result.requests, residentMib: after.residentMib };
}
