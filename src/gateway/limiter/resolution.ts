// Which limits are possible, how finely each counts, and how fast its virtual time runs.

/** One a day. */
export const TOKENS_PER_SECOND_MIN = 1 / 86_400;
export const TOKENS_PER_SECOND_MAX = 1_000_000;
export const BURST_MAX = 1_000_000;

// A day's rate computed another way (24 × 3,600, 1,000 / 86,400,000) may differ in its last bits.
const RATE_TOLERANCE = 1e-9;

// k = 10 loses a thousandth of the rate (cost 2ᵏ + 1) and fits the fastest limit with the largest burst:
// 1,000,000 × 1,025 < 2³⁰. k = 20 loses a millionth, and an hour's token is known to 4 ms.
const RESOLUTION_MIN = 10;
const RESOLUTION_MAX = 20;

// A fresh limit is given room to grow: its burst 64 times, its rate 32 times, before k has to change and its keys must
// start anew. What k loses by that is at most 2⁻¹⁴ for 1,000/s.
const FRESH_BURST_UNITS = 2 ** 24;
const FRESH_UNITS_PER_SECOND = 2 ** 25;

// What must fit: a debt stays below a quarter of the wrap, and virtual time needs 4 s or more to wrap, while a sweep
// takes 1 s.
export const CAPACITY_UNITS_MAX = 2 ** 30;
export const UNITS_PER_SECOND_MAX = 2 ** 30;

// Virtual time runs slower than the rate by 2⁻²³ (1.2e-7), which pays for the rounding of doubles: see gcra.ts.
const PACE = 1 - 2 ** -23;
const MANTISSA_BITS = 30;
const MANTISSA_MIN = 2 ** MANTISSA_BITS;
const US_PER_SECOND = 1_000_000;

/** Units per µs, exactly: mantissa · 2^−shift. */
export interface VirtualRate {
  readonly mantissa: number;
  readonly shift: number;
}

/** @returns why a limit cannot be had, worded for a configuration's author; undefined when it can */
export function limitRangeIssue(tokensPerSecond: number, burst: number): string | undefined {
  if (!(tokensPerSecond >= TOKENS_PER_SECOND_MIN * (1 - RATE_TOLERANCE))) return 'the rate must be 1/day or more';
  if (!(tokensPerSecond <= TOKENS_PER_SECOND_MAX)) return 'the rate must be 1000000/s or less';
  if (!Number.isInteger(burst) || burst < 1 || burst > BURST_MAX) {
    return 'the burst must be a whole number from 1 to 1000000';
  }
  return undefined;
}

/** k of a limit that has no keys yet. */
export function freshResolution(tokensPerSecond: number, burst: number): number {
  const byBurst = Math.floor(Math.log2(FRESH_BURST_UNITS / burst));
  const byRate = Math.floor(Math.log2(FRESH_UNITS_PER_SECOND / tokensPerSecond));
  return Math.max(RESOLUTION_MIN, Math.min(RESOLUTION_MAX, byBurst, byRate));
}

/** Whether a limit's keys can go on in units of 2^−resolution tokens. */
export function fitsResolution(resolution: number, tokensPerSecond: number, burst: number): boolean {
  return burst * costOf(resolution) <= CAPACITY_UNITS_MAX && tokensPerSecond * 2 ** resolution <= UNITS_PER_SECOND_MAX;
}

/** Units of one request. */
export function costOf(resolution: number): number {
  return 2 ** resolution + 1;
}

export function virtualRate(tokensPerSecond: number, resolution: number): VirtualRate {
  const unitsPerUs = ((tokensPerSecond * 2 ** resolution) / US_PER_SECOND) * PACE;
  // Rounded down by less than 2⁻³⁰ of its value: the mantissa has 31 bits. log2 itself may be a bit off.
  let shift = MANTISSA_BITS - Math.floor(Math.log2(unitsPerUs));
  if (unitsPerUs * 2 ** shift < MANTISSA_MIN) shift++;
  if (unitsPerUs * 2 ** shift >= 2 * MANTISSA_MIN) shift--;
  return { mantissa: Math.floor(unitsPerUs * 2 ** shift), shift };
}
