// What all workers know of the upstreams' targets: who is out, what each has under way and how it answers, whose turn it is.
//
//   offset            type  field            unit          written by    meaning
//   -----------------------------------------------------------------------------------------------------------------
//   0                 u32   magic            -             main, once    0x51C1CE03
//   4                 u32   workerCount      -             main, once    rows at the end
//   64 + 128·t + 0    u32   outUntilMs       ms mod 2³²    any worker    monotonic time until which target t is out
//   64 + 128·t + 4    u32   failures         count         any worker    times in a row that it was put out; 0: never, or long ago
//   64 + 128·t + 8    u32   sinceMs          ms mod 2³²    any worker    when it was new, or came back; 0: not yet seen
//   64 + 128·t + 12   u32   health           0 | 1 | 2     main          by active checks: unknown, healthy, unhealthy
//   64 + 128·t + 16   u32   healthSinceMs    ms mod 2³²    main          when `health` last changed
//   64 + 128·t + 20   u32   outForMs         ms            any worker    how long it was put out last
//   64 + 128·t + 24   u32   trial            0 | 1         any worker    1: it has been out, and has not answered since
//   64 + 128·t + 28   u32   errors           count         any worker    failed tries in a row
//   64 + 128·t + 32   u32   connectFailures  count         any worker    failed connects in a row
//   64 + 128·t + 36   u32   ejections        count mod 2³² any worker    times that it was put out
//   64 + 128·t + 40   u32   panics           count mod 2³² any worker    on an upstream's first target: picks in panic
//   64 + 128·t + 44   u32   trialAtMs        ms mod 2³²    any worker    when its trial's last try was chosen; 0: none yet
//   64 + 128·t + 64   u32   cursor           count mod 2³² any worker    on an upstream's first target: its round-robin cursor
//   64 + 128·t + 68   i32   inFlight         tries         any worker    under way, of upstreams that balance by it
//   64 + 128·t + 72   u32   latencyUs        µs            any worker    peak EWMA of its latencies; 0: not known
//   64 + 128·t + 76   u32   latencyAtMs      ms mod 2³²    any worker    when that was
//   64 + 128·t + 80   u32   window[7]        -             any worker    what became of its last tries: try-window.ts
//   64 + 128·t + 108  u32   unanswered       count         any worker    tries begun since its last answer
//   64 + 128·t + 112  u32   silentSinceMs    ms mod 2³²    any worker    when the first of them began
//   64 + 128·T + 8·(T·w + t) + 0  i32  held  tries         worker w      what worker w has in inFlight(t)
//   64 + 128·T + 8·(T·w + t) + 4  i32  loose tries         worker w      what else it has under way there
//
// with T = 4,096 targets. A target's first line is read by every pick and seldom written; its second is written by every try.
//
// INVARIANTS. inFlight(t) = Σ held(w, t), but for calls under way; nothing but enter, leave and zeroWorker changes them, so that an
// index that goes to another target takes along what is still under way. outUntilMs counts only while failures > 0 and for
// at most outForMs, so that a wrapped clock puts nobody out for longer.
// All other fields are hints for balancing, written without locks: two workers that write at once may lose one's count or
// latency, put a target out for one step longer, or more of them than the most that may be out by one each. They never leave
// a field in a state that either alone could not have. Connects that fail while a target is out were begun before, and
// are one failure with the first.
// LIMITS. 4,096 targets; they keep their index over reloads. 64 workers.

import { assert } from '../base/assert.ts';
import type { TargetIndex, WorkerIndex } from '../base/ids.ts';
import { type TryCounts, TryWindows } from './try-window.ts';

export const TARGET_COUNT = 4_096;

/** What active checks say of a target. One that is not checked, or not yet, gets requests. */
export const TargetHealth = { UNKNOWN: 0, HEALTHY: 1, UNHEALTHY: 2 } as const;
export type TargetHealth = (typeof TargetHealth)[keyof typeof TargetHealth];

const MAGIC = 0x51c1ce03;
const WORKER_COUNT_MAX = 64;
const HEADER_WORDS = 16;
const TARGET_WORDS = 32;
const HELD_WORDS = 2;
const WORKER_COUNT = 1;
const OUT_UNTIL_MS = 0;
const FAILURES = 1;
const SINCE_MS = 2;
const HEALTH = 3;
const HEALTH_SINCE_MS = 4;
const OUT_FOR_MS = 5;
const TRIAL = 6;
const ERRORS = 7;
const CONNECT_FAILURES = 8;
const EJECTIONS = 9;
const PANICS = 10;
const TRIAL_AT_MS = 11;
const CURSOR = 16;
const IN_FLIGHT = 17;
const LATENCY_US = 18;
const LATENCY_AT_MS = 19;
const WINDOW = 20;
const UNANSWERED = 27;
const SILENT_SINCE_MS = 28;

export const targetTableLayout = {
  headerBytes: HEADER_WORDS * 4,
  targetBytes: TARGET_WORDS * 4,
  heldBytes: HELD_WORDS * 4,
  targetCount: TARGET_COUNT,
  header: { magic: 0, workerCount: WORKER_COUNT * 4 },
  target: {
    outUntilMs: OUT_UNTIL_MS * 4,
    failures: FAILURES * 4,
    sinceMs: SINCE_MS * 4,
    health: HEALTH * 4,
    healthSinceMs: HEALTH_SINCE_MS * 4,
    outForMs: OUT_FOR_MS * 4,
    trial: TRIAL * 4,
    errors: ERRORS * 4,
    connectFailures: CONNECT_FAILURES * 4,
    ejections: EJECTIONS * 4,
    panics: PANICS * 4,
    trialAtMs: TRIAL_AT_MS * 4,
    cursor: CURSOR * 4,
    inFlight: IN_FLIGHT * 4,
    latencyUs: LATENCY_US * 4,
    latencyAtMs: LATENCY_AT_MS * 4,
    window: WINDOW * 4,
    unanswered: UNANSWERED * 4,
    silentSinceMs: SILENT_SINCE_MS * 4,
  },
  held: { held: 0, loose: 4 },
} as const;

// Without outlier detection, a target that refused connections is tried again after 1 s, 2 s, 4 s, then every 8 s.
const BACKOFF_MS_MIN = 1_000;
const BACKOFF_DOUBLINGS_MAX = 3;
// With it, a target is put out for its time, twice that, three times …
const OUT_TIMES_MAX = 10;
// A try that began before its target was put out has ended within this time after (the longest timeout there is).
const TRY_MS_MAX = 3_600_000;

export class TargetTable {
  readonly buffer: SharedArrayBuffer;
  readonly workerCount: number;
  readonly #words: Int32Array;
  readonly #windows: TryWindows;

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer);
    this.#windows = new TryWindows(this.#words);
    assert(this.#words[0] === (MAGIC | 0), 'the buffer is a target table');
    this.workerCount = this.#words[WORKER_COUNT] as number;
  }

  static create(workerCount = 1): TargetTable {
    assert(workerCount >= 1 && workerCount <= WORKER_COUNT_MAX, 'a process has 1 to 64 gateway workers');
    const buffer = new SharedArrayBuffer((HEADER_WORDS + (TARGET_WORDS + HELD_WORDS * workerCount) * TARGET_COUNT) * 4);
    new Int32Array(buffer).set([MAGIC | 0, workerCount]);
    return new TargetTable(buffer);
  }

  /** By failures or by active checks. @hot @param nowMs monotonic milliseconds */
  isOut(target: TargetIndex, nowMs: number): boolean {
    return this.#words[lineAt(target) + HEALTH] === TargetHealth.UNHEALTHY || this.isEjected(target, nowMs);
  }

  /** By failures, whatever active checks say. @hot */
  isEjected(target: TargetIndex, nowMs: number): boolean {
    const at = lineAt(target);
    if (this.#words[at + FAILURES] === 0) return false;
    const leftMs = ((this.#words[at + OUT_UNTIL_MS] as number) - nowMs) | 0;
    return leftMs > 0 && leftMs <= (this.#words[at + OUT_FOR_MS] as number);
  }

  /** It is back, and has yet to prove itself. @hot */
  isOnTrial(target: TargetIndex): boolean {
    return this.#words[lineAt(target) + TRIAL] !== 0;
  }

  /** Of a target on trial: whether the last try that it was given has been without an answer for gapMs. @hot */
  isTrialDue(target: TargetIndex, nowMs: number, gapMs: number): boolean {
    const atMs = this.#words[lineAt(target) + TRIAL_AT_MS] as number;
    const agoMs = (nowMs - atMs) | 0;
    return atMs === 0 || agoMs < 0 || agoMs >= gapMs;
  }
  /** It has been given a try. */
  beginTrial(target: TargetIndex, nowMs: number): void {
    this.#words[lineAt(target) + TRIAL_AT_MS] = timeWord(nowMs);
  }

  /** The next number of the upstream's shared round robin. @hot */
  nextTurn(firstTarget: TargetIndex): number {
    return Atomics.add(this.#words, lineAt(firstTarget) + CURSOR, 1) >>> 0;
  }

  /** Without outlier detection: a connect failed, and the target is out for a while, for every worker. */
  countFailure(target: TargetIndex, nowMs: number): void {
    if (this.isEjected(target, nowMs)) return;
    const words = this.#words;
    const at = lineAt(target);
    const failures = Atomics.add(words, at + FAILURES, 1);
    const forMs = BACKOFF_MS_MIN << Math.min(failures, BACKOFF_DOUBLINGS_MAX);
    words[at + OUT_FOR_MS] = forMs;
    words[at + SINCE_MS] = timeWord(nowMs + forMs);
    Atomics.add(words, at + EJECTIONS, 1);
    Atomics.store(words, at + OUT_UNTIL_MS, (nowMs + forMs) | 0);
  }

  /** Without outlier detection: the target answered. @returns true when it had failed before @hot */
  countSuccess(target: TargetIndex, nowMs: number): boolean {
    const at = lineAt(target);
    if (this.#words[at + FAILURES] === 0) return false;
    if (this.isEjected(target, nowMs)) this.#words[at + SINCE_MS] = timeWord(nowMs);
    Atomics.store(this.#words, at + FAILURES, 0);
    return true;
  }

  /**
   * Out for unitMs, or twice, three times that … when it has been back for a shorter time than it was out before.
   * @returns false when another worker has just put it out
   */
  eject(target: TargetIndex, nowMs: number, unitMs: number): boolean {
    const words = this.#words;
    const at = lineAt(target);
    const untilMs = Atomics.load(words, at + OUT_UNTIL_MS);
    if (this.isEjected(target, nowMs)) return false;
    const failures = words[at + FAILURES] as number;
    const isAgain = failures > 0 && this.#backForMs(at, nowMs) < (words[at + OUT_FOR_MS] as number);
    const times = isAgain ? Math.min(failures + 1, OUT_TIMES_MAX) : 1;
    // These two count only with the third; whoever changes that has put it out.
    words[at + OUT_FOR_MS] = unitMs * times;
    Atomics.store(words, at + FAILURES, times);
    const newUntilMs = (nowMs + unitMs * times) | 0;
    if (Atomics.compareExchange(words, at + OUT_UNTIL_MS, untilMs, newUntilMs) !== untilMs) return false;
    words[at + SINCE_MS] = newUntilMs || 1;
    Atomics.add(words, at + EJECTIONS, 1);
    words[at + ERRORS] = 0;
    words[at + CONNECT_FAILURES] = 0;
    words[at + LATENCY_US] = 0;
    words[at + UNANSWERED] = 0;
    words[at + TRIAL_AT_MS] = 0;
    this.#windows.clear(at + WINDOW);
    Atomics.store(words, at + TRIAL, 1);
    return true;
  }

  /** A try that began then says nothing of the target as it is since it came back. @hot */
  isBeforeReturn(target: TargetIndex, beganMs: number): boolean {
    const at = lineAt(target);
    if (this.#words[at + FAILURES] === 0) return false;
    const untilMs = ((this.#words[at + OUT_UNTIL_MS] as number) - beganMs) | 0;
    return untilMs > 0 && untilMs <= (this.#words[at + OUT_FOR_MS] as number) + TRY_MS_MAX;
  }

  /** With outlier detection: a try went well. @returns true when that ends its trial @hot */
  countAnswer(target: TargetIndex, nowMs: number): boolean {
    const words = this.#words;
    const at = lineAt(target);
    if (words[at + ERRORS] !== 0) words[at + ERRORS] = 0;
    if (words[at + CONNECT_FAILURES] !== 0) words[at + CONNECT_FAILURES] = 0;
    if (words[at + FAILURES] === 0) return false;
    // It has been good for as long as it was out (or for so long that the clock wrapped): next time is a first time again.
    const backMs = this.#backForMs(at, nowMs);
    if (backMs < 0 || backMs >= (words[at + OUT_FOR_MS] as number)) Atomics.store(words, at + FAILURES, 0);
    if (words[at + TRIAL] === 0) return false;
    words[at + SINCE_MS] = timeWord(nowMs);
    Atomics.store(words, at + TRIAL, 0);
    return true;
  }

  /** @returns failed tries in a row */
  countError(target: TargetIndex): number {
    return Atomics.add(this.#words, lineAt(target) + ERRORS, 1) + 1;
  }
  /** @returns failed connects in a row */
  countConnectFailure(target: TargetIndex): number {
    return Atomics.add(this.#words, lineAt(target) + CONNECT_FAILURES, 1) + 1;
  }

  /** A try ended: one more in the window of now. @hot */
  countTry(target: TargetIndex, isError: boolean, latencyUs: number, nowMs: number, windowMs: number): void {
    this.#windows.count(lineAt(target) + WINDOW, isError, latencyUs, nowMs, windowMs);
  }

  /** What the target did in the last windowMs. */
  readTries(target: TargetIndex, nowMs: number, windowMs: number, into: TryCounts): void {
    this.#windows.read(lineAt(target) + WINDOW, nowMs, windowMs, into);
  }

  /** A try begins, and counts in inFlight. @hot */
  enter(target: TargetIndex, worker: WorkerIndex): void {
    // The worker is the only writer of its counts.
    this.#words[heldAt(target, worker)]!++;
    Atomics.add(this.#words, lineAt(target) + IN_FLIGHT, 1);
  }

  /** The end of a try that began with enter(). @hot */
  leave(target: TargetIndex, worker: WorkerIndex): void {
    this.#words[heldAt(target, worker)]!--;
    Atomics.sub(this.#words, lineAt(target) + IN_FLIGHT, 1);
  }

  /** One more or less (by) under way that nobody balances by: no atomic operation. @hot */
  countLoose(target: TargetIndex, worker: WorkerIndex, by: number): void {
    this.#words[heldAt(target, worker) + 1]! += by;
  }
  /** By which is balanced, all workers together. @hot */
  inFlight(target: TargetIndex): number {
    return this.#words[lineAt(target) + IN_FLIGHT] as number;
  }
  /** All that is under way, for metrics. */
  underWay(target: TargetIndex): number {
    let sum = 0;
    for (let worker = 0; worker < this.workerCount; worker++) {
      const at = heldAt(target, worker as WorkerIndex);
      sum += (this.#words[at] as number) + (this.#words[at + 1] as number);
    }
    return Math.max(0, sum);
  }

  /** @returns µs; 0: not known @hot */
  latencyUs(target: TargetIndex): number {
    return (this.#words[lineAt(target) + LATENCY_US] as number) >>> 0;
  }
  /** How old latencyUs is. @returns ms, 0 or more @hot */
  latencyAgeMs(target: TargetIndex, nowMs: number): number {
    return Math.max(0, (nowMs - (this.#words[lineAt(target) + LATENCY_AT_MS] as number)) | 0);
  }

  /** @hot */
  setLatency(target: TargetIndex, us: number, nowMs: number): void {
    const at = lineAt(target);
    this.#words[at + LATENCY_US] = Math.min(0xffff_ffff, Math.max(1, us)) | 0;
    this.#words[at + LATENCY_AT_MS] = nowMs | 0;
  }
  /** Since when requests may go there without a break; a target that nobody has seen before is new now. @returns ms */
  serviceTimeMs(target: TargetIndex, nowMs: number): number {
    const words = this.#words;
    const at = lineAt(target);
    if (words[at + SINCE_MS] === 0) Atomics.compareExchange(words, at + SINCE_MS, 0, timeWord(nowMs));
    const serviceMs = (nowMs - (words[at + SINCE_MS] as number)) | 0;
    if (words[at + HEALTH] !== TargetHealth.HEALTHY) return serviceMs;
    return Math.min(serviceMs, (nowMs - (words[at + HEALTH_SINCE_MS] as number)) | 0);
  }

  /** A try begins, and nobody knows whether it will be answered. @hot */
  countUnanswered(target: TargetIndex, nowMs: number): void {
    const at = lineAt(target);
    if (Atomics.add(this.#words, at + UNANSWERED, 1) === 0) this.#words[at + SILENT_SINCE_MS] = nowMs | 0;
  }
  /** It said something. @hot */
  endSilence(target: TargetIndex): void {
    const at = lineAt(target) + UNANSWERED;
    if (this.#words[at] !== 0) this.#words[at] = 0;
  }

  /** So many tries are under way and have begun since its last answer, the first of them silentMs ago or more. */
  isSilent(target: TargetIndex, nowMs: number, tries: number, silentMs: number): boolean {
    const at = lineAt(target);
    if ((this.#words[at + UNANSWERED] as number) < tries || this.inFlight(target) < tries) return false;
    return ((nowMs - (this.#words[at + SILENT_SINCE_MS] as number)) | 0) >= silentMs;
  }

  health(target: TargetIndex): TargetHealth {
    return Atomics.load(this.#words, lineAt(target) + HEALTH) as TargetHealth;
  }
  /** @returns how long its health has been what it is, in ms; modulo 2³² (49 days) */
  healthAgeMs(target: TargetIndex, nowMs: number): number {
    return (nowMs - Atomics.load(this.#words, lineAt(target) + HEALTH_SINCE_MS)) >>> 0;
  }
  /** Main thread only: no reader needs another word with it, and every worker's next look meets the change. */
  setHealth(target: TargetIndex, health: TargetHealth, nowMs: number): void {
    const at = lineAt(target);
    if (Atomics.load(this.#words, at + HEALTH) === health) return;
    Atomics.store(this.#words, at + HEALTH_SINCE_MS, nowMs | 0);
    Atomics.store(this.#words, at + HEALTH, health);
  }

  countPanic(firstTarget: TargetIndex): void {
    Atomics.add(this.#words, lineAt(firstTarget) + PANICS, 1);
  }
  panicCount(target: TargetIndex): number {
    return Atomics.load(this.#words, lineAt(target) + PANICS) >>> 0;
  }
  ejectionCount(target: TargetIndex): number {
    return Atomics.load(this.#words, lineAt(target) + EJECTIONS) >>> 0;
  }

  /** For a target whose index was given to another one, or that was away. What is under way stays counted. */
  reset(target: TargetIndex): void {
    const at = lineAt(target);
    for (let word = 0; word < TARGET_WORDS; word++) {
      if (word !== IN_FLIGHT) Atomics.store(this.#words, at + word, 0);
    }
  }

  /** After worker's thread has ended: what it had under way is no more. */
  zeroWorker(worker: WorkerIndex): void {
    for (let target = 0; target < TARGET_COUNT; target++) {
      const at = heldAt(target as TargetIndex, worker);
      const held = this.#words[at] as number;
      this.#words[at] = 0;
      this.#words[at + 1] = 0;
      if (held !== 0) Atomics.sub(this.#words, lineAt(target as TargetIndex) + IN_FLIGHT, held);
    }
  }

  /** Since it came back; negative while it is out. */
  #backForMs(at: number, nowMs: number): number {
    return (nowMs - (this.#words[at + OUT_UNTIL_MS] as number)) | 0;
  }
}

/** @hot */
function lineAt(target: TargetIndex): number {
  return HEADER_WORDS + target * TARGET_WORDS;
}

/** @hot */
function heldAt(target: TargetIndex, worker: WorkerIndex): number {
  return HEADER_WORDS + TARGET_COUNT * TARGET_WORDS + (worker * TARGET_COUNT + target) * HELD_WORDS;
}

/** 0 stands for no time. */
function timeWord(nowMs: number): number {
  return nowMs | 0 || 1;
}
