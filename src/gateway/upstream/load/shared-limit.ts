// The adaptive limit's numbers in shared memory: whichever worker's tick finds that a window is over works the next limit
// out, for all of them.

import type { LoadIndex, WorkerIndex } from '../../../base/ids.ts';
import {
  LEVEL_COUNT,
  type LoadField,
  type LoadTable,
  SAMPLE_UNIT_US,
  SHED_CAUSE_COUNT,
  type ShedCause,
} from '../../../shm/load-table.ts';
import type { LoadPlan } from '../../snapshot.ts';
import {
  closeWindow,
  isWindowOver,
  LIMIT_INITIAL,
  type LimitState,
  type LimitWindow,
  Phase,
} from './gradient-limit.ts';

// placesFor() shifts by 8.
const LIMIT_FRACTION = 256;
const RATE_MS = 1_000;
const RATE_SECONDS_MAX = 5;
const RESERVE_MS = 100;
const AHEAD_MS_MAX = 60_000;
// Priorities leave so much at most to higher ones.
const RESERVE_SHARE_MAX = 0.25;

// Reused: filled from shared memory, worked on, written back.
const state: LimitState = {
  limit: 0,
  admitted: 0,
  baselineUs: 0,
  latencyUs: 0,
  phase: Phase.STEADY,
  probedMs: 0,
  probeLengthMs: 0,
  probedLimit: 0,
  isDoubtful: 0,
};
const window: LimitWindow = { startMs: 0, nowMs: 0, count: 0, meanUs: 0, peak: 0 };

export class SharedLimit {
  readonly #table: LoadTable;
  readonly #load: LoadIndex;
  readonly #worker: WorkerIndex;

  constructor(table: LoadTable, load: LoadIndex, worker: WorkerIndex) {
    this.#table = table;
    this.#load = load;
    this.#worker = worker;
  }

  /** 0 while unknown. @hot */
  get baselineUs(): number {
    return this.#table.read(this.#load, 'baseline') * SAMPLE_UNIT_US;
  }

  /** What an adaptive limit lets a priority have now: probes hold back the lowest only. @hot */
  placesFor(level: number): number {
    const isHeldBack = level <= this.#table.read(this.#load, 'probedLevel');
    const places = isHeldBack ? this.#table.read(this.#load, 'admitted') : this.#table.read(this.#load, 'limit') >> 8;
    return places === 0 ? LIMIT_INITIAL : places;
  }

  /** Close what is over: the limit's window, the second of the rates, the time of the reserves. @param random  0 to 1 */
  maintain(plan: LoadPlan, nowMs: number, random: number): void {
    const isDue =
      this.#ageMs('reserveStart', nowMs) >= RESERVE_MS ||
      this.#ageMs('rateStart', nowMs) >= RATE_MS ||
      (plan.adaptive && this.#isLimitOver(nowMs));
    if (!isDue || !this.#table.tryLock(this.#load, this.#worker)) return;
    // Another worker may have been here since.
    if (this.#ageMs('rateStart', nowMs) >= RATE_MS) this.#closeRates(nowMs);
    if (!plan.adaptive) this.#keepFixed(plan);
    else if (this.#isLimitOver(nowMs)) this.#closeLimit(plan, nowMs, random);
    if (this.#ageMs('reserveStart', nowMs) >= RESERVE_MS) this.#closeReserves(plan, nowMs);
    this.#table.unlock(this.#load);
  }

  /** Fills state and window, too. */
  #isLimitOver(nowMs: number): boolean {
    this.#fill(nowMs);
    return state.limit === 0 || isWindowOver(state, window);
  }

  /** So that metrics tell it, and an adaptive limit that follows begins with it. */
  #keepFixed({ max }: LoadPlan): void {
    this.#table.write(this.#load, 'limit', max * LIMIT_FRACTION);
    this.#table.write(this.#load, 'admitted', max);
    this.#table.write(this.#load, 'isDoubtful', 1);
  }

  #fill(nowMs: number): void {
    const read = (field: LoadField): number => this.#table.read(this.#load, field);
    state.limit = read('limit') / LIMIT_FRACTION;
    state.admitted = read('admitted');
    state.baselineUs = this.baselineUs;
    state.latencyUs = read('latency') * SAMPLE_UNIT_US;
    state.phase = read('phase') as Phase;
    state.probedMs = nowMs - this.#ageMs('probed', nowMs);
    state.probeLengthMs = read('probeLength');
    state.probedLimit = read('probedLimit') / LIMIT_FRACTION;
    state.isDoubtful = read('isDoubtful');
    window.startMs = nowMs - this.#ageMs('windowStart', nowMs);
    window.nowMs = nowMs;
    window.count = read('sampleCount');
    window.peak = read('peak');
  }

  #closeLimit(plan: LoadPlan, nowMs: number, random: number): void {
    if (state.limit === 0) {
      state.limit = Math.min(plan.max, Math.max(plan.min, LIMIT_INITIAL));
      state.admitted = Math.floor(state.limit);
      state.probedMs = nowMs;
      state.isDoubtful = 1;
    } else {
      // Who adds a sample between the two, adds its latency to this window and its count to the next: one of some hundred.
      const sum = this.#table.take(this.#load, 'sampleSum');
      window.count = this.#table.take(this.#load, 'sampleCount');
      window.meanUs = window.count === 0 ? 0 : (sum / window.count) * SAMPLE_UNIT_US;
      closeWindow(state, window, plan, random);
      if (state.phase === Phase.DRAIN) this.#table.write(this.#load, 'probedLevel', this.#lowestUnderWay());
    }
    this.#store(nowMs);
  }

  #lowestUnderWay(): number {
    let level = 0;
    while (level < LEVEL_COUNT - 1 && this.#table.atLevel(this.#load, level) <= 0) level++;
    return level;
  }

  #store(nowMs: number): void {
    const write = (field: LoadField, value: number): void =>
      this.#table.write(this.#load, field, Math.round(value) | 0);
    write('limit', state.limit * LIMIT_FRACTION);
    write('admitted', state.admitted);
    write('baseline', state.baselineUs / SAMPLE_UNIT_US);
    write('latency', state.latencyUs / SAMPLE_UNIT_US);
    write('phase', state.phase);
    write('probed', state.probedMs);
    write('probeLength', state.probeLengthMs);
    write('probedLimit', state.probedLimit * LIMIT_FRACTION);
    write('isDoubtful', state.isDoubtful);
    write('windowStart', nowMs);
    write('peak', this.#table.read(this.#load, 'inFlight'));
  }

  #closeRates(nowMs: number): void {
    const table = this.#table;
    const load = this.#load;
    const ended = table.read(load, 'ended');
    let shed = 0;
    for (let cause = 0; cause < SHED_CAUSE_COUNT; cause++) shed = (shed + table.sheds(load, cause as ShedCause)) | 0;
    const seconds = this.#ageMs('rateStart', nowMs) / 1_000;
    // After a long rest the first second says nothing of how fast it can be.
    if (seconds < RATE_SECONDS_MAX) {
      table.write(load, 'drainRate', Math.round(((ended - table.read(load, 'endedSeen')) | 0) / seconds));
      table.write(load, 'shedRate', Math.round(((shed - table.read(load, 'shedSeen')) | 0) / seconds));
    }
    table.write(load, 'endedSeen', ended);
    table.write(load, 'shedSeen', shed);
    table.write(load, 'rateStart', nowMs | 0);
  }

  /**
   * What higher priorities have under way comes and goes by about its square root: so many places are left free for them. They
   * are above what the upstream does at once anyway (gradient-limit.ts), so that leaving them free costs nothing.
   */
  #closeReserves({ adaptive, max }: LoadPlan, nowMs: number): void {
    const table = this.#table;
    const limit = adaptive ? table.read(this.#load, 'admitted') : max;
    const most = Math.floor(limit * RESERVE_SHARE_MAX);
    let above = 0;
    for (let level = LEVEL_COUNT - 1; level >= 0; level--) {
      // Up at once, down step by step.
      const wanted = Math.max(Math.ceil(Math.sqrt(above)), table.reserve(this.#load, level) - 1);
      table.setReserve(this.#load, level, Math.min(most, wanted));
      above += Math.max(0, table.atLevel(this.#load, level));
    }
    table.write(this.#load, 'reserveStart', nowMs | 0);
  }

  #ageMs(field: 'probed' | 'windowStart' | 'rateStart' | 'reserveStart', nowMs: number): number {
    const age = ((nowMs | 0) - this.#table.read(this.#load, field)) | 0;
    // Another worker may have written a moment that is later than this one's reading of the clock, by some milliseconds. What is
    // further ahead lies 25 days and more back.
    return age < -AHEAD_MS_MAX ? age + 2 ** 32 : Math.max(0, age);
  }
}
