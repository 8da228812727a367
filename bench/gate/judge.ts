// Is a ratio above its bound? Answered from paired rounds, by signs: nothing is assumed about how the noise is distributed,
// and one round that something else ran into counts as one round, however far off it is.

import { intervalRank } from '../support/interval-rank.ts';

export interface Judgement {
  /** Median of the ratios; of an even number of them, the geometric mean of the two in the middle. */
  readonly ratio: number;
  /** Where the true median lies, but for 1 in 100 runs; 0 and Infinity while there are too few rounds to say. */
  readonly low: number;
  readonly high: number;
  /** The median is above the bound. */
  readonly isWorse: boolean;
  /** The whole interval lies on one side of the bound: more rounds would not change the answer. */
  readonly isClear: boolean;
}

/**
 * @param ratios  one per round, all above 0; what is better is smaller
 * @param bound  above 0
 */
export function judge(ratios: readonly number[], bound: number): Judgement {
  if (ratios.length === 0 || !ratios.every((ratio) => ratio > 0)) throw new Error('ratios are numbers above 0');
  const sorted = ratios.toSorted((a, b) => a - b);
  const count = sorted.length;
  const ratio = Math.sqrt((sorted[(count - 1) >> 1] as number) * (sorted[count >> 1] as number));
  const rank = intervalRank(count);
  const low = rank === 0 ? 0 : (sorted[rank - 1] as number);
  const high = rank === 0 ? Number.POSITIVE_INFINITY : (sorted[count - rank] as number);
  return { ratio, low, high, isWorse: ratio > bound, isClear: low > bound || high <= bound };
}
