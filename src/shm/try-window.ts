// What became of a target's tries within a time: two windows that follow each other, in the second line of its entry of the target
// table (target-table.ts).
//
//   offset  type  field            unit          written by    meaning
//   ---------------------------------------------------------------------------------------------
//   0       u32   window           count mod 2³² any worker    number of the window that the next three belong to
//   4       u32   tries            count         any worker    tries that ended in it
//   8       u32   failed           count         any worker    those of them that failed
//   12      u32   answerTime       64 µs         any worker    latencies of those that did not, added up
//   16      u32   triesBefore      count         any worker    the same three of the window before
//   20      u32   failedBefore     count         any worker
//   24      u32   answerTimeBefore 64 µs         any worker
//
// PROTOCOL. The first try of a new window moves the counts to `Before`; whoever changes `window` does it. A try that another
// worker counts meanwhile may be lost, or land in the window before.
// LIMITS. 2³² × 64 µs are 76 hours of latencies in one window.

export const TRY_WINDOW_BYTES = 28;

export const tryWindowLayout = {
  window: 0,
  tries: 4,
  failed: 8,
  answerTime: 12,
  triesBefore: 16,
  failedBefore: 20,
  answerTimeBefore: 24,
} as const;

const ANSWER_TIME_UNIT_US = 64;
const TRIES = tryWindowLayout.tries / 4;
const FAILED = tryWindowLayout.failed / 4;
const ANSWER_TIME = tryWindowLayout.answerTime / 4;
const TRIES_BEFORE = tryWindowLayout.triesBefore / 4;
const FAILED_BEFORE = tryWindowLayout.failedBefore / 4;
const ANSWER_TIME_BEFORE = tryWindowLayout.answerTimeBefore / 4;

/** What came of the last window's tries. */
export interface TryCounts {
  tries: number;
  failed: number;
  /** Of those that did not fail, in µs; 0 when there is none. */
  meanUs: number;
}

/** `at` is where a window's words begin. */
export class TryWindows {
  readonly #words: Int32Array;

  constructor(words: Int32Array) {
    this.#words = words;
  }

  /** A try ended. @hot */
  count(at: number, isError: boolean, latencyUs: number, nowMs: number, windowMs: number): void {
    const words = this.#words;
    this.#turn(at, nowMs, windowMs);
    Atomics.add(words, at + TRIES, 1);
    if (isError) Atomics.add(words, at + FAILED, 1);
    else Atomics.add(words, at + ANSWER_TIME, (latencyUs / ANSWER_TIME_UNIT_US) | 0);
  }

  /** The last windowMs: the window of now, and that part of the one before that reaches into them. */
  read(at: number, nowMs: number, windowMs: number, into: TryCounts): void {
    this.#turn(at, nowMs, windowMs);
    const share = 1 - (nowMs % windowMs) / windowMs;
    const sum = (word: number, wordBefore: number): number =>
      ((this.#words[at + word] as number) >>> 0) + ((this.#words[at + wordBefore] as number) >>> 0) * share;
    into.tries = sum(TRIES, TRIES_BEFORE);
    into.failed = sum(FAILED, FAILED_BEFORE);
    const answered = into.tries - into.failed;
    into.meanUs = answered > 0 ? (sum(ANSWER_TIME, ANSWER_TIME_BEFORE) * ANSWER_TIME_UNIT_US) / answered : 0;
  }

  /** What was counted says nothing any more. */
  clear(at: number): void {
    for (let word = TRIES; word <= ANSWER_TIME_BEFORE; word++) this.#words[at + word] = 0;
  }

  /** @hot one read, but for the first try of a window */
  #turn(at: number, nowMs: number, windowMs: number): void {
    const words = this.#words;
    const number = Math.floor(nowMs / windowMs) | 0;
    const old = words[at] as number;
    const ahead = (number - old) | 0;
    // A worker whose tick is to come may still be in the window before.
    if (ahead === 0 || ahead === -1) return;
    if (Atomics.compareExchange(words, at, old, number) !== old) return;
    if (ahead !== 1) return this.clear(at);
    words[at + TRIES_BEFORE] = Atomics.exchange(words, at + TRIES, 0);
    words[at + FAILED_BEFORE] = Atomics.exchange(words, at + FAILED, 0);
    words[at + ANSWER_TIME_BEFORE] = Atomics.exchange(words, at + ANSWER_TIME, 0);
  }
}
