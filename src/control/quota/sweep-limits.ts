// Takes back the slots of keys that owe nothing, and does what else a limit needs with time: new records before doubles
// get too coarse, overflow words kept this side of the wrap, entries of limits that are gone. Main thread only; whoever
// owns the timer calls sweepSlice() every SLICE_INTERVAL_MS.
//
// The protocol is in src/shm/slot-index.ts. Slots wait in three lists: unlinked in this round; unlinked, waiting for all
// workers to have turned, to be looked at again; dead, waiting for all to have turned, to be free.

import { assert } from '../../base/assert.ts';
import type { Clock } from '../../base/clock.ts';
import type { LimitIndex } from '../../base/ids.ts';
import { Limit } from '../../gateway/limiter/limit.ts';
import { isSpent, stateOf } from '../../gateway/limiter/window-state.ts';
import { Algorithm, type LimitTable } from '../../shm/limit-table.ts';
import { slotTag } from '../../shm/slot-index.ts';
import type { LimitRegistry } from './limit-registry.ts';

/** 64 slices of 15 ms: a pass over the table takes 1 s, less than a quarter of the shortest wrap (4 s). */
export const SLICE_INTERVAL_MS = 15;
export const SLICES_PER_PASS = 64;

// A slice meets 131,072 / 64 = 2,048 slots (of the largest table 32,768, most of whose keys are looked at and left alone); lists of
// 4,096 leave room for workers that turn slowly, and bound the time of a slice.
const LIST_SLOTS_MAX = 4_096;
const TURNS = 2;

// Clocks of two threads differ by microseconds. A key is idle when it has owed nothing for 1 ms.
const IDLE_MARGIN_US = 1_000;
const IDLE_MARGIN_UNITS = 2;

// Whoever still charges slots of the generation before ends its turn well within this.
const GENERATION_LINGER_US = 1_000_000;

// Doubles are exact enough for the bound up to 2³⁹ units since the record's start: see gcra.ts.
const RENEW_UNITS = 2 ** 38;
// An overflow word that lags further is moved up; the wrap would make it look indebted at 2³¹.
const LAG_UNITS_MAX = 2 ** 28;

/** What the sweeper must know of the gateway workers. */
export interface WorkerTurns {
  readonly workerCount: number;
  /** Counts the events that the worker has handled, and moves at least once a second while it is idle. */
  turnOf(worker: number): number;
  /** False only when no thread of this worker exists: a late one may still be amid a charge. */
  isRunning(worker: number): boolean;
}

export class LimitSweeper {
  readonly #table: LimitTable;
  readonly #registry: LimitRegistry;
  readonly #clock: Clock;
  readonly #turns: WorkerTurns;
  readonly #limits: (Limit | undefined)[];
  readonly #turnsNoted: Int32Array;
  #unlinked: number[] = [];
  #waiting: number[] = [];
  #dead: number[] = [];

  #pass = 1;
  #slice = 0;
  /** Slots met in this pass and in the last one, per limit. */
  #met: Int32Array;
  #metBefore: Int32Array;
  /** Per limit without a snapshot: the pass that first saw it so, and the resolve() before that. */
  readonly #unreferredPass: Int32Array;
  readonly #unreferredResolve: Int32Array;
  #overflowInDebt = false;
  #freedCount = 0;

  constructor(table: LimitTable, registry: LimitRegistry, clock: Clock, turns: WorkerTurns) {
    this.#table = table;
    this.#registry = registry;
    this.#clock = clock;
    this.#turns = turns;
    this.#limits = new Array<Limit | undefined>(table.limitCount).fill(undefined);
    this.#turnsNoted = new Int32Array(turns.workerCount);
    this.#met = new Int32Array(table.limitCount);
    this.#metBefore = new Int32Array(table.limitCount);
    this.#unreferredPass = new Int32Array(table.limitCount);
    this.#unreferredResolve = new Int32Array(table.limitCount);
  }

  /** Slots taken back since the start. */
  get freedCount(): number {
    return this.#freedCount;
  }

  /** One 64th of a pass. Under 1 ms. */
  sweepSlice(): void {
    const nowUs = this.#clock.nowUs();
    this.#moveLists(nowUs);
    this.#registry.settle();
    this.#sweepBuckets(nowUs);
    this.#sweepLimits(nowUs);
    this.#slice++;
    if (this.#slice < SLICES_PER_PASS) return;
    this.#slice = 0;
    this.#pass++;
    const met = this.#metBefore;
    this.#metBefore = this.#met;
    this.#met = met.fill(0);
    if (this.#pass % 3 === 1) this.#overflowInDebt = false;
  }

  /** When all workers have turned since the lists were last moved, every list moves on. */
  #moveLists(nowUs: number): void {
    // Lists that wait for nobody need no turn.
    const isPending = this.#waiting.length + this.#dead.length > 0;
    if (isPending ? !this.#haveAllTurned() : this.#unlinked.length === 0) return;
    const slots = this.#table.slots;
    for (const slot of this.#dead) slots.free(slot);
    this.#freedCount += this.#dead.length;
    this.#dead = [];
    for (const slot of this.#waiting) {
      // A charger that needs the key has made it LIVE again.
      if (!slots.isUnlinking(slot)) continue;
      if (!this.#isIdle(slot, slots.settledTat(slot), nowUs)) slots.relink(slot);
      else if (slots.bury(slot)) this.#dead.push(slot);
    }
    this.#waiting = this.#unlinked;
    this.#unlinked = [];
    // After the lists: what is noted now is later than every change above.
    for (let worker = 0; worker < this.#turns.workerCount; worker++) {
      this.#turnsNoted[worker] = this.#turns.turnOf(worker);
    }
  }

  #haveAllTurned(): boolean {
    for (let worker = 0; worker < this.#turns.workerCount; worker++) {
      const turned = (this.#turns.turnOf(worker) - (this.#turnsNoted[worker] as number)) | 0;
      if (turned < TURNS && this.#turns.isRunning(worker)) return false;
    }
    return true;
  }

  #sweepBuckets(nowUs: number): void {
    const slots = this.#table.slots;
    const bucketsPerSlice = Math.ceil(slots.bucketCount / SLICES_PER_PASS);
    const end = Math.min(slots.bucketCount, bucketsPerSlice * (this.#slice + 1));
    const slotsPerBucket = slots.slotCount / slots.bucketCount;
    for (let bucket = bucketsPerSlice * this.#slice; bucket < end; bucket++) {
      if (this.#pass % 3 === 0) slots.ageOverflow(bucket);
      else if (this.#pass % 3 === 2 && !this.#overflowInDebt) slots.clearOverflow(bucket);
      for (let slot = bucket * slotsPerBucket; slot < (bucket + 1) * slotsPerBucket; slot++)
        this.#sweepSlot(slot, nowUs);
    }
  }

  #sweepSlot(slot: number, nowUs: number): void {
    const slots = this.#table.slots;
    const limit = slots.limitOf(slot);
    if (limit < 0) return;
    (this.#met[limit] as number)++;
    if (this.#unlinked.length >= LIST_SLOTS_MAX || !slots.isLive(slot)) return;
    if (this.#isIdle(slot, slots.tatOf(slot), nowUs) && slots.unlink(slot)) this.#unlinked.push(slot);
  }

  #isIdle(slot: number, tat: number, nowUs: number): boolean {
    const slots = this.#table.slots;
    const limit = this.#limitAt(slots.limitOf(slot) as LimitIndex, nowUs);
    const tag = slots.tagOf(slot);
    if (tag === slotTag(limit.index, limit.generation)) return isIdle(limit, tat, nowUs);
    // Of an older generation: its debt is in startDebtUnits. Of a newer one, which this thread's clock has yet to reach: used.
    const generationsAgo = (limit.generation - (tag >>> 16)) & 0xffff;
    return generationsAgo < 0x8000 && nowUs >= limit.fromUs + GENERATION_LINGER_US;
  }

  #sweepLimits(nowUs: number): void {
    const limitsPerSlice = Math.ceil(this.#table.limitCount / SLICES_PER_PASS);
    const end = Math.min(this.#table.limitCount, limitsPerSlice * (this.#slice + 1));
    for (let index = (limitsPerSlice * this.#slice) as LimitIndex; index < end; index++) {
      if (!this.#table.isUsed(index)) continue;
      const limit = this.#limitAt(index, nowUs);
      const isAtRest = this.#sweepOverflow(limit, nowUs);
      if (!isAtRest && this.#pass % 3 === 1) this.#overflowInDebt = true;
      if (limit.elapsedUnits(nowUs) >= RENEW_UNITS) this.#registry.renew(index);
      this.#retireIfGone(index, isAtRest);
    }
  }

  /** @returns whether the limit's overflow word owes nothing */
  #sweepOverflow(limit: Limit, nowUs: number): boolean {
    const tat = this.#table.overflowTat(limit.index, limit.generation);
    if (!isIdle(limit, tat, nowUs)) return false;
    if (limit.algorithm !== Algorithm.GCRA) {
      // Kept this side of the wrap: a spent state of now says as little.
      const spent = stateOf(limit.spanNumber(nowUs), 0);
      if (spent !== tat) this.#table.exchangeOverflowTat(limit.index, limit.generation, tat, spent);
      return true;
    }
    const now = limit.virtualTime(nowUs);
    const ahead = (tat - now) | 0;
    if (ahead > 0 || ahead < -LAG_UNITS_MAX) {
      const idleTat = (now - idleMarginUnits(limit) - 1) | 0;
      this.#table.exchangeOverflowTat(limit.index, limit.generation, tat, idleTat);
    }
    return true;
  }

  /** Free the entry when it was in no snapshot for a whole pass that met no slot of it. */
  #retireIfGone(index: LimitIndex, isAtRest: boolean): void {
    const resolveNumber = this.#registry.resolveNumberOf(index) | 0;
    if (this.#registry.isReferred(index)) {
      this.#unreferredPass[index] = 0;
      return;
    }
    if (this.#unreferredPass[index] === 0 || this.#unreferredResolve[index] !== resolveNumber) {
      this.#unreferredPass[index] = this.#pass;
      this.#unreferredResolve[index] = resolveNumber;
      return;
    }
    const wasSweptWhole = this.#pass - (this.#unreferredPass[index] as number) >= 2;
    if (!wasSweptWhole || this.#metBefore[index] !== 0 || !isAtRest) return;
    this.#registry.retire(index);
    this.#limits[index] = undefined;
    this.#unreferredPass[index] = 0;
  }

  #limitAt(index: LimitIndex, nowUs: number): Limit {
    assert(index >= 0, 'a slot that is not free has a limit');
    let limit = this.#limits[index];
    if (limit === undefined) {
      limit = new Limit(this.#table, index);
      this.#limits[index] = limit;
    }
    if (limit.isOutdated(this.#table, nowUs)) limit.refresh(this.#table, nowUs);
    return limit;
  }
}

function isIdle(limit: Limit, tat: number, nowUs: number): boolean {
  if (limit.algorithm !== Algorithm.GCRA) {
    return isSpent(limit.algorithm, tat, limit.spanNumber(nowUs - IDLE_MARGIN_US));
  }
  const ahead = (tat - limit.virtualTime(nowUs)) | 0;
  return ahead < -idleMarginUnits(limit) || ahead > limit.staleUnits;
}

function idleMarginUnits(limit: Limit): number {
  return Math.ceil(IDLE_MARGIN_US * limit.unitsPerUs) + IDLE_MARGIN_UNITS;
}
