// Charge one request to one key of one limit, on slots that all workers share. See slot-index.ts and limit-table.ts for
// the protocols, gcra.ts for the arithmetic and the proof of the bound.

import type { Clock } from '../../base/clock.ts';
import type { LimitTable } from '../../shm/limit-table.ts';
import { ABSENT, BUSY, EXISTS, FULL } from '../../shm/slot-index.ts';
import { gcra } from './gcra.ts';
import type { Limit } from './limit.ts';
import { wholeSeconds } from './whole-seconds.ts';

// A lost exchange means that another worker charged the same key in the same 20 ns; some attempts more go to keys that
// are being made, records that changed and slots that died. 64 workers that do nothing else would lose 256 in a row once
// in fifty tries; workers that also handle requests (20 µs each) never.
export const ATTEMPTS_MAX = 256;

// Whatever is out of the way by then takes less than the smallest step of virtual time.
const BUSY_SHORTFALL = 1;

const AGAIN = -1;

/** What a decision leaves, for RateLimit and Retry-After. Reused. */
export class LimitReading {
  /** Whole tokens that are left. */
  remaining = 0;
  /** Until the whole burst is there again. */
  resetSeconds = 0;
  /** 0 when admitted, else 1 or more. */
  retryAfterSeconds = 0;
}

/**
 * Admit or refuse one request. A refused one consumes nothing.
 * @param low, high  SeededHash of the limit's id and the key's value
 * @param out  filled in
 * @returns 0 admitted; else the shortfall in units of virtual time (> 0)
 * @throws  never (data plane)
 * @hot measured by bench/hot
 */
export function chargeLimit(
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
    // The slot before the clock: what another thread wrote into it is then not ahead of this reading. The clock before
    // the sequence: see limit-table.ts.
    const tat = slots.tatOf(slot);
    const nowUs = clock.nowUs();
    if (limit.isOutdated(table, nowUs)) {
      limit.refresh(table, nowUs);
      continue;
    }
    const now = limit.virtualTime(nowUs);
    const shortfall = gcra(tat, now, limit.cost, limit.capacity, limit.staleUnits);
    if (shortfall > 0) return refuse(limit, shortfall, out);
    if (slots.exchangeTat(slot, tat, (now + limit.capacity + shortfall) | 0)) return admit(limit, shortfall, out);
  }
  return refuseBusy(limit, table, out);
}

/** The key has no slot: make one, or use the overflow word. @returns 0, a shortfall or AGAIN */
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
  if (slot === BUSY) return refuseBusy(limit, table, out);
  // Nothing may throw from here to publish() or abandon(). The mark, the overflow word, the clock: in this order.
  const overflowTat = slots.hasOverflowed(slot) ? table.overflowTat(limit.index, limit.generation) : undefined;
  const nowUs = clock.nowUs();
  if (limit.isOutdated(table, nowUs)) {
    slots.abandon(slot);
    limit.refresh(table, nowUs);
    return AGAIN;
  }
  const now = limit.virtualTime(nowUs);
  let debt = limit.startDebtUnits(nowUs);
  if (overflowTat !== undefined) {
    // The key may have been charged in the overflow word: it owes no less than that.
    const ahead = (overflowTat - now) | 0;
    if (ahead > debt && ahead <= limit.staleUnits) debt = ahead;
  }
  slots.publish(slot, low, high, limit.tag, (now + debt) | 0);
  return AGAIN;
}

/** @param version  of the key's bucket, when the key had no slot in it */
function chargeOverflow(
  limit: Limit,
  table: LimitTable,
  high: number,
  version: number,
  clock: Clock,
  out: LimitReading,
): number {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const tat = table.overflowTat(limit.index, limit.generation);
    const nowUs = clock.nowUs();
    if (limit.isOutdated(table, nowUs)) {
      limit.refresh(table, nowUs);
      return AGAIN;
    }
    const now = limit.virtualTime(nowUs);
    const shortfall = gcra(tat, now, limit.cost, limit.capacity, limit.staleUnits);
    if (shortfall > 0) {
      table.countOverflow(limit.index);
      return refuse(limit, shortfall, out);
    }
    if (table.exchangeOverflowTat(limit.index, limit.generation, tat, (now + limit.capacity + shortfall) | 0)) {
      table.slots.markOverflowed(high);
      // A key was made in the bucket meanwhile, perhaps this one, without this charge: it counts for nothing.
      if (!table.slots.isUnchanged(high, version)) return AGAIN;
      table.countOverflow(limit.index);
      return admit(limit, shortfall, out);
    }
  }
  return refuseBusy(limit, table, out);
}

/** @hot */
function admit(limit: Limit, shortfall: number, out: LimitReading): number {
  out.remaining = Math.floor(-shortfall / limit.cost);
  out.resetSeconds = secondsOf(limit.capacity + shortfall, limit);
  out.retryAfterSeconds = 0;
  return 0;
}

/** @hot */
function refuse(limit: Limit, shortfall: number, out: LimitReading): number {
  out.remaining = 0;
  out.resetSeconds = secondsOf(limit.capacity + shortfall - limit.cost, limit);
  out.retryAfterSeconds = secondsOf(shortfall, limit);
  return shortfall;
}

function refuseBusy(limit: Limit, table: LimitTable, out: LimitReading): number {
  table.countBusy(limit.index);
  return refuse(limit, BUSY_SHORTFALL, out);
}

/** @returns whole seconds in which so many units pass, at least 1 @hot */
function secondsOf(units: number, limit: Limit): number {
  return wholeSeconds(units * limit.secondsPerUnit);
}
