// One contender's figure against another's of the same round.

import { median } from '../support/median.ts';

export interface Ratio {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** @param own  by round, as `other` */
export function ratioOf(own: readonly number[], other: readonly number[]): Ratio {
  const ratios = own.map((figure, round) => figure / (other[round] as number));
  return { median: median(ratios), min: Math.min(...ratios), max: Math.max(...ratios) };
}

/** 1.50 (1.00–2.00) */
export function printRatio({ median, min, max }: Ratio): string {
  return `${median.toFixed(2)} (${min.toFixed(2)}–${max.toFixed(2)})`;
}
