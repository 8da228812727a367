// One thread's view of a limit: the record in force, as the numbers that a decision needs.

import type { LimitIndex } from '../../base/ids.ts';
import { Algorithm, type LimitTable, type MutableLimitRecord } from '../../shm/limit-table.ts';
import { slotTag } from '../../shm/slot-index.ts';
import { costOf } from './resolution.ts';
import { spanNumber, spansAfter, spanUsOf, startState } from './window-state.ts';

// Records are copied through this one object: a thread refreshes one limit at a time.
const scratch: MutableLimitRecord = {
  v0: 0,
  t0Us: 0.5,
  mantissa: 0,
  shift: 0,
  resolution: 0,
  burst: 0,
  generation: 0,
  staleUnits: 0,
  startDebtUnits: 0,
  debtUnitsMax: 0,
  follows: false,
  algorithm: Algorithm.GCRA,
  windowMs: 0,
  alignUs: 0.5,
};

const US_PER_SECOND = 1_000_000;

export class Limit {
  readonly index: LimitIndex;
  /** What the meta word of this limit's slots holds beside the state. */
  tag = 0;
  generation = 0;
  algorithm: Algorithm = Algorithm.GCRA;
  /** Of a window: what it admits. */
  burst = 0;
  /** Of windows: what a key without a slot has used, as a state (window-state.ts). */
  startState = 0;
  /** Units of one request. */
  cost = 0;
  /** Units of the whole burst. */
  capacity = 0;
  staleUnits = 0;
  /** When the record came into force, µs. (Halves, so that these fields hold doubles from the start.) */
  fromUs = 0.5;
  /** Units per µs. */
  unitsPerUs = 0.5;
  secondsPerUnit = 0.5;

  #sequence = 0;
  /** When the next record takes over; Infinity when none is known. */
  #untilUs = 0.5;
  #v0 = 0;
  #startDebtUnits = 0;
  #alignUs = 0.5;
  #spanUs = 0.5;

  /** @param index  of an entry that the registry has resolved */
  constructor(table: LimitTable, index: LimitIndex) {
    this.index = index;
    // Without a clock here, the view is of the distant past: the first charge brings it up to date if need be.
    this.refresh(table, 0);
  }

  /**
   * Whether another record is in force at this reading.
   * @param nowUs  read before the call: the order matters, see limit-table.ts
   * @hot
   */
  isOutdated(table: LimitTable, nowUs: number): boolean {
    return table.sequenceOf(this.index) !== this.#sequence || nowUs >= this.#untilUs;
  }

  refresh(table: LimitTable, nowUs: number): void {
    this.#sequence = table.copyRecord(this.index, nowUs, scratch);
    const newestStartUs = table.newestStartUs(this.index);
    this.#untilUs = newestStartUs > scratch.t0Us ? newestStartUs : Number.POSITIVE_INFINITY;
    this.generation = scratch.generation;
    this.tag = slotTag(this.index, scratch.generation);
    this.cost = costOf(scratch.resolution);
    this.capacity = scratch.burst * this.cost;
    this.staleUnits = scratch.staleUnits;
    this.fromUs = scratch.t0Us;
    this.unitsPerUs = scratch.mantissa * 2 ** -scratch.shift;
    this.secondsPerUnit = 1 / (this.unitsPerUs * US_PER_SECOND);
    this.#v0 = scratch.v0;
    this.#startDebtUnits = scratch.startDebtUnits;
    this.algorithm = scratch.algorithm;
    this.burst = scratch.burst;
    if (scratch.algorithm === Algorithm.GCRA) return;
    this.#alignUs = scratch.alignUs;
    this.#spanUs = spanUsOf(scratch.algorithm, scratch.windowMs);
    this.startState = scratch.startDebtUnits === 0 ? 0 : startState(scratch);
  }

  // What follows is of windows.

  /** Of the span that a reading lies in: see window-state.ts. */
  spanNumber(nowUs: number): number {
    return spanNumber(this.#alignUs, this.#spanUs, nowUs);
  }

  /** When the span with this number ends that is nearest to now. @param number  of a span; whole wraps do not matter */
  spanEndUs(number: number, nowUs: number): number {
    const spans = Math.floor((nowUs - this.#alignUs) / this.#spanUs);
    const end = spans + spansAfter(number, this.spanNumber(nowUs)) + 1;
    return this.#alignUs + end * this.#spanUs;
  }

  // What follows is of GCRA.

  /** Virtual time, modulo 2³², signed. @hot */
  virtualTime(nowUs: number): number {
    return (this.#v0 + Math.floor((nowUs - this.fromUs) * this.unitsPerUs)) | 0;
  }

  /** Units since the record came into force, not modulo anything. */
  elapsedUnits(nowUs: number): number {
    return Math.floor((nowUs - this.fromUs) * this.unitsPerUs);
  }

  /** What a key without a slot owes: nothing, or, after a change of units, as much as it may owe from before. */
  startDebtUnits(nowUs: number): number {
    return Math.max(0, this.#startDebtUnits - this.elapsedUnits(nowUs));
  }
}
