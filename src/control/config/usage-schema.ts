// The section `gateway.usage`: how long usage is kept, and what it costs.

import * as z from 'zod';
import { safeName, scalar, section, text } from '../../gateway/units/config.ts';
import type { UsageConfig } from './config.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const YEAR_MS = 365 * DAY_MS;
const UNITS = { h: HOUR_MS, d: DAY_MS, y: YEAR_MS } as const;
const NANO_DIGITS = 9;
const PRICE_MAX = 1_000_000;
const PRICE = /^([0-9]{1,7})(?:\.([0-9]{1,9}))?$/;

/** Longer than other durations, and in units of their own. @returns milliseconds */
function retention(min: string, max: string): z.ZodType<number> {
  const [minMs = 0, maxMs = 0] = [min, max].map(readRetention);
  return text(`a time from ${min} to ${max}, such as 48h, 90d or 2y`, '[0-9]{1,6}[hdy]', (value) => {
    const ms = readRetention(value);
    return ms !== undefined && ms >= minMs && ms <= maxMs ? ms : undefined;
  });
}

/** @returns whole 10⁻⁹ of a unit of the currency */
function price(): z.ZodType<number> {
  return scalar({
    expected: `a price from 0 to ${PRICE_MAX} with up to nine decimals, such as 0.0001`,
    json: {
      anyOf: [
        { type: 'number', minimum: 0, maximum: PRICE_MAX },
        { type: 'string', pattern: '^[0-9]{1,7}(?:\\.[0-9]{1,9})?$|\\$\\{' },
      ],
    },
    read: (value) => (typeof value === 'string' || typeof value === 'number' ? readPrice(value) : undefined),
  });
}

const priceSchema = section({
  perCall: price().prefault(0).describe('Of a call that an upstream answered.'),
  perGiB: price().prefault(0).describe('Of 2³⁰ bytes of bodies, both ways together.'),
  perMonth: price().prefault(0).describe('Of a month in which there was a call.'),
}).transform(({ perCall, perGiB, perMonth }) => ({
  perCallNano: perCall,
  perGibNano: perGiB,
  perMonthNano: perMonth,
}));

export const usageSchema: z.ZodType<UsageConfig> = section({
  retention: section({
    minute: retention('1h', '90d').prefault('2d').describe('Of figures by the minute.'),
    hour: retention('1d', '5y').prefault('90d').describe('Of figures by the hour.'),
    day: retention('31d', '20y').prefault('2y').describe('Of figures by the day.'),
    month: retention('1y', '100y').prefault('10y').describe('Of figures by the month.'),
  })
    .prefault({})
    .transform(({ minute, hour, day, month }) => ({ minuteMs: minute, hourMs: hour, dayMs: day, monthMs: month }))
    .describe('How long what was counted is kept.'),
  currency: text('a currency of three capital letters, such as EUR', '[A-Z]{3}', (value) =>
    /^[A-Z]{3}$/.test(value) ? value : undefined,
  )
    .prefault('EUR')
    .describe('Of all prices.'),
  prices: z
    .record(safeName(), priceSchema)
    .prefault({})
    .describe('What calls cost, by plan; default for those of consumers without a plan, or whose plan has no price.'),
});

function readRetention(value: string): number | undefined {
  const match = /^([0-9]{1,6})([hdy])$/.exec(value);
  return match === null ? undefined : Number(match[1]) * UNITS[match[2] as keyof typeof UNITS];
}

function readPrice(value: string | number): number | undefined {
  // 1e-7 is how JavaScript writes what a file may have as 0.0000001.
  const written = typeof value === 'number' ? value.toFixed(NANO_DIGITS).replace(/\.?0+$/, '') : value;
  if (typeof value === 'number' && Number(written) !== value) return undefined;
  const match = PRICE.exec(written);
  if (match === null || Number(written) > PRICE_MAX) return undefined;
  return Number(match[1]) * 10 ** NANO_DIGITS + Number((match[2] ?? '').padEnd(NANO_DIGITS, '0'));
}
