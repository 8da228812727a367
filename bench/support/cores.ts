// Which core does what. The gateway has its own; upstream and load share the last one, so that they never take the
// gateway's time.

import { availableParallelism } from 'node:os';

export interface Cores {
  /** For taskset -c: '0', or '0-1' for two workers on a machine with three cores or more. */
  readonly gateway: string;
  readonly other: string;
}

/**
 * @param workerCount  of the gateway; they share cores when the machine has not one for each and one more
 * @throws when the machine has one core only: gateway and load would measure each other
 */
export function shareCores(workerCount: number): Cores {
  const coreCount = availableParallelism();
  if (coreCount < 2) throw new Error('two cores are needed: one for the gateway, one for upstream and load');
  const last = Math.min(workerCount, coreCount - 1) - 1;
  return { gateway: last === 0 ? '0' : `0-${last}`, other: String(coreCount - 1) };
}
