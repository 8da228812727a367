// The records of a limit that counts in windows: its first, and each that follows from a change of its count. Another window or
// algorithm is another limit.

import { Algorithm, type LimitRecord } from '../../shm/limit-table.ts';
import type { WindowDefinition } from '../snapshot.ts';
import { COUNT_MAX, WINDOW_SECONDS_MAX } from './window-state.ts';

const US_PER_SECOND = 1_000_000;
const GENERATION_MASK = 0xffff;

/** @returns why a limit cannot be had, worded for a configuration's author; undefined when it can */
export function windowRangeIssue({ seconds }: WindowDefinition, count: number): string | undefined {
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > WINDOW_SECONDS_MAX)
    return 'the window must be 1s to 1 day';
  if (!Number.isInteger(count) || count < 1 || count > COUNT_MAX)
    return `a window must have 1 to ${COUNT_MAX} requests`;
  return undefined;
}

/**
 * @param t0Us  whole µs of the monotonic clock
 * @param wallUs  µs since 1970 at t0: windows begin where the calendar's do
 */
export function firstWindowRecord(
  { algorithm, seconds }: WindowDefinition,
  count: number,
  t0Us: number,
  wallUs: number,
  generation: number,
): LimitRecord {
  return {
    v0: 0,
    t0Us,
    mantissa: 0,
    shift: 0,
    resolution: 0,
    burst: count,
    generation: generation & GENERATION_MASK,
    staleUnits: 0,
    startDebtUnits: 0,
    debtUnitsMax: 0,
    follows: false,
    algorithm: algorithm === 'sliding-window' ? Algorithm.SLIDING : Algorithm.FIXED,
    windowMs: seconds * 1_000,
    alignUs: t0Us - Math.round(wallUs % (seconds * US_PER_SECOND)),
  };
}

/**
 * The record that takes over at t0Us, with the same windows: what a key has used in them stays what it is.
 * @param forgets  begin a new generation: every key has used up the window of t0
 */
export function nextWindowRecord(previous: LimitRecord, count: number, t0Us: number, forgets: boolean): LimitRecord {
  const next = { ...previous, t0Us, burst: count, startDebtUnits: 0, follows: true };
  if (!forgets) return next;
  return { ...next, startDebtUnits: count, generation: (previous.generation + 1) & GENERATION_MASK };
}
