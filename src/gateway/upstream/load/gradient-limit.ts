// The adaptive limit of an upstream: how many requests it is worth having under way at once. Pure arithmetic on numbers
// that the caller keeps (src/shm/load-table.ts); docs/decisions/0014-overload.md has the reasoning and the simulations.
//
// Windows of at least one latency each. `latency` is the window's mean, `baseline` the mean where nothing queues.
//
//   grow    latency ≤ TOLERANCE · baseline, and the limit was made use of:   limit + √limit
//   shrink  latency > TOLERANCE · baseline:   by GAIN of the way to  limit · TOLERANCE · baseline ÷ latency + √limit ÷ 2
//   probe   now and then, and soon after the limit has fallen: half of what the upstream seems to do at once, until what
//           queued has drained (DRAIN); then the mean of what ends (MEASURE) is the new baseline; then back (REFILL).
//
// An upstream with K places and the service time S queues what is above K: latency = S · limit ÷ K. The limit comes to rest at
// TOLERANCE · K + √limit ÷ 2: never below K, and above it by the spare that keeps K places busy while requests come and go.

import { assertNever } from '../../../base/assert.ts';

export const Phase = { STEADY: 0, DRAIN: 1, MEASURE: 2, REFILL: 3 } as const;
export type Phase = (typeof Phase)[keyof typeof Phase];

/** What is known of one upstream. Mutable: one object serves all windows. */
export interface LimitState {
  /** Requests under way at once, with a fraction. */
  limit: number;
  /** What admission obeys: whole, and lower than `limit` while it is probed. */
  admitted: number;
  /** Microseconds; 0 while unknown. */
  baselineUs: number;
  /** Of the last window; 0 while unknown. */
  latencyUs: number;
  phase: Phase;
  /** When the last probe ended, and how long it took. */
  probedMs: number;
  probeLengthMs: number;
  /** The limit when the last probe ended; 0 before the first. */
  probedLimit: number;
  /** 1: the last probe found another baseline than was believed, or there was none yet. */
  isDoubtful: number;
}

/** What one window saw. */
export interface LimitWindow {
  startMs: number;
  nowMs: number;
  /** Requests that ended in it and say something of the upstream. */
  count: number;
  meanUs: number;
  /** Most requests under way at once. */
  peak: number;
}

export interface LimitBounds {
  readonly min: number;
  readonly max: number;
}

/** Where an upstream begins that nobody knows anything of. */
export const LIMIT_INITIAL = 20;
/** A sample counts as at most so many baselines: one that hung does not speak for all others. */
export const SAMPLE_BASELINES_MAX = 8;

// How much slower than unloaded counts as not slower: latencies spread, and rise a little before anything queues.
const TOLERANCE = 1.15;
// The limit's effect is seen one window later. l(n+1) = l(n) − GAIN · l(n−1) has a double root at 1/2 for GAIN = 1/4: the fastest
// way to the new value that does not overshoot it. (From 1 on it swings for ever.)
const GAIN = 0.25;

const WINDOW_MS_MIN = 50;
const WINDOW_SAMPLES_MIN = 20;
// A window that lasted as long as so many minimal ones is closed with fewer samples.
const WINDOW_STRETCH_MAX = 20;

const PROBE_INTERVAL_MS = 15_000;
// Of a slow or small upstream a probe takes longer. At half of what it can do during one part of 21, it does 97.6 % on average.
const PROBE_INTERVAL_LENGTHS = 20;
// After the limit has fallen by a quarter: either the upstream can do less, or its answers take longer by themselves. Only a
// probe tells the two apart.
const PROBE_SOON_MS = 1_000;
const PROBE_SOON_LATENCIES = 10;
const PROBE_SOON_LENGTHS = 4;
const FALLEN = 0.75;
// No lower without a probe. If answers take longer by themselves, they do so at any limit, and it would fall to nothing.
const UNPROBED_FALL_MAX = 0.4;
// Changes between windows that count as standing still: a probe amid a descent would measure the queue that is being drained.
const SETTLED = 0.05;
// What is above K drains in half a latency and the last that had waited ends one latency later.
const DRAIN_LATENCIES = 2;
const MEASURE_SAMPLES_MIN = 24;
const MEASURE_LATENCIES_MAX = 8;
// Fewer say nothing.
const MEASURE_SAMPLES_USED_MIN = 5;
// A new baseline that is near the old one is averaged with it, against noise; one that is far replaces it.
const NEAR = 0.25;

/** @returns whether the window has seen enough */
export function isWindowOver(state: LimitState, window: LimitWindow): boolean {
  const lengthMs = window.nowMs - window.startMs;
  const latencyMs = state.latencyUs / 1_000;
  if (state.phase === Phase.DRAIN || state.phase === Phase.REFILL) return lengthMs >= DRAIN_LATENCIES * latencyMs;
  const minMs = Math.max(WINDOW_MS_MIN, latencyMs);
  if (lengthMs < minMs) return false;
  if (state.phase === Phase.MEASURE) {
    return window.count >= MEASURE_SAMPLES_MIN || lengthMs >= Math.max(minMs, MEASURE_LATENCIES_MAX * latencyMs);
  }
  return window.count >= WINDOW_SAMPLES_MIN || (window.count > 0 && lengthMs >= WINDOW_STRETCH_MAX * minMs);
}

/** A window is over: what follows from it. @param random  0 to 1, so that instances do not probe together */
export function closeWindow(state: LimitState, window: LimitWindow, bounds: LimitBounds, random: number): void {
  switch (state.phase) {
    case Phase.DRAIN:
      state.phase = Phase.MEASURE;
      return;
    case Phase.MEASURE:
      return endProbe(state, window);
    case Phase.REFILL:
      state.phase = Phase.STEADY;
      return;
    case Phase.STEADY:
      return adjust(state, window, bounds, random);
    default:
      return assertNever(state.phase);
  }
}

function adjust(state: LimitState, window: LimitWindow, bounds: LimitBounds, random: number): void {
  if (window.count === 0) return;
  const before = state.limit;
  const room = Math.sqrt(before);
  state.latencyUs = window.meanUs;
  if (state.baselineUs === 0) state.baselineUs = window.meanUs;
  const ratio = (TOLERANCE * state.baselineUs) / window.meanUs;
  let limit = before;
  if (ratio < 1) limit += (before * ratio + room / 2 - before) * GAIN;
  else if (window.peak * 2 >= before) limit += room;
  limit = Math.max(limit, Math.min(before, state.probedLimit * (1 - UNPROBED_FALL_MAX)));
  state.limit = Math.min(bounds.max, Math.max(bounds.min, limit));
  state.admitted = Math.floor(state.limit);
  const isSinking = state.limit < before * (1 - SETTLED);
  if (!isSinking && isProbeDue(state, window.nowMs, random)) {
    const doneAtOnce = state.limit * Math.min(1, state.baselineUs / state.latencyUs);
    state.admitted = Math.max(1, Math.floor(doneAtOnce / 2));
    state.probedMs = window.nowMs;
    state.phase = Phase.DRAIN;
  }
}

function isProbeDue(state: LimitState, nowMs: number, random: number): boolean {
  const sinceMs = nowMs - state.probedMs;
  const latencyMs = state.latencyUs / 1_000;
  const soonMs = Math.max(PROBE_SOON_MS, PROBE_SOON_LATENCIES * latencyMs, PROBE_SOON_LENGTHS * state.probeLengthMs);
  if (sinceMs < soonMs) return false;
  if (state.isDoubtful !== 0 || state.limit < state.probedLimit * FALLEN) return true;
  if (state.latencyUs < state.baselineUs * FALLEN) return true;
  return sinceMs >= Math.max(PROBE_INTERVAL_MS, PROBE_INTERVAL_LENGTHS * state.probeLengthMs) * (1 + random / 4);
}

function endProbe(state: LimitState, { count, meanUs, nowMs }: LimitWindow): void {
  state.probedLimit = state.limit;
  if (count >= MEASURE_SAMPLES_USED_MIN) {
    const isNear = Math.abs(meanUs - state.baselineUs) <= state.baselineUs * NEAR;
    state.baselineUs = isNear ? (state.baselineUs + meanUs) / 2 : meanUs;
    state.isDoubtful = isNear ? 0 : 1;
  }
  state.probeLengthMs = nowMs - state.probedMs;
  state.probedMs = nowMs;
  state.admitted = Math.floor(state.limit);
  state.phase = Phase.REFILL;
}
