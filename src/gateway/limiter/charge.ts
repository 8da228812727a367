// Charge one request to one key of one limit, however that limit counts.

import type { Clock } from '../../base/clock.ts';
import { Algorithm, type LimitTable } from '../../shm/limit-table.ts';
import { chargeLimit, type LimitReading } from './charge-limit.ts';
import { chargeWindow } from './charge-window.ts';
import type { Limit } from './limit.ts';

/**
 * @param low, high  SeededHash of the limit's id and the key's value
 * @param out  filled in
 * @returns 0 admitted; else above 0
 * @throws  never (data plane)
 * @hot
 */
export function charge(
  limit: Limit,
  table: LimitTable,
  low: number,
  high: number,
  clock: Clock,
  out: LimitReading,
): number {
  // An entry of the table keeps its algorithm for as long as a limit has it.
  return limit.algorithm === Algorithm.GCRA
    ? chargeLimit(limit, table, low, high, clock, out)
    : chargeWindow(limit, table, low, high, clock, out);
}
