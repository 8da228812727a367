// Which traces are kept: a share of all, decided by the trace id alone, so that every gateway and service that samples by
// the same rule keeps the same ones.
//
// The rule is OpenTelemetry's (TraceIdRatioBased, consistent probability): the last 56 bits of the trace id are a random
// number, and the trace is kept when that is not below (1 − share) · 2⁵⁶. The threshold is kept to its upper 32 bits, the
// others being zero, so that comparing the upper 32 of the 56 bits decides: shares are exact to 2⁻³² (0.00000002 %).

const WORD = 2 ** 32;
// The 56 bits are the last 14 of 32 digits; their upper 32 bits are 8 of those.
const WORD_AT = 18;
const WORD_END = 26;

/**
 * @param share  0 to 1
 * @returns the threshold: 0 keeps every trace, 2³² none
 */
export function rejectBelow(share: number): number {
  return Math.round((1 - share) * WORD);
}

/**
 * The deciding word of a trace that is yet to begin. Only when it is kept is the rest of its id made.
 * @hot no bytes drawn, nothing allocated
 */
export function drawWord(): number {
  return Math.floor(Math.random() * WORD);
}

/** @returns the deciding word of a trace id, 0 to 2³² − 1 */
export function wordOf(traceId: string): number {
  return Number.parseInt(traceId.slice(WORD_AT, WORD_END), 16);
}
