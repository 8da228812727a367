// Peak EWMA: a mean of latencies that believes a worse one at once, and a better one only with time.
//
// Source: Finagle's PeakEwma (com.twitter.finagle.loadbalancer), which linkerd balances by, too.

// What was measured so long ago counts for 1/e. Finagle's.
const DECAY_MS = 10_000;
// What a target is taken for that has failed before it ever answered.
const FAILED_FIRST_US = 1_000_000;

/**
 * The mean, with one more answer in it.
 * @param meanUs  0: not known
 * @param ageMs  since it was written
 */
export function withAnswer(meanUs: number, ageMs: number, latencyUs: number): number {
  if (latencyUs >= meanUs) return latencyUs;
  // In this form rounding cannot carry it beyond either.
  return latencyUs + (meanUs - latencyUs) * Math.exp(-ageMs / DECAY_MS);
}

/**
 * The mean, with one more failure in it. It may make it worse, never better: a target that fails fast must not look fast.
 * @param meanUs  0: not known
 */
export function withFailure(meanUs: number, latencyUs: number): number {
  return Math.max(meanUs === 0 ? FAILED_FIRST_US : meanUs, latencyUs);
}

/** The mean as it is believed now: a target that has not been asked for long gets another chance. @hot */
export function decayed(meanUs: number, ageMs: number): number {
  return ageMs === 0 ? meanUs : meanUs * Math.exp(-ageMs / DECAY_MS);
}
