// How long a retry waits: exponential, with full jitter ("Exponential Backoff And Jitter", AWS Architecture Blog): of all the ways
// it compares, the one with the fewest calls, because callers that failed together do not come back together.

/**
 * @param retry  from 1
 * @param random  from 0 to less than 1
 * @returns milliseconds, from 0 to less than min(maxMs, baseMs · 2^(retry - 1))
 */
export function backoffMs(retry: number, baseMs: number, maxMs: number, random: number): number {
  return random * Math.min(maxMs, baseMs * 2 ** (retry - 1));
}
