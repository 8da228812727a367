// The records of a limit: its first, and each that follows from a change of rate or burst, or from the passing of time.
// Pure; on the main thread, so it may use BigInt for sums that must be exact.

import { Algorithm, type LimitRecord } from '../../shm/limit-table.ts';
import {
  CAPACITY_UNITS_MAX,
  costOf,
  fitsResolution,
  freshResolution,
  UNITS_PER_SECOND_MAX,
  virtualRate,
} from './resolution.ts';

// A slot that reads further ahead than its debt can be belongs to the past, across the wrap; but a thread whose clock
// reading is older than the slot sees it a little ahead too. 2 s tell them apart, or, for the fastest limits, the half
// second that is left when debt and margin must stay under 2³¹.
const STALE_MARGIN_SECONDS = 2;
const STALE_UNITS_MAX = CAPACITY_UNITS_MAX + UNITS_PER_SECOND_MAX / 2;
const US_PER_SECOND = 1_000_000;
const GENERATION_MASK = 0xffff;
const NO_WINDOW = { algorithm: Algorithm.GCRA, windowMs: 0, alignUs: 0 } as const;

/** The record of a limit that no request has met. @param t0Us  whole µs, from which on it is in force */
export function firstRecord(tokensPerSecond: number, burst: number, t0Us: number, generation: number): LimitRecord {
  const resolution = freshResolution(tokensPerSecond, burst);
  const rate = virtualRate(tokensPerSecond, resolution);
  const debtUnitsMax = burst * costOf(resolution);
  return {
    v0: 0,
    t0Us,
    mantissa: rate.mantissa,
    shift: rate.shift,
    resolution,
    burst,
    generation: generation & GENERATION_MASK,
    staleUnits: staleUnits(debtUnitsMax, tokensPerSecond * 2 ** resolution),
    startDebtUnits: 0,
    debtUnitsMax,
    follows: false,
    ...NO_WINDOW,
  };
}

/**
 * The record that takes over at t0Us. Virtual time goes on where the previous record has it then, so that every debt
 * stays what it is. When the new rate or burst does not fit the old units, a new generation of slots begins instead, and
 * a key's debt is unknown: it is taken for the largest possible.
 * @param t0Us  whole µs, later than the previous record's
 * @param forgets  begin a new generation though the old units fit: what the slots say is not the whole truth
 */
export function nextRecord(
  previous: LimitRecord,
  tokensPerSecond: number,
  burst: number,
  t0Us: number,
  forgets = false,
): LimitRecord {
  const advance = unitsBetween(previous, t0Us);
  const previousCost = costOf(previous.resolution);
  // What a key may owe at t0: the previous burst, or what is left of a larger one from before it.
  const debtBefore = Math.max(previous.burst * previousCost, previous.debtUnitsMax - Number(advance));
  const keeps = !forgets && fitsResolution(previous.resolution, tokensPerSecond, burst);
  const resolution = keeps ? previous.resolution : freshResolution(tokensPerSecond, burst);
  const capacity = burst * costOf(resolution);
  const rate = virtualRate(tokensPerSecond, resolution);
  const unitsPerSecond = tokensPerSecond * 2 ** resolution;
  if (keeps) {
    const debtUnitsMax = Math.max(capacity, debtBefore);
    return {
      v0: Number(BigInt.asIntN(32, BigInt(previous.v0) + advance)),
      t0Us,
      mantissa: rate.mantissa,
      shift: rate.shift,
      resolution,
      burst,
      generation: previous.generation,
      // A reading from before t0 may lag at the old rate.
      staleUnits: staleUnits(debtUnitsMax, Math.max(unitsPerSecond, unitsPerSecondOf(previous))),
      startDebtUnits: Math.max(0, previous.startDebtUnits - Number(advance)),
      debtUnitsMax,
      follows: true,
      ...NO_WINDOW,
    };
  }
  // With the whole old burst owed, but no more than the new one, a window across the change has at most the larger burst.
  const startDebtTokens = Math.min(burst, Math.ceil(debtBefore / previousCost));
  return {
    v0: 0,
    t0Us,
    mantissa: rate.mantissa,
    shift: rate.shift,
    resolution,
    burst,
    generation: (previous.generation + 1) & GENERATION_MASK,
    staleUnits: staleUnits(capacity, unitsPerSecond),
    startDebtUnits: startDebtTokens * costOf(resolution),
    debtUnitsMax: capacity,
    follows: true,
    ...NO_WINDOW,
  };
}

/** Units that pass from a record's t0 to t, rounded down, exactly. @param tUs  whole µs, t0 or later */
function unitsBetween(record: LimitRecord, tUs: number): bigint {
  return (BigInt(tUs - record.t0Us) * BigInt(record.mantissa)) >> BigInt(record.shift);
}

function unitsPerSecondOf(record: LimitRecord): number {
  return record.mantissa * 2 ** -record.shift * US_PER_SECOND;
}

function staleUnits(debtUnitsMax: number, unitsPerSecond: number): number {
  return Math.min(STALE_UNITS_MAX, debtUnitsMax + Math.ceil(STALE_MARGIN_SECONDS * unitsPerSecond));
}
