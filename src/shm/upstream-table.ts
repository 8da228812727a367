// What all workers know of each upstream: its circuit, the calls of the last while, and what it may spend on retries.
//
//   offset           type  field           unit          written by   meaning
//   -----------------------------------------------------------------------------------------------------------------
//   0                u32   magic           -             main, once   0x51C1CE0D
//   64 + 320·u + 0   u32   circuit         see below     any worker   state, and the time that goes with it
//   64 + 320·u + 4   u32   trials          see below     any worker   of the half-open circuit: taken, succeeded
//   64 + 320·u + 8   u32   streak          count         any worker   times that it opened since it was last closed
//   64 + 320·u + 12  u32   opened          count mod 2³² any worker   times that it opened
//   64 + 320·u + 64  u32   total[16]       see below     any worker   calls, by bucket of time
//   64 + 320·u + 128 u32   failed[16]      see below     any worker   of them, those that failed
//   64 + 320·u + 192 u32   slow[16]        see below     any worker   of them, those that were slow
//   64 + 320·u + 256 u32   tokens          10⁻⁵ retries  any worker   earned by requests, not spent yet
//   64 + 320·u + 260 u32   minimumTat      µs mod 2³²    any worker   theoretical arrival of the retries that are free
//   64 + 320·u + 264 u32   retries[3]      count mod 2³² any worker   by RetryResult
//   64 + 320·u + 276 u32   refused[6]      count mod 2³² any worker   retries that were not made, by RetryRefusal
//   64 + 320·u + 300 u32   fallbacks[2]    count mod 2³² any worker   by FallbackKind
//
// circuit: bits 0-1 CircuitState, bits 2-31 milliseconds mod 2³⁰: when it closed; until when it is open; until when the trials
// of a half-open one have time. Everything that a transition decides by is in this one word, so that it is one
// compare-and-swap: of several workers that see the same cause, one makes the change. An outcome counts only while the word
// is the one that its call was admitted under: what is left of an earlier time says nothing of this one.
// trials: bits 16-31 bits 2-17 of `circuit` (of another round: none are taken), bits 8-15 taken, bits 0-7 succeeded.
// total, failed, slow: bucket n of time lies in word n mod 16; bits 24-31 ⌊n / 16⌋ mod 256, bits 0-23 the count, which stays at
// its end. Whoever counts first in a new bucket starts it with the same compare-and-swap, so that no count is lost to a reset.
//
// Invariants: 0 ≤ tokens ≤ the cap of its last deposit; a withdrawal takes what is there, or nothing. So in any window retries
// ≤ cap + deposits, and those of minimumTat ≤ rate · t + one second's worth, whatever threads do.
// Races: `total` and `failed` are two words: between the two counts of one call another worker may see one without the other, and open
// one call early or late. A thread that stood still amid a count, for longer than a window, puts its old bucket in the place
// of a newer one, whose count is lost. A bucket 4,096 buckets old (an upstream nobody called since: 128 windows) would be taken for
// the present one. A word whose compare-and-swap fails 64 times is left as it is: that call is not counted.
// A worker that dies amid trials leaves them taken: their round ends by its time, or by restartTrials().
// Limits: 4,096 upstreams, as many as targets; they keep their index over reloads.

import { assert } from '../base/assert.ts';
import type { UpstreamIndex } from '../base/ids.ts';

export const UPSTREAM_COUNT = 4_096;

/** Of `tokens`: percentages have three decimals. */
export const UNITS_PER_RETRY = 100_000;

const MAGIC = 0x51c1ce0d;
const HEADER_WORDS = 16;
const UPSTREAM_WORDS = 80;
const CIRCUIT = 0;
const TRIALS = 1;
const STREAK = 2;
const OPENED = 3;
const TOTAL = 16;
const FAILED = 32;
const SLOW = 48;
const TOKENS = 64;
const MINIMUM_TAT = 65;
const RETRIES = 66;
const REFUSED = 69;
const FALLBACKS = 75;

const RING = 16;
/** Buckets that make up a window; the other six of the ring are old, or about to be. */
export const WINDOW_BUCKETS = 10;
const COUNT_MASK = 0xff_ffff;
const LOOKS_MAX = 64;

export const upstreamTableLayout = {
  headerBytes: HEADER_WORDS * 4,
  upstreamBytes: UPSTREAM_WORDS * 4,
  upstreamCount: UPSTREAM_COUNT,
  upstream: {
    circuit: CIRCUIT * 4,
    trials: TRIALS * 4,
    streak: STREAK * 4,
    opened: OPENED * 4,
    total: TOTAL * 4,
    failed: FAILED * 4,
    slow: SLOW * 4,
    tokens: TOKENS * 4,
    minimumTat: MINIMUM_TAT * 4,
    retries: RETRIES * 4,
    refused: REFUSED * 4,
    fallbacks: FALLBACKS * 4,
  },
} as const;

export const CircuitState = { CLOSED: 0, HALF_OPEN: 1, OPEN: 2 } as const;
export type CircuitState = (typeof CircuitState)[keyof typeof CircuitState];

/** What became of a retry. */
export const RetryResult = { ANSWERED: 0, FAILED: 1, ABANDONED: 2 } as const;
export type RetryResult = (typeof RetryResult)[keyof typeof RetryResult];

/** Why a failure that may be retried was not. */
export const RetryRefusal = { ATTEMPTS: 0, BUDGET: 1, DEADLINE: 2, BODY: 3, CIRCUIT: 4, FULL: 5 } as const;
export type RetryRefusal = (typeof RetryRefusal)[keyof typeof RetryRefusal];

export const FallbackKind = { UPSTREAM: 0, MOCK: 1 } as const;
export type FallbackKind = (typeof FallbackKind)[keyof typeof FallbackKind];

/** @param timeMs  monotonic milliseconds @returns the word `circuit`, as a signed integer */
export function circuitWord(state: CircuitState, timeMs: number): number {
  return (timeMs << 2) | state;
}

/** @hot */
export function stateOf(word: number): CircuitState {
  return (word & 3) as CircuitState;
}

/** Milliseconds from now to the word's time; negative when it has passed. Exact within 6 days either way. @hot */
export function msUntil(word: number, nowMs: number): number {
  return (word - (nowMs << 2)) >> 2;
}

export class UpstreamTable {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array;

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer);
    assert(this.#words[0] === (MAGIC | 0), 'the buffer is an upstream table');
  }

  static create(): UpstreamTable {
    const buffer = new SharedArrayBuffer((HEADER_WORDS + UPSTREAM_WORDS * UPSTREAM_COUNT) * 4);
    new Int32Array(buffer)[0] = MAGIC | 0;
    return new UpstreamTable(buffer);
  }

  // The circuit.

  /** @hot one for each call to an upstream with a circuit */
  circuit(upstream: UpstreamIndex): number {
    return Atomics.load(this.#words, at(upstream) + CIRCUIT);
  }

  /** @returns whether this thread made the change */
  moveCircuit(upstream: UpstreamIndex, from: number, to: number): boolean {
    return Atomics.compareExchange(this.#words, at(upstream) + CIRCUIT, from, to) === from;
  }

  /**
   * Take one of a half-open circuit's trials.
   * @param word  the circuit's, half-open
   * @returns false when all are taken
   */
  takeTrial(upstream: UpstreamIndex, word: number, trialsMax: number): boolean {
    return this.#changeTrials(upstream, word, (taken, succeeded) =>
      taken >= trialsMax ? undefined : [taken + 1, succeeded],
    ).changed;
  }

  /** A trial came to nothing that says anything: another may take its place. */
  returnTrial(upstream: UpstreamIndex, word: number): void {
    this.#changeTrials(upstream, word, (taken, succeeded) => (taken <= succeeded ? undefined : [taken - 1, succeeded]));
  }

  /** @returns how many of this round's trials have succeeded, this one included */
  countTrialSuccess(upstream: UpstreamIndex, word: number): number {
    return this.#changeTrials(upstream, word, (taken, succeeded) =>
      succeeded >= taken ? undefined : [taken, succeeded + 1],
    ).succeeded;
  }

  /** @returns how often it had opened before since it was last closed */
  countOpened(upstream: UpstreamIndex): number {
    Atomics.add(this.#words, at(upstream) + OPENED, 1);
    return Atomics.add(this.#words, at(upstream) + STREAK, 1) >>> 0;
  }

  streak(upstream: UpstreamIndex): number {
    return Atomics.load(this.#words, at(upstream) + STREAK) >>> 0;
  }

  opened(upstream: UpstreamIndex): number {
    return Atomics.load(this.#words, at(upstream) + OPENED) >>> 0;
  }

  /** Before the circuit closes, while nobody counts: it starts with an empty window. */
  forgetCalls(upstream: UpstreamIndex): void {
    Atomics.store(this.#words, at(upstream) + STREAK, 0);
    for (let word = TOTAL; word < SLOW + RING; word++) Atomics.store(this.#words, at(upstream) + word, 0);
  }

  /** A worker died: trials that it may have had are given up, in every half-open circuit. */
  restartTrials(nowMs: number): void {
    for (let index = 0; index < UPSTREAM_COUNT; index++) {
      const word = this.circuit(index as UpstreamIndex);
      if (stateOf(word) !== CircuitState.HALF_OPEN) continue;
      Atomics.store(this.#words, at(index as UpstreamIndex) + TRIALS, 0);
      this.moveCircuit(index as UpstreamIndex, word, circuitWord(CircuitState.HALF_OPEN, nowMs - 1));
    }
  }

  // The window.

  /** One more call. @param bucket  of time, whole @hot */
  countCall(upstream: UpstreamIndex, bucket: number, isFailed: boolean, isSlow: boolean): void {
    this.#countIn(at(upstream) + TOTAL, bucket);
    if (isFailed) this.#countIn(at(upstream) + FAILED, bucket);
    if (isSlow) this.#countIn(at(upstream) + SLOW, bucket);
  }

  /** Calls of the window whose last bucket is this one. @hot */
  calls(upstream: UpstreamIndex, bucket: number): number {
    return this.#sum(at(upstream) + TOTAL, bucket);
  }

  /** @hot */
  failedCalls(upstream: UpstreamIndex, bucket: number): number {
    return this.#sum(at(upstream) + FAILED, bucket);
  }

  /** @hot */
  slowCalls(upstream: UpstreamIndex, bucket: number): number {
    return this.#sum(at(upstream) + SLOW, bucket);
  }

  // Retries.

  /** A request earns a part of a retry. When there is as much as there may be, nothing is written. @hot */
  deposit(upstream: UpstreamIndex, units: number, unitsMax: number): void {
    const word = at(upstream) + TOKENS;
    for (let look = 0; look < LOOKS_MAX; look++) {
      const held = this.#words[word] as number;
      const next = Math.min(unitsMax, held + units);
      if (next === held || Atomics.compareExchange(this.#words, word, held, next) === held) return;
    }
  }

  /** @returns false when there is not so much */
  withdraw(upstream: UpstreamIndex, units: number): boolean {
    const word = at(upstream) + TOKENS;
    for (let look = 0; look < LOOKS_MAX; look++) {
      const held = Atomics.load(this.#words, word);
      if (held < units) return false;
      if (Atomics.compareExchange(this.#words, word, held, held - units) === held) return true;
    }
    return false;
  }

  minimumTat(upstream: UpstreamIndex): number {
    return Atomics.load(this.#words, at(upstream) + MINIMUM_TAT);
  }

  /** @returns whether it still was `from` */
  exchangeMinimumTat(upstream: UpstreamIndex, from: number, to: number): boolean {
    return Atomics.compareExchange(this.#words, at(upstream) + MINIMUM_TAT, from, to) === from;
  }

  countRetry(upstream: UpstreamIndex, result: RetryResult): void {
    Atomics.add(this.#words, at(upstream) + RETRIES + result, 1);
  }

  countRefusal(upstream: UpstreamIndex, refusal: RetryRefusal): void {
    Atomics.add(this.#words, at(upstream) + REFUSED + refusal, 1);
  }

  countFallback(upstream: UpstreamIndex, kind: FallbackKind): void {
    Atomics.add(this.#words, at(upstream) + FALLBACKS + kind, 1);
  }

  retries(upstream: UpstreamIndex, result: RetryResult): number {
    return Atomics.load(this.#words, at(upstream) + RETRIES + result) >>> 0;
  }

  refusals(upstream: UpstreamIndex, refusal: RetryRefusal): number {
    return Atomics.load(this.#words, at(upstream) + REFUSED + refusal) >>> 0;
  }

  fallbacks(upstream: UpstreamIndex, kind: FallbackKind): number {
    return Atomics.load(this.#words, at(upstream) + FALLBACKS + kind) >>> 0;
  }

  /** For an upstream whose index was given to another one. */
  reset(upstream: UpstreamIndex): void {
    for (let word = 0; word < UPSTREAM_WORDS; word++) Atomics.store(this.#words, at(upstream) + word, 0);
  }

  #changeTrials(
    upstream: UpstreamIndex,
    circuit: number,
    change: (taken: number, succeeded: number) => readonly [taken: number, succeeded: number] | undefined,
  ): { readonly changed: boolean; readonly succeeded: number } {
    const word = at(upstream) + TRIALS;
    const round = (circuit >> 2) & 0xffff;
    for (let look = 0; look < LOOKS_MAX; look++) {
      const held = Atomics.load(this.#words, word);
      const isOfRound = held >>> 16 === round;
      const succeeded = isOfRound ? held & 0xff : 0;
      const next = change(isOfRound ? (held >>> 8) & 0xff : 0, succeeded);
      if (next === undefined) return { changed: false, succeeded };
      const packed = (round << 16) | (next[0] << 8) | next[1];
      if (Atomics.compareExchange(this.#words, word, held, packed) === held)
        return { changed: true, succeeded: next[1] };
    }
    return { changed: false, succeeded: 0 };
  }

  /** @hot */
  #countIn(ring: number, bucket: number): void {
    const word = ring + (bucket & (RING - 1));
    const round = (bucket >>> 4) & 0xff;
    for (let look = 0; look < LOOKS_MAX; look++) {
      const held = this.#words[word] as number;
      const isOfBucket = held >>> 24 === round;
      if (isOfBucket && (held & COUNT_MASK) === COUNT_MASK) return;
      const next = isOfBucket ? held + 1 : (round << 24) | 1;
      if (Atomics.compareExchange(this.#words, word, held, next) === held) return;
    }
  }

  /** @hot */
  #sum(ring: number, last: number): number {
    let sum = 0;
    for (let bucket = last - WINDOW_BUCKETS + 1; bucket <= last; bucket++) {
      const held = this.#words[ring + (bucket & (RING - 1))] as number;
      if (held >>> 24 === ((bucket >>> 4) & 0xff)) sum += held & COUNT_MASK;
    }
    return sum;
  }
}

/** @hot */
function at(upstream: UpstreamIndex): number {
  return HEADER_WORDS + upstream * UPSTREAM_WORDS;
}
