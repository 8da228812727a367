// Who of an upstream's targets may be picked just now, and with how much of its weight: what every balancer chooses from.
//
// Looked up in shared memory once per tick of the worker (10 ms), and when this worker has put a target out or back: so
// a change by another worker, or by active checks, is met by the next tick, and a pick reads nothing shared but what its
// algorithm needs.

import type { TargetTable } from '../../shm/target-table.ts';
import type { BalancingPlan } from '../snapshot.ts';
import type { LiveTarget } from './live-upstream.ts';

// What a target begins with while its share grows: enough to warm up, little enough not to hurt.
const RAMP_MIN = 0.1;

// Values of #states.
const OUT = 0;
const OPEN = 1;
/** One try now and then, until it answers. */
const TRIAL = 2;

export class Roster {
  readonly targets: readonly LiveTarget[];
  readonly table: TargetTable;
  /** Ordinals of the targets that may be picked: the first openCount, which is never 0. */
  readonly open: Int32Array;
  openCount: number;
  /** Of each target in `open`. */
  readonly places: Int32Array;
  /** The part of its weight that each target has, up to 1. */
  readonly ramps: Float64Array;
  /** Some ramp is below 1. */
  isWarming = false;
  /** Too few are available: all may be picked. */
  isPanicking = false;
  readonly #states: Uint8Array;
  readonly #slowStartMs: number;
  readonly #panicShare: number;
  /** Between two tries of a target on trial; 0: there are no trials. */
  readonly #trialGapMs: number;
  #atMs = Number.NaN;

  constructor(targets: readonly LiveTarget[], table: TargetTable, plan: BalancingPlan | undefined) {
    this.targets = targets;
    this.table = table;
    this.open = new Int32Array(targets.length);
    this.openCount = 0;
    this.places = new Int32Array(targets.length);
    this.ramps = new Float64Array(targets.length).fill(1);
    this.#states = new Uint8Array(targets.length);
    this.#slowStartMs = plan?.slowStartMs ?? 0;
    this.#panicShare = plan?.outliers?.panicShare ?? 0;
    this.#trialGapMs = plan?.outliers?.ejectMs ?? 0;
  }

  /** It is not of now: look before the next pick. @param nowMs  monotonic; stands still within a tick @hot */
  isStale(nowMs: number): boolean {
    return nowMs !== this.#atMs;
  }

  /** Something has changed: look again before the next pick. */
  invalidate(): void {
    this.#atMs = Number.NaN;
  }

  /** Whether a target may be picked for an exchange that has been to the tried ones. @hot */
  fits(target: LiveTarget, tried: readonly LiveTarget[] | undefined): boolean {
    const state = this.#states[target.ordinal];
    if (state === OUT || tried?.includes(target) === true) return false;
    return state === OPEN || this.table.isTrialDue(target.index, this.#atMs, this.#trialGapMs);
  }

  /** It gets a try. If it is on trial, that is the one that it has to answer. @hot */
  take(target: LiveTarget): void {
    if (this.#states[target.ordinal] === TRIAL) this.table.beginTrial(target.index, this.#atMs);
  }

  /**
   * The next one from a random place on that fits; else one that has not been tried, or at least is not out.
   * @param random  0 to 1, without 1
   */
  anyFitting(random: number, tried: readonly LiveTarget[] | undefined): LiveTarget {
    const start = (random * this.openCount) | 0;
    let untried: LiveTarget | undefined;
    for (let step = 0; step < this.openCount; step++) {
      const target = this.#openAt(start + step);
      if (this.fits(target, tried)) return target;
      if (tried?.includes(target) !== true) untried ??= target;
    }
    return untried ?? this.#openAt(start);
  }

  /** Another one that may be picked, by chance; the same when there is none that fits. @param random  0 to 1, without 1 @hot */
  other(first: LiveTarget, random: number, tried: readonly LiveTarget[] | undefined): LiveTarget {
    const others = this.openCount - 1;
    if (others < 1) return first;
    const target = this.#openAt((this.places[first.ordinal] as number) + 1 + ((random * others) | 0));
    return this.fits(target, tried) ? target : first;
  }

  /** @hot */
  #openAt(place: number): LiveTarget {
    return this.targets[this.open[place % this.openCount] as number] as LiveTarget;
  }

  /** Look up who may be picked now. */
  look(nowMs: number): void {
    this.#atMs = nowMs;
    const { targets, table } = this;
    let available = 0;
    for (const { ordinal, index } of targets) {
      const isOut = table.isOut(index, nowMs);
      const isOnTrial = !isOut && this.#trialGapMs > 0 && table.isOnTrial(index);
      this.#states[ordinal] = isOut ? OUT : isOnTrial ? TRIAL : OPEN;
      if (!isOut) available++;
    }
    this.isPanicking = available === 0 || available < this.#panicShare * targets.length;
    if (this.isPanicking) this.#states.fill(OPEN);
    this.openCount = 0;
    for (const { ordinal } of targets) {
      if (this.#states[ordinal] === OUT) continue;
      this.places[ordinal] = this.openCount;
      this.open[this.openCount++] = ordinal;
    }
    if (this.#slowStartMs > 0) this.#warm(nowMs);
  }

  /** Where all are as new, none has less than its weight. */
  #warm(nowMs: number): void {
    let highest = 0;
    for (const { ordinal, index } of this.targets) {
      const serviceMs = this.table.serviceTimeMs(index, nowMs);
      // Negative: it is out, or the clock has wrapped.
      const grown = serviceMs < 0 ? 1 : Math.min(1, serviceMs / this.#slowStartMs);
      const ramp = Math.max(RAMP_MIN, grown);
      this.ramps[ordinal] = ramp;
      if (this.#states[ordinal] !== OUT) highest = Math.max(highest, ramp);
    }
    this.isWarming = false;
    for (const { ordinal } of this.targets) {
      const ramp = Math.min(1, (this.ramps[ordinal] as number) / highest);
      this.ramps[ordinal] = ramp;
      if (ramp < 1) this.isWarming = true;
    }
  }
}
