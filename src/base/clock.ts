// One monotonic clock for all threads of the process, in microseconds.
//
// performance.now() counts from each thread's own start, so its offset to CLOCK_MONOTONIC (process.hrtime, the same for
// every thread) is measured once per thread. performance.now() is read per request because it costs 50 ns and allocates
// nothing; process.hrtime() allocates an array.

import { performance } from 'node:perf_hooks';

export interface Clock {
  /** Microseconds of the machine's monotonic clock, with a fraction; the same for every thread of this machine. */
  nowUs(): number;
}

// 200 pairs narrow the offset to the shortest gap between two clock reads, some 100 ns.
const CALIBRATION_ROUNDS = 200;

function measureOffsetUs(): number {
  let low = Number.NEGATIVE_INFINITY;
  let high = Number.POSITIVE_INFINITY;
  for (let round = 0; round < CALIBRATION_ROUNDS; round++) {
    const before = Number(process.hrtime.bigint()) / 1_000;
    const now = performance.now() * 1_000;
    const after = Number(process.hrtime.bigint()) / 1_000;
    low = Math.max(low, before - now);
    high = Math.min(high, after - now);
  }
  // The lower end: a reading that is late by nanoseconds admits less, never more.
  return Math.min(low, high);
}

class MonotonicClock implements Clock {
  readonly #offsetUs = measureOffsetUs();

  nowUs(): number {
    return performance.now() * 1_000 + this.#offsetUs;
  }
}

let clock: MonotonicClock | undefined;

/** This thread's clock, calibrated on first use. */
export function monotonicClock(): Clock {
  clock ??= new MonotonicClock();
  return clock;
}
