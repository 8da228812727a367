// Round numbers along an axis.

import { printNumber } from '../thresholds.ts';
import type { Tick } from './line-chart.ts';

const STEPS = [1, 2, 5, 10] as const;

/**
 * Ticks from 0 to at least max, in steps of 1, 2 or 5 times a power of ten.
 * @param count  how many steps there may be
 */
export function ticks(max: number, count: number): readonly Tick[] {
  const wanted = (max > 0 ? max : 1) / count;
  const power = 10 ** Math.floor(Math.log10(wanted));
  const step = power * (STEPS.find((factor) => factor * power >= wanted * (1 - Number.EPSILON)) ?? 10);
  const stepCount = Math.max(1, Math.ceil(max / step - 1e-9));
  return Array.from({ length: stepCount + 1 }, (_, index) => ({
    at: index * step,
    label: printNumber(index * step),
  }));
}
