// Figures of many rounds, in five numbers.

import { intervalRank } from './interval-rank.ts';
import { median } from './median.ts';

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** Where the true median lies, but for 1 in 100 runs; without bounds while there are fewer than 8 figures. */
  readonly low: number;
  readonly high: number;
}

export function spreadOf(figures: readonly number[]): Spread {
  const sorted = figures.toSorted((a, b) => a - b);
  const rank = intervalRank(sorted.length);
  return {
    median: median(sorted),
    min: sorted[0] ?? Number.NaN,
    max: sorted.at(-1) ?? Number.NaN,
    low: rank === 0 ? Number.NEGATIVE_INFINITY : (sorted[rank - 1] as number),
    high: rank === 0 ? Number.POSITIVE_INFINITY : (sorted[sorted.length - rank] as number),
  };
}
