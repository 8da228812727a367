// Charge one request to one key of a limit that counts in fixed or sliding windows, on slots that all workers share. The
// protocols are those of slot-index.ts and limit-table.ts, as in charge-limit.ts; window-state.ts has the proof of the bound.

import type { Clock } from '../../base/clock.ts';
import { Algorithm, CELLS_PER_SLOT, type LimitTable } from '../../shm/limit-table.ts';
import { ABSENT, BUSY, EXISTS, FULL } from '../../shm/slot-index.ts';
import { ATTEMPTS_MAX, type LimitReading } from './charge-limit.ts';
import type { Limit } from './limit.ts';
import { wholeSeconds } from './whole-seconds.ts';
import { countOf, isSpent, numberOf, spansAfter, spansKept, stateOf } from './window-state.ts';

const US_PER_SECOND = 1_000_000;

const REFUSED = 1;
const AGAIN = -1;

/**
 * Admit or refuse one request. A refused one consumes nothing.
 * @param low, high  SeededHash of the limit's id and the key's value
 * @param out  filled in
 * @returns 0 admitted; else 1
 * @throws  never (data plane)
 */
export function chargeWindow(
  limit: Limit,
  table: LimitTable,
  low: number,
  high: number,
  clock: Clock,
  out: LimitReading,
): number {
  const slots = table.slots;
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const slot = slots.find(low, high, limit.tag);
    if (slot === ABSENT) {
      const verdict = chargeAbsent(limit, table, low, high, clock, out);
      if (verdict !== AGAIN) return verdict;
      continue;
    }
    // The slot before the clock, the clock before the sequence: see limit-table.ts.
    const state = slots.tatOf(slot);
    const nowUs = clock.nowUs();
    if (limit.isOutdated(table, nowUs)) {
      limit.refresh(table, nowUs);
      continue;
    }
    const verdict =
      limit.algorithm === Algorithm.SLIDING
        ? chargeSliding(limit, table, slot, state, nowUs, out)
        : chargeFixed(limit, table, slot, state, nowUs, out);
    if (verdict !== AGAIN) return verdict;
  }
  table.countBusy(limit.index);
  return refuse(1, 1, out);
}

function chargeFixed(
  limit: Limit,
  table: LimitTable,
  slot: number,
  state: number,
  nowUs: number,
  out: LimitReading,
): number {
  const number = limit.spanNumber(nowUs);
  if (isBehind(limit, state, number)) return AGAIN;
  const next = nextFixed(limit, state, number);
  const leftUs = limit.spanEndUs(numberOf(next === REFUSED_STATE ? state : next), nowUs) - nowUs;
  if (next === REFUSED_STATE) return refuse(leftUs, leftUs, out);
  if (!table.slots.exchangeTat(slot, state, next)) return AGAIN;
  return admit(limit.burst - countOf(next), leftUs, out);
}

// No state of an admitted request: a count of 0 is none.
const REFUSED_STATE = 0;

/** @returns the state with one more, or REFUSED_STATE */
function nextFixed(limit: Limit, state: number, number: number): number {
  if (isSpent(limit.algorithm, state, number)) return stateOf(number, 1);
  return countOf(state) >= limit.burst ? REFUSED_STATE : state + 1;
}

function chargeSliding(
  limit: Limit,
  table: LimitTable,
  slot: number,
  state: number,
  nowUs: number,
  out: LimitReading,
): number {
  const number = limit.spanNumber(nowUs);
  const after = spansAfter(number, numberOf(state));
  if (after > 0) {
    // The first of a new span, which takes off what is too old, and moves the number on only then.
    takeOff(table, slot, number);
    const left = table.slots.settledTat(slot);
    if (spansAfter(number, numberOf(left)) > 0) table.slots.exchangeTat(slot, left, stateOf(number, countOf(left)));
    return AGAIN;
  }
  const count = countOf(state);
  if (count >= limit.burst) {
    if (takeOff(table, slot, number)) return AGAIN;
    const waitUs = limit.spanEndUs(oldestNumber(table, slot, number) + CELLS_PER_SLOT - 1, nowUs) - nowUs;
    return refuse(waitUs, limit.spanEndUs(numberOf(state) + CELLS_PER_SLOT - 1, nowUs) - nowUs, out);
  }
  if (after < 0 || !table.slots.exchangeTat(slot, state, state + 1)) return AGAIN;
  addToCell(table, slot, number);
  return admit(limit.burst - count - 1, limit.spanEndUs(numberOf(state) + CELLS_PER_SLOT - 1, nowUs) - nowUs, out);
}

/** Empty the cells that are too old, then lower the sum. @returns whether there were any */
function takeOff(table: LimitTable, slot: number, number: number): boolean {
  let wasAny = false;
  for (let cell = 0; cell < CELLS_PER_SLOT; cell++) {
    const value = table.cellOf(slot, cell);
    if (countOf(value) === 0 || spansAfter(number, numberOf(value)) < CELLS_PER_SLOT) continue;
    if (!table.exchangeCell(slot, cell, value, 0)) continue;
    lower(table, slot, countOf(value));
    wasAny = true;
  }
  return wasAny;
}

/** After the sum was raised. */
function addToCell(table: LimitTable, slot: number, number: number): void {
  const cell = number % CELLS_PER_SLOT;
  for (;;) {
    const value = table.cellOf(slot, cell);
    const old = countOf(value);
    const after = spansAfter(number, numberOf(value));
    // A later span's cell already: it counts for longer than it must.
    const next = old === 0 || after > 0 ? stateOf(number, 1) : value + 1;
    if (!table.exchangeCell(slot, cell, value, next)) continue;
    // 16 spans older, at least, with which it shares its place.
    if (old > 0 && after > 0) lower(table, slot, old);
    return;
  }
}

function lower(table: LimitTable, slot: number, count: number): void {
  for (;;) {
    const state = table.slots.settledTat(slot);
    if (table.slots.exchangeTat(slot, state, state - count)) return;
  }
}

function oldestNumber(table: LimitTable, slot: number, number: number): number {
  let oldest = number;
  for (let cell = 0; cell < CELLS_PER_SLOT; cell++) {
    const value = table.cellOf(slot, cell);
    if (countOf(value) > 0 && spansAfter(oldest, numberOf(value)) > 0) oldest = numberOf(value);
  }
  return oldest;
}

/** The key has no slot: make one, or use the overflow word. @returns 0, 1 or AGAIN */
function chargeAbsent(
  limit: Limit,
  table: LimitTable,
  low: number,
  high: number,
  clock: Clock,
  out: LimitReading,
): number {
  const slots = table.slots;
  const slot = slots.open(low, high, limit.tag);
  if (slot === EXISTS) return AGAIN;
  if (slot === FULL) return chargeOverflow(limit, table, high, slots.fullVersion, clock, out);
  if (slot === BUSY) {
    table.countBusy(limit.index);
    return refuse(1, 1, out);
  }
  // Nothing may throw from here to publish() or abandon(). The mark, the overflow word, the clock: in this order.
  const overflow = slots.hasOverflowed(slot) ? table.overflowTat(limit.index, limit.generation) : 0;
  const nowUs = clock.nowUs();
  if (limit.isOutdated(table, nowUs)) {
    slots.abandon(slot);
    limit.refresh(table, nowUs);
    return AGAIN;
  }
  // The key may have been charged in the overflow word: it has used no less than that.
  const number = limit.spanNumber(nowUs);
  const owed = Math.max(owedNow(limit, overflow, number), owedNow(limit, limit.startState, number));
  const state = stateOf(spansAfter(numberOf(overflow), number) > 0 && owed > 0 ? numberOf(overflow) : number, owed);
  if (limit.algorithm === Algorithm.SLIDING)
    table.startCells(slot, numberOf(state) % CELLS_PER_SLOT, owed === 0 ? 0 : state);
  slots.publish(slot, low, high, limit.tag, state);
  return AGAIN;
}

/**
 * Another thread's clock is ahead, and its span has begun already. What it took for past is not past by this reading: the clock
 * is read again, until it says so, too.
 */
function isBehind(limit: Limit, state: number, number: number): boolean {
  return spansAfter(number, numberOf(state)) < 0 && !isSpent(limit.algorithm, state, number);
}

function owedNow(limit: Limit, state: number, number: number): number {
  return isSpent(limit.algorithm, state, number) ? 0 : Math.min(limit.burst, countOf(state));
}

/**
 * The word has no cells: of a sliding window it counts from one pause of a whole window to the next.
 * @param version  of the key's bucket, when the key had no slot in it
 */
function chargeOverflow(
  limit: Limit,
  table: LimitTable,
  high: number,
  version: number,
  clock: Clock,
  out: LimitReading,
): number {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const state = table.overflowTat(limit.index, limit.generation);
    const nowUs = clock.nowUs();
    if (limit.isOutdated(table, nowUs)) {
      limit.refresh(table, nowUs);
      return AGAIN;
    }
    const number = limit.spanNumber(nowUs);
    if (isBehind(limit, state, number)) continue;
    const owed = owedNow(limit, state, number);
    const leftUs =
      limit.spanEndUs((owed > 0 ? numberOf(state) : number) + spansKept(limit.algorithm) - 1, nowUs) - nowUs;
    if (owed >= limit.burst) {
      table.countOverflow(limit.index);
      return refuse(leftUs, leftUs, out);
    }
    if (!table.exchangeOverflowTat(limit.index, limit.generation, state, stateOf(number, owed + 1))) continue;
    table.slots.markOverflowed(high);
    // A key was made in the bucket meanwhile, perhaps this one, without this charge: it counts for nothing.
    if (!table.slots.isUnchanged(high, version)) return AGAIN;
    table.countOverflow(limit.index);
    return admit(limit.burst - owed - 1, leftUs, out);
  }
  table.countBusy(limit.index);
  return refuse(1, 1, out);
}

function admit(remaining: number, resetUs: number, out: LimitReading): number {
  out.remaining = remaining;
  out.resetSeconds = wholeSeconds(resetUs / US_PER_SECOND);
  out.retryAfterSeconds = 0;
  return 0;
}

function refuse(waitUs: number, resetUs: number, out: LimitReading): number {
  out.remaining = 0;
  out.resetSeconds = wholeSeconds(resetUs / US_PER_SECOND);
  out.retryAfterSeconds = wholeSeconds(waitUs / US_PER_SECOND);
  return REFUSED;
}
