// Deadlines of exchanges on one coarse wheel per worker, so that no timer is armed per request.
//
// An exchange has at most one deadline. Moving it later, which every chunk of a body does, writes one number: the wheel
// finds out when it comes by. A deadline fires within one tick after it is due, never before.

import type { Exchange } from './exchange.ts';

export const TICK_MS = 10;
// 1,024 buckets of 10 ms: deadlines up to 10 s are touched once, one of 60 s six times.
const BUCKET_COUNT = 1_024;

// Values of Exchange.dueBucket besides a bucket's index.
const NONE = -1;
const VISITED = -2;

export class Deadlines {
  readonly #buckets: (Exchange | undefined)[] = new Array<Exchange | undefined>(BUCKET_COUNT).fill(undefined);
  readonly #visited: Exchange[] = [];
  readonly #onDue: (x: Exchange) => void;
  #nowMs: number;

  constructor(nowMs: number, onDue: (x: Exchange) => void) {
    this.#nowMs = nowMs;
    this.#onDue = onDue;
  }

  /** Monotonic milliseconds as of the last tick. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Set or move the exchange's deadline, `ms` from now (counted from the last tick, plus one tick). @hot */
  arm(x: Exchange, ms: number): void {
    const dueMs = this.#nowMs + ms + TICK_MS;
    if (x.dueBucket >= 0 && dueMs >= x.dueMs) {
      x.dueMs = dueMs;
      return;
    }
    this.disarm(x);
    x.dueMs = dueMs;
    this.#link(x);
  }

  /** @hot */
  disarm(x: Exchange): void {
    if (x.dueBucket === VISITED) x.dueBucket = NONE;
    if (x.dueBucket === NONE) return;
    if (x.duePrevious === undefined) this.#buckets[x.dueBucket] = x.dueNext;
    else x.duePrevious.dueNext = x.dueNext;
    if (x.dueNext !== undefined) x.dueNext.duePrevious = x.duePrevious;
    x.duePrevious = undefined;
    x.dueNext = undefined;
    x.dueBucket = NONE;
  }

  /** Let the time come: fires everything due until nowMs. */
  advance(nowMs: number): void {
    const from = Math.floor(this.#nowMs / TICK_MS) + 1;
    const to = Math.floor(nowMs / TICK_MS);
    this.#nowMs = Math.max(this.#nowMs, nowMs);
    // After a long stall one round over all buckets is enough.
    for (let tick = Math.max(from, to - BUCKET_COUNT + 1); tick <= to; tick++) this.#visit(tick % BUCKET_COUNT);
  }

  // Empties the bucket first: whoever fires may arm or disarm any other exchange, those of this bucket included.
  #visit(bucket: number): void {
    for (let x = this.#buckets[bucket]; x !== undefined; x = this.#buckets[bucket]) {
      this.disarm(x);
      x.dueBucket = VISITED;
      this.#visited.push(x);
    }
    for (const x of this.#visited) {
      if (x.dueBucket !== VISITED) continue;
      x.dueBucket = NONE;
      if (x.dueMs <= this.#nowMs) this.#onDue(x);
      else this.#link(x);
    }
    this.#visited.length = 0;
  }

  #link(x: Exchange): void {
    const ticks = Math.min(Math.ceil(x.dueMs / TICK_MS), Math.floor(this.#nowMs / TICK_MS) + BUCKET_COUNT - 1);
    const bucket = ticks % BUCKET_COUNT;
    const head = this.#buckets[bucket];
    x.dueBucket = bucket;
    x.duePrevious = undefined;
    x.dueNext = head;
    if (head !== undefined) head.duePrevious = x;
    this.#buckets[bucket] = x;
  }
}
