// What all workers know of the upstreams' targets: who is out, and whose turn it is.
//
//   offset         type  field         unit          written by      meaning
//   -----------------------------------------------------------------------------------------------------------------
//   0              u32   magic         -             main, once      0x51C1CE03
//   64 + 64·t + 0  u32   outUntilMs    ms mod 2³²    any worker      monotonic time until which target t gets no requests
//   64 + 64·t + 4  u32   failures      count         any worker      times in a row that it was put out
//   64 + 64·t + 8  u32   cursor        count mod 2³² any worker      on an upstream's first target: its round-robin cursor
//   64 + 64·t + 12 u32   health        TargetHealth  main            what active checks say: 0 unknown, 1 healthy, 2 unhealthy
//   64 + 64·t + 16 u32   healthSinceMs ms mod 2³²    main            monotonic time of the last change of health
//
// Invariants: a target's line is its own. outUntilMs counts only while failures > 0 and for at most the longest back-off,
// so that a wrapped clock puts nobody out for longer. Connects that fail while a target is out were begun before, and are one failure
// with the first. Fields are hints for balancing: two workers that write at once are at most one step of back-off apart.
// health has one writer, and a reader needs no other word with it: every worker's next pick meets the change.
// Limits: 4,096 targets; they keep their index over reloads.

import { assert } from '../base/assert.ts';
import type { TargetIndex } from '../base/ids.ts';

export const TARGET_COUNT = 4_096;

const MAGIC = 0x51c1ce03;
const HEADER_WORDS = 16;
const TARGET_WORDS = 16;
const OUT_UNTIL_MS = 0;
const FAILURES = 1;
const CURSOR = 2;
const HEALTH = 3;
const HEALTH_SINCE_MS = 4;

export const targetTableLayout = {
  headerBytes: HEADER_WORDS * 4,
  targetBytes: TARGET_WORDS * 4,
  targetCount: TARGET_COUNT,
  target: {
    outUntilMs: OUT_UNTIL_MS * 4,
    failures: FAILURES * 4,
    cursor: CURSOR * 4,
    health: HEALTH * 4,
    healthSinceMs: HEALTH_SINCE_MS * 4,
  },
} as const;

/** What active checks say of a target. One that is not checked, or not yet, gets requests. */
export const TargetHealth = { UNKNOWN: 0, HEALTHY: 1, UNHEALTHY: 2 } as const;
export type TargetHealth = (typeof TargetHealth)[keyof typeof TargetHealth];

// A target that refused connections is tried again after 1 s, 2 s, 4 s, then every 8 s.
const BACKOFF_MS_MIN = 1_000;
const BACKOFF_DOUBLINGS_MAX = 3;
const BACKOFF_MS_MAX = BACKOFF_MS_MIN << BACKOFF_DOUBLINGS_MAX;

export class TargetTable {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array;

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer);
    assert(this.#words[0] === (MAGIC | 0), 'the buffer is a target table');
  }

  static create(): TargetTable {
    const buffer = new SharedArrayBuffer((HEADER_WORDS + TARGET_WORDS * TARGET_COUNT) * 4);
    new Int32Array(buffer)[0] = MAGIC | 0;
    return new TargetTable(buffer);
  }

  /** It refused connections, or its checks say no. @hot @param nowMs monotonic milliseconds */
  isOut(target: TargetIndex, nowMs: number): boolean {
    return this.#words[lineAt(target) + HEALTH] === TargetHealth.UNHEALTHY || this.#isBackingOff(target, nowMs);
  }

  /** @hot */
  #isBackingOff(target: TargetIndex, nowMs: number): boolean {
    const at = lineAt(target);
    if (this.#words[at + FAILURES] === 0) return false;
    const leftMs = ((this.#words[at + OUT_UNTIL_MS] ?? 0) - nowMs) | 0;
    return leftMs > 0 && leftMs <= BACKOFF_MS_MAX;
  }

  /** The next number of the upstream's shared round robin. @hot */
  nextTurn(firstTarget: TargetIndex): number {
    return Atomics.add(this.#words, lineAt(firstTarget) + CURSOR, 1) >>> 0;
  }

  /** A connect failed: the target is out for a while, for every worker. */
  countFailure(target: TargetIndex, nowMs: number): void {
    if (this.#isBackingOff(target, nowMs)) return;
    const at = lineAt(target);
    const failures = Atomics.add(this.#words, at + FAILURES, 1);
    const backoffMs = BACKOFF_MS_MIN << Math.min(failures, BACKOFF_DOUBLINGS_MAX);
    Atomics.store(this.#words, at + OUT_UNTIL_MS, (nowMs + backoffMs) | 0);
  }

  /** The target answered. @hot */
  countSuccess(target: TargetIndex): void {
    const at = lineAt(target);
    if (this.#words[at + FAILURES] !== 0) Atomics.store(this.#words, at + FAILURES, 0);
  }

  health(target: TargetIndex): TargetHealth {
    return Atomics.load(this.#words, lineAt(target) + HEALTH) as TargetHealth;
  }

  /** @returns how long its health has been what it is, in ms; modulo 2³² (49 days) */
  healthAgeMs(target: TargetIndex, nowMs: number): number {
    return (nowMs - Atomics.load(this.#words, lineAt(target) + HEALTH_SINCE_MS)) >>> 0;
  }

  /** Main thread only. */
  setHealth(target: TargetIndex, health: TargetHealth, nowMs: number): void {
    const at = lineAt(target);
    if (Atomics.load(this.#words, at + HEALTH) === health) return;
    Atomics.store(this.#words, at + HEALTH_SINCE_MS, nowMs | 0);
    Atomics.store(this.#words, at + HEALTH, health);
  }

  /** For a target whose index was given to another one. */
  reset(target: TargetIndex): void {
    const at = lineAt(target);
    Atomics.store(this.#words, at + FAILURES, 0);
    Atomics.store(this.#words, at + OUT_UNTIL_MS, 0);
    Atomics.store(this.#words, at + CURSOR, 0);
    Atomics.store(this.#words, at + HEALTH, TargetHealth.UNKNOWN);
    Atomics.store(this.#words, at + HEALTH_SINCE_MS, 0);
  }
}

function lineAt(target: TargetIndex): number {
  return HEADER_WORDS + target * TARGET_WORDS;
}
