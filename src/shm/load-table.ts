// How much each upstream has under way, how much it may have, and who waits: one limit for all workers.
//
//   offset                     type  field          unit           written by      meaning
//   ----------------------------------------------------------------------------------------------------------------------
//   0                          u32   magic          -              main, once      0x51C1CE0C
//   4                          u32   workerCount    -              main, once      W
//   64 + (320 + 128·W)·u + 0   u32   lock           0 | w + 1      any worker      who works on the words of this line
//   64 + (320 + 128·W)·u + 4   u32   limit          1/256 requests lock's holder   learned; 0: nothing is known yet
//   64 + (320 + 128·W)·u + 8   u32   admitted       requests       lock's holder   what admission obeys, lower during a probe
//   64 + (320 + 128·W)·u + 12  u32   baseline       4 µs           lock's holder   latency where nothing queues
//   64 + (320 + 128·W)·u + 16  u32   latency        4 µs           lock's holder   mean of the last window
//   64 + (320 + 128·W)·u + 20  u32   phase          -              lock's holder   of a probe (gradient-limit.ts)
//   64 + (320 + 128·W)·u + 24  u32   probed         ms mod 2³²     lock's holder   when the last probe began or ended
//   64 + (320 + 128·W)·u + 28  u32   probeLength    ms             lock's holder
//   64 + (320 + 128·W)·u + 32  u32   probedLimit    1/256 requests lock's holder   the limit at the last probe's end
//   64 + (320 + 128·W)·u + 36  u32   isDoubtful     0 | 1          lock's holder   the baseline needs another probe
//   64 + (320 + 128·W)·u + 40  u32   windowStart    ms mod 2³²     lock's holder   of the limit's window
//   64 + (320 + 128·W)·u + 44  u32   rateStart      ms mod 2³²     lock's holder   of the second that rates are taken over
//   64 + (320 + 128·W)·u + 48  u32   endedSeen      count mod 2³²  lock's holder   `ended` at its start
//   64 + (320 + 128·W)·u + 52  u32   shedSeen       count mod 2³²  lock's holder   all sheds at its start
//   64 + (320 + 128·W)·u + 56  u32   drainRate      requests/s     lock's holder   that ended
//   64 + (320 + 128·W)·u + 60  u32   shedRate       requests/s     lock's holder   that were shed
//   64 + (320 + 128·W)·u + 64  i32   inFlight       requests       any worker      under way, all workers together
//   64 + (320 + 128·W)·u + 68  i32   waiting        requests       any worker      in the workers' queues
//   64 + (320 + 128·W)·u + 72  u32   reserveStart   ms mod 2³²     lock's holder   when reserve was set
//   64 + (320 + 128·W)·u + 76  u32   probedLevel    priority       lock's holder   the highest that a probe holds back
//   64 + (320 + 128·W)·u + 128 u32   sampleSum      4 µs           any worker      latencies of the window
//   64 + (320 + 128·W)·u + 132 u32   sampleCount    count          any worker
//   64 + (320 + 128·W)·u + 136 u32   peak           requests       any worker      most under way in the window (a hint)
//   64 + (320 + 128·W)·u + 140 u32   ended          count mod 2³²  any worker      requests that gave their place back
//   64 + (320 + 128·W)·u + 144 u32   sheds[4]       count mod 2³²  any worker      refused, by ShedCause
//   64 + (320 + 128·W)·u + 192 i32   atLevel[16]    requests       any worker      of inFlight, by priority
//   64 + (320 + 128·W)·u + 256 u32   reserve[16]    requests       lock's holder   places that a priority leaves to higher ones
//   row + 0                    i32   held           requests       worker w        its part of inFlight
//   row + 4                    i32   waiting        requests       worker w        its part of `waiting`
//   row + 8                    u32   top            0 | p + 1      worker w        the highest priority that waits on it
//   row + 12                   u32   polled         ms mod 2³²     worker w        when it last looked for free places
//   row + 64                   i32   atLevel[16]    requests       worker w        its part of atLevel
//
// A row is at 64 + (320 + 128·W)·u + 320 + 128·w: worker w's, of upstream u.
//
// INVARIANTS. inFlight = Σ held, waiting = Σ waiting, atLevel = Σ atLevel, but for calls under way. inFlight never passes the
// cap of the call that raises it. Samples of a window: at most SAMPLE_COUNT_MAX of at most SAMPLE_MAX, so that their sum fits 32 bits.
//
// PROTOCOL. enter: compare-and-swap inFlight → + 1 while it is below the cap; then the worker's row. leave: the row, then
// inFlight − 1. lock: compare-and-swap 0 → w + 1; who does not get it goes on without: another worker is at it. A worker that
// died with it is unlocked by the main thread (zeroWorker), which then takes its row from the totals.
//
// LIMITS. 1,024 upstreams; 16 priorities. Nothing here blocks.

import { assert } from '../base/assert.ts';
import type { LoadIndex, WorkerIndex } from '../base/ids.ts';

export const LOAD_COUNT = 1_024;
/** Priorities are 0 to 15. */
export const LEVEL_COUNT = 16;

/** Why a request was refused, in the order of the words. */
export const ShedCause = {
  /** The queue was full. */
  QUEUE_FULL: 0,
  /** It waited as long as it may. */
  QUEUE_TIME: 1,
  /** The queue stood: CoDel. */
  QUEUE_STANDING: 2,
  /** One of a higher priority took its place in the queue. */
  PRIORITY: 3,
} as const;
export type ShedCause = (typeof ShedCause)[keyof typeof ShedCause];
export const SHED_CAUSE_COUNT = 4;

const MAGIC = 0x51c1ce0c;
const WORKER_COUNT_MAX = 64;
const HEADER_BYTES = 64;
const UPSTREAM_BYTES = 320;
const ROW_BYTES = 128;
const LEVELS_BYTE = 192;
const RESERVE_BYTE = 256;
const SHEDS_BYTE = 144;
const ROW_LEVELS_BYTE = 64;

const fields = {
  lock: 0,
  limit: 4,
  admitted: 8,
  baseline: 12,
  latency: 16,
  phase: 20,
  probed: 24,
  probeLength: 28,
  probedLimit: 32,
  isDoubtful: 36,
  windowStart: 40,
  rateStart: 44,
  endedSeen: 48,
  shedSeen: 52,
  drainRate: 56,
  shedRate: 60,
  inFlight: 64,
  waiting: 68,
  reserveStart: 72,
  probedLevel: 76,
  sampleSum: 128,
  sampleCount: 132,
  peak: 136,
  ended: 140,
} as const;

export const loadTableLayout = {
  headerBytes: HEADER_BYTES,
  upstreamBytes: UPSTREAM_BYTES,
  rowBytes: ROW_BYTES,
  loadCount: LOAD_COUNT,
  levelCount: LEVEL_COUNT,
  header: { magic: 0, workerCount: 4 },
  upstream: { ...fields, sheds: SHEDS_BYTE, atLevel: LEVELS_BYTE, reserve: RESERVE_BYTE },
  row: { held: 0, waiting: 4, top: 8, polled: 12, atLevel: ROW_LEVELS_BYTE },
} as const;

/** A word of an upstream that can be read by its name. */
export type LoadField = keyof typeof fields;

export const SAMPLE_UNIT_US = 4;
/** More samples of one window say nothing new. */
export const SAMPLE_COUNT_MAX = 512;
// 2²³ · 4 µs = 33 s: 512 of them fill 32 bits.
const SAMPLE_MAX = 2 ** 23 - 1;

// A worker whose loop stands still for longer claims nothing: its waiting requests must not stop all others' traffic.
const STALE_MS = 50;

const row = loadTableLayout.row;
const ROW_HELD = row.held / 4;
const ROW_WAITING = row.waiting / 4;
const ROW_TOP = row.top / 4;
const ROW_POLLED = row.polled / 4;
const ROW_LEVELS = row.atLevel / 4;

export class LoadTable {
  readonly buffer: SharedArrayBuffer;
  readonly workerCount: number;
  readonly #words: Int32Array;
  readonly #strideWords: number;

  constructor(buffer: SharedArrayBuffer) {
    assert(buffer.byteLength >= HEADER_BYTES, 'a load table has a header');
    this.buffer = buffer;
    this.#words = new Int32Array(buffer);
    assert(this.#words[0] === (MAGIC | 0), 'the buffer is a load table');
    this.workerCount = this.#words[1] as number;
    this.#strideWords = (UPSTREAM_BYTES + ROW_BYTES * this.workerCount) / 4;
  }

  static create(workerCount: number): LoadTable {
    assert(workerCount >= 1 && workerCount <= WORKER_COUNT_MAX, 'a process has 1 to 64 gateway workers');
    const buffer = new SharedArrayBuffer(HEADER_BYTES + (UPSTREAM_BYTES + ROW_BYTES * workerCount) * LOAD_COUNT);
    new Int32Array(buffer).set([MAGIC | 0, workerCount]);
    return new LoadTable(buffer);
  }

  /** @hot */
  read(load: LoadIndex, field: LoadField): number {
    return this.#words[this.#at(load) + fields[field] / 4] as number;
  }

  /** For whoever holds the lock. */
  write(load: LoadIndex, field: LoadField, value: number): void {
    this.#words[this.#at(load) + fields[field] / 4] = value;
  }

  /** Read a word and set it to 0, whoever adds to it meanwhile. */
  take(load: LoadIndex, field: 'sampleSum' | 'sampleCount'): number {
    return Atomics.exchange(this.#words, this.#at(load) + fields[field] / 4, 0) >>> 0;
  }

  /** @returns false when somebody has it already */
  tryLock(load: LoadIndex, worker: WorkerIndex): boolean {
    return Atomics.compareExchange(this.#words, this.#at(load) + fields.lock / 4, 0, worker + 1) === 0;
  }

  unlock(load: LoadIndex): void {
    Atomics.store(this.#words, this.#at(load) + fields.lock / 4, 0);
  }

  /**
   * One more request under way, if fewer than `cap` are.
   * @param level  its priority
   * @returns whether it was
   * @hot
   */
  enter(load: LoadIndex, worker: WorkerIndex, level: number, cap: number): boolean {
    const words = this.#words;
    const base = this.#at(load);
    const at = base + fields.inFlight / 4;
    for (;;) {
      const now = Atomics.load(words, at);
      if (now >= cap) return false;
      if (Atomics.compareExchange(words, at, now, now + 1) !== now) continue;
      // Two that write at once: the window's peak is one too low.
      if (now + 1 > (words[base + fields.peak / 4] as number)) words[base + fields.peak / 4] = now + 1;
      const own = this.#row(base, worker);
      words[own + ROW_HELD]!++;
      words[own + ROW_LEVELS + level]!++;
      Atomics.add(words, base + LEVELS_BYTE / 4 + level, 1);
      return true;
    }
  }

  /** The end of what enter() admitted. @hot */
  leave(load: LoadIndex, worker: WorkerIndex, level: number): void {
    const words = this.#words;
    const base = this.#at(load);
    const own = this.#row(base, worker);
    // Taking what was not held from the total would let others in above the limit.
    if ((words[own + ROW_HELD] as number) <= 0) return;
    words[own + ROW_HELD]!--;
    words[own + ROW_LEVELS + level]!--;
    Atomics.sub(words, base + LEVELS_BYTE / 4 + level, 1);
    Atomics.add(words, base + fields.ended / 4, 1);
    Atomics.sub(words, base + fields.inFlight / 4, 1);
  }

  /** The latency of a request that ended. @returns false when the window has enough of them @hot */
  addSample(load: LoadIndex, latencyUs: number): boolean {
    const base = this.#at(load);
    if ((this.#words[base + fields.sampleCount / 4] as number) >= SAMPLE_COUNT_MAX - this.workerCount) return false;
    const sample = Math.min(SAMPLE_MAX, Math.round(latencyUs / SAMPLE_UNIT_US));
    Atomics.add(this.#words, base + fields.sampleSum / 4, sample);
    Atomics.add(this.#words, base + fields.sampleCount / 4, 1);
    return true;
  }

  countShed(load: LoadIndex, cause: ShedCause): void {
    Atomics.add(this.#words, this.#at(load) + SHEDS_BYTE / 4 + cause, 1);
  }

  sheds(load: LoadIndex, cause: ShedCause): number {
    return Atomics.load(this.#words, this.#at(load) + SHEDS_BYTE / 4 + cause) >>> 0;
  }

  /** Under way, of one priority. */
  atLevel(load: LoadIndex, level: number): number {
    return Atomics.load(this.#words, this.#at(load) + LEVELS_BYTE / 4 + level);
  }

  /** Places that a priority leaves to higher ones. @hot */
  reserve(load: LoadIndex, level: number): number {
    return this.#words[this.#at(load) + RESERVE_BYTE / 4 + level] as number;
  }

  /** For whoever holds the lock. */
  setReserve(load: LoadIndex, level: number, places: number): void {
    this.#words[this.#at(load) + RESERVE_BYTE / 4 + level] = places;
  }

  /** A worker's queue has changed. @param top  the highest priority that waits, -1 for none */
  noteWaiting(load: LoadIndex, worker: WorkerIndex, count: number, top: number, nowMs: number): void {
    const words = this.#words;
    const base = this.#at(load);
    const own = this.#row(base, worker);
    const change = count - (words[own + ROW_WAITING] as number);
    words[own + ROW_WAITING] = count;
    words[own + ROW_POLLED] = nowMs | 0;
    Atomics.store(words, own + ROW_TOP, top + 1);
    if (change !== 0) Atomics.add(words, base + fields.waiting / 4, change);
  }

  /**
   * Whether a free place is rather another worker's: one of a higher priority waits there; or one of this priority, and that
   * worker has less than its share of the places while this one has its own.
   * @hot only where somebody waits
   */
  belongsElsewhere(load: LoadIndex, worker: WorkerIndex, level: number, cap: number, nowMs: number): boolean {
    const words = this.#words;
    const base = this.#at(load);
    const waitingHere = words[this.#row(base, worker) + ROW_WAITING] as number;
    if ((words[base + fields.waiting / 4] as number) <= waitingHere) return false;
    let claimants = 1;
    let leastHeld = Number.POSITIVE_INFINITY;
    for (let other = 0; other < this.workerCount; other++) {
      const at = this.#row(base, other as WorkerIndex);
      const top = Atomics.load(words, at + ROW_TOP) - 1;
      if (other === worker || top < level) continue;
      if (((nowMs - (words[at + ROW_POLLED] as number)) | 0) > STALE_MS) continue;
      if (top > level) return true;
      claimants++;
      leastHeld = Math.min(leastHeld, words[at + ROW_HELD] as number);
    }
    const share = cap / claimants;
    return leastHeld < Math.floor(share) && (words[this.#row(base, worker) + ROW_HELD] as number) >= share;
  }

  /** After worker's thread has ended: what it had under way or waiting is no more. @returns places given back */
  zeroWorker(worker: WorkerIndex): number {
    let given = 0;
    for (let index = 0; index < LOAD_COUNT; index++) given += this.#zeroRow(this.#at(index as LoadIndex), worker);
    return given;
  }

  /** For an index that was given to another upstream. Nothing of the old one is under way. */
  reset(load: LoadIndex): void {
    const from = this.#at(load);
    for (let word = from; word < from + this.#strideWords; word++) Atomics.store(this.#words, word, 0);
  }

  #zeroRow(base: number, worker: WorkerIndex): number {
    const words = this.#words;
    const at = this.#row(base, worker);
    Atomics.compareExchange(words, base + fields.lock / 4, worker + 1, 0);
    const held = words[at + ROW_HELD] as number;
    Atomics.sub(words, base + fields.inFlight / 4, held);
    Atomics.sub(words, base + fields.waiting / 4, words[at + ROW_WAITING] as number);
    for (let level = 0; level < LEVEL_COUNT; level++) {
      Atomics.sub(words, base + LEVELS_BYTE / 4 + level, words[at + ROW_LEVELS + level] as number);
    }
    words.fill(0, at, at + ROW_BYTES / 4);
    return held;
  }

  #at(load: LoadIndex): number {
    return HEADER_BYTES / 4 + load * this.#strideWords;
  }

  #row(base: number, worker: WorkerIndex): number {
    return base + (UPSTREAM_BYTES + ROW_BYTES * worker) / 4;
  }
}
