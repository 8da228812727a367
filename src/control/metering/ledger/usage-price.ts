// What calls cost: whole 10⁻⁹ of the currency's unit, added up before anything is rounded.

import type { UsagePrice } from '../../config/config.ts';
import { billedOf, figure } from './usage-figures.ts';

export type UsagePrices = Readonly<Record<string, UsagePrice>>;

const GIB = 2 ** 30;
const NANO = 1e9;
const FREE: UsagePrice = { perCallNano: 0, perGibNano: 0, perMonthNano: 0 };

/** The plan's, or that of `default`. */
export function priceOf(prices: UsagePrices, plan: string): UsagePrice {
  return (Object.hasOwn(prices, plan) ? prices[plan] : undefined) ?? prices['default'] ?? FREE;
}

/** Of calls and bytes, without what a month costs. */
export function costNano(price: UsagePrice, figures: readonly number[]): number {
  const bytes = (figures[figure.bytesIn] as number) + (figures[figure.bytesOut] as number);
  return billedOf(figures) * price.perCallNano + (bytes / GIB) * price.perGibNano;
}

/** In the currency's unit, to a millionth of it. */
export function amountOf(nano: number): number {
  return Math.round(nano / 1_000) / (NANO / 1_000);
}
