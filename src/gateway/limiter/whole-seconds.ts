// Times of limits as clients are told them (RateLimit, Retry-After).

// Fits a small integer of V8, so that writing it allocates nothing; 68 years.
const SECONDS_MAX = 2 ** 31 - 1;

/** Rounded up, at least 1. @hot */
export function wholeSeconds(seconds: number): number {
  return Math.max(1, Math.min(SECONDS_MAX, Math.ceil(seconds)));
}
