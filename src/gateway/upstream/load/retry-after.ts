// When to come back: as soon as the upstream could have served those who were refused, too.

import type { LoadIndex } from '../../../base/ids.ts';
import type { LoadTable } from '../../../shm/load-table.ts';

// A rate of nothing (it hangs) says nothing of when that will end.
const SECONDS_MAX = 30;
// Those who were refused together must not come back together.
const JITTER = 0.5;

/**
 * If all who were refused within a second, and all who wait, came now, serving them would take so long.
 * @param random  0 to 1
 * @returns whole seconds, 1 to 30
 */
export function retryAfterSeconds(table: LoadTable, load: LoadIndex, random: number): number {
  const drainRate = Math.max(1, table.read(load, 'drainRate'));
  const backlog = table.read(load, 'shedRate') + Math.max(0, table.read(load, 'waiting'));
  const seconds = (backlog / drainRate) * (1 + JITTER * random);
  return Math.min(SECONDS_MAX, Math.max(1, Math.ceil(seconds)));
}
