// What the limiter's tests share: a clock that the test moves, turns that always move, and the law itself, checked exactly.

import type { Clock } from '../../../src/base/clock.ts';
import type { WorkerTurns } from '../../../src/control/quota/sweep-limits.ts';
import type { LimitDefinition } from '../../../src/gateway/snapshot.ts';

export class VirtualClock implements Clock {
  us: number;

  constructor(us = 1_000_000_000) {
    this.us = us;
  }

  nowUs(): number {
    return this.us;
  }
}

/** Remembers its last reading: the one by which an admitted request was decided. */
export class RecordingClock implements Clock {
  readonly inner: Clock;
  lastUs = 0.5;

  constructor(inner: Clock) {
    this.inner = inner;
  }

  nowUs(): number {
    this.lastUs = this.inner.nowUs();
    return this.lastUs;
  }
}

/** One worker, which turns whenever it is asked. */
export class EagerTurns implements WorkerTurns {
  readonly workerCount = 1;
  #turn = 0;

  turnOf(): number {
    this.#turn += 2;
    return this.#turn;
  }

  isRunning(): boolean {
    return true;
  }
}

/** Tokens per second as a fraction. */
export interface ExactRate {
  readonly tokens: number;
  readonly seconds: number;
}

export function definition(id: number, rate: ExactRate, burst: number): LimitDefinition {
  return { idLow: id, idHigh: 77, name: `limit-${id}`, tokensPerSecond: rate.tokens / rate.seconds, burst };
}

// A reading of the clock, in µs, is a whole number of 2⁻²² µs for 17 minutes of uptime, and of coarser steps later.
const STEPS_PER_US = 2 ** 22;

/**
 * The largest excess of any closed window between two admitted requests over rate × length + burst.
 * @param timesUs  of admitted requests, in any order
 * @returns tokens, rounded up; 0 or less when no window is over
 */
export function excess(timesUs: readonly number[], rate: ExactRate, burst: number): number {
  const times = timesUs.map((us) => BigInt(Math.round(us * STEPS_PER_US))).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  // n = j − i + 1 ≤ burst + (t_j − t_i) · tokens / unit, times unit:
  const unit = BigInt(rate.seconds) * 1_000_000n * BigInt(STEPS_PER_US);
  const tokens = BigInt(rate.tokens);
  let largest: bigint | undefined;
  let worst = -unit * BigInt(burst);
  times.forEach((time, index) => {
    const level = time * tokens - BigInt(index) * unit;
    if (largest === undefined || level > largest) largest = level;
    const over = largest - level + (1n - BigInt(burst)) * unit;
    if (over > worst) worst = over;
  });
  return worst > 0n ? Number(worst / unit) + 1 : Number(worst / unit);
}

/** The same by definition, for whole tokens: every pair of events. */
export function naiveExcess(timesUs: readonly number[], rate: ExactRate, burst: number): number {
  const times = [...timesUs].sort((a, b) => a - b);
  let worst = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < times.length; i++) {
    for (let j = i; j < times.length; j++) {
      const span = ((times[j] as number) - (times[i] as number)) / 1_000_000;
      worst = Math.max(worst, j - i + 1 - burst - Math.floor((span * rate.tokens) / rate.seconds));
    }
  }
  return worst;
}

/** The most that any window of that length holds. */
export function mostInAny(times: readonly number[], windowUs: number): number {
  const sorted = [...times].sort((a, b) => a - b);
  let most = 0;
  let first = 0;
  sorted.forEach((us, index) => {
    while (us - (sorted[first] as number) >= windowUs) first++;
    most = Math.max(most, index - first + 1);
  });
  return most;
}
