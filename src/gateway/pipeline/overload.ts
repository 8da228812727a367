// The gateway's own limit: when a worker cannot keep up, or memory runs out, a share of the requests is refused before
// anything is spent on them.
//
// A worker that cannot keep up has turns of its loop that grow: what comes during one is what the next has to do. So each turn
// is given a time. Once a turn has lasted for loopDelay, the requests that it still meets are shed, none of them at first and
// all at twice that; the turn ends soon, and the next has less to do. Nothing has to be tuned or can swing: a turn lasts
// little more than loopDelay however many requests come, and all of that time is spent on requests that are served. A turn that
// is long by itself (a collection, a stopped process) sheds nothing: only where the turn before was late, too.

import type { WorkerIndex } from '../../base/ids.ts';
import type { ControlBlock } from '../../shm/control-block.ts';
import type { OverloadPlan } from '../snapshot.ts';
import { TICK_MS } from './deadlines.ts';
import { ADMIT, errors, type Verdict } from './errors.ts';
import type { Exchange } from './exchange.ts';

// For want of memory, some are let in all the same: without them nobody would notice that things are better.
const MEMORY_SHARE_MAX = 0.95;
// Clients are told to come back after 1 s, up to so much later the more are shed, and not all at once.
const RETRY_SPREAD_SECONDS = 4;
const LEVEL_WINDOW_MS = 500;

export class Overload {
  /** Each request has to be decided on. */
  isShedding = false;
  readonly #control: ControlBlock;
  readonly #worker: WorkerIndex;
  readonly #random: () => number;
  #tickMs = 0;
  #loopDelayMs = 0;
  /** The turn before this one was longer than it may be. */
  #wasLate = false;
  #memoryShare = 0;
  /** What has come together of requests to shed: at 1, one is. */
  #owed = 0;
  #asked = 0;
  #shed = 0;
  #levelMs = 0;

  /** @param random  0 to 1 */
  constructor(control: ControlBlock, worker: WorkerIndex, random: () => number = Math.random) {
    this.#control = control;
    this.#worker = worker;
    this.#random = random;
  }

  /** The worker's tick: one per turn of the loop where turns are longer than TICK_MS. */
  tick({ loopDelayMs }: OverloadPlan, nowMs: number): void {
    const lateMs = this.#tickMs === 0 ? 0 : nowMs - this.#tickMs - TICK_MS;
    this.#tickMs = nowMs;
    this.#loopDelayMs = loopDelayMs;
    this.#wasLate = loopDelayMs > 0 && lateMs >= loopDelayMs;
    this.#memoryShare = Math.min(MEMORY_SHARE_MAX, this.#control.memoryShed() / 1_000);
    this.isShedding = this.#wasLate || this.#memoryShare > 0;
    if (nowMs - this.#levelMs < LEVEL_WINDOW_MS) return;
    this.#levelMs = nowMs;
    this.#control.write(this.#worker, 'overload', Math.round((1_000 * this.#shed) / Math.max(1, this.#asked)));
    this.#asked = 0;
    this.#shed = 0;
  }

  /** @returns ADMIT, or the error that the exchange ends with @hot while shedding */
  decide(x: Exchange): Verdict {
    this.#asked++;
    const loopShare = this.#wasLate ? this.#shareAt(x.startUs / 1_000) : 0;
    const share = Math.max(loopShare, this.#memoryShare);
    this.#owed += share;
    if (this.#owed < 1) return ADMIT;
    this.#owed -= 1;
    this.#shed++;
    this.#control.add(this.#worker, loopShare >= this.#memoryShare ? 'shedsLoop' : 'shedsMemory', 1);
    x.retryAfterSeconds = 1 + Math.round(RETRY_SPREAD_SECONDS * share * this.#random());
    return errors.OVERLOADED.id;
  }

  #shareAt(nowMs: number): number {
    const turnMs = nowMs - this.#tickMs;
    return Math.min(1, Math.max(0, turnMs / this.#loopDelayMs - 1));
  }
}
