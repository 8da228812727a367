// The arithmetic of limits that count in windows. A key's state is one 32-bit word, in the slot's place for an arrival time:
//
//   bits 31-20  number of a span of time, modulo 2¹²     bits 19-0  a count
//
// Fixed windows: the span is the window, and the count is what it has admitted. Never more than N in a window: each admission
// raises the count of its own window's number by compare-and-swap; numbers never go back, and a thread whose clock is behind reads
// it again.
//
// Sliding windows: a span is a little more than a 15th of the window, the number is that of the latest admission, and the count
// is the sum of the slot's 16 cells, each of them a word like this one for its own span. Never more than N in any window of
// length T: 15 spans are longer than T, so what was admitted less than T ago lies in the current span or one of the 15
// before it, and only cells of earlier spans are taken off the sum; the sum is raised before the cell, and lowered after it.
// (Earlier than the 15 before the number; and nobody is admitted by a reading of an earlier span than that.)
// The error is on the strict side: what was admitted up to a 15th of T before the window still counts.
//
// Numbers wrap after 4,096 spans: 68 minutes of windows of 1 s, 273 s of their 15ths. The sweeper takes the slot of an idle key
// long before (a pass takes 1 s).

import { Algorithm, CELLS_PER_SLOT, type LimitRecord } from '../../shm/limit-table.ts';

export const COUNT_MAX = 2 ** 20 - 1;
export const WINDOW_SECONDS_MAX = 86_400;

const COUNT_BITS = 20;
const NUMBER_BITS = 12;
const NUMBER_MASK = 2 ** NUMBER_BITS - 1;
const SPANS_PER_WINDOW = CELLS_PER_SLOT - 1;
// A thread may read its clock before another's that has written the state: a span is 66 ms or more.
const AHEAD_SPANS_MAX = 4;

/** Of one limit: a µs more than a 15th at most, so that 15 are more than the window whatever is rounded. */
export function spanUsOf(algorithm: Algorithm, windowMs: number): number {
  const windowUs = windowMs * 1_000;
  return algorithm === Algorithm.SLIDING ? Math.floor(windowUs / SPANS_PER_WINDOW) + 1 : windowUs;
}

/** Spans after which nothing of a state counts. */
export function spansKept(algorithm: Algorithm): number {
  return algorithm === Algorithm.SLIDING ? CELLS_PER_SLOT : 1;
}

/** Number of the span that a reading lies in, modulo 2¹². */
export function spanNumber(alignUs: number, spanUs: number, nowUs: number): number {
  // What is left after whole wraps fits an integer, negative readings included.
  const spans = Math.floor((nowUs - alignUs) / spanUs);
  return spans - Math.floor(spans / (NUMBER_MASK + 1)) * (NUMBER_MASK + 1);
}

export function numberOf(state: number): number {
  return state >>> COUNT_BITS;
}

export function countOf(state: number): number {
  return state & COUNT_MAX;
}

export function stateOf(number: number, count: number): number {
  return (number << COUNT_BITS) | count;
}

/** How many spans number is after other: −2,048 to 2,047. */
export function spansAfter(number: number, other: number): number {
  return ((number - other) << (32 - NUMBER_BITS)) >> (32 - NUMBER_BITS);
}

/** Whether nothing of a state counts any more, or it is of before the wrap. @param number  of now, or of a moment ago */
export function isSpent(algorithm: Algorithm, state: number, number: number): boolean {
  const after = spansAfter(number, numberOf(state));
  return after >= spansKept(algorithm) || after < -AHEAD_SPANS_MAX;
}

/** What a key owes that has no slot at t0, as a state. */
export function startState(record: LimitRecord): number {
  const spanUs = spanUsOf(record.algorithm, record.windowMs);
  return stateOf(spanNumber(record.alignUs, spanUs, record.t0Us), record.startDebtUnits);
}
