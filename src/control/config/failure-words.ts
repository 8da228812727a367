// The words for failures that a retry or a fallback may answer to.

import * as z from 'zod';
import { scalar } from '../../gateway/units/config.ts';
import type { FailureConfig } from './config.ts';

type FailureWord = 'connect' | 'reset' | 'timeout' | 'open';

const CLIENT_STATUS = 429;
const STATUS_MIN = 500;
const STATUS_MAX = 599;

/** @param words  those that are possible here */
export function failures(words: readonly FailureWord[]): z.ZodType<FailureConfig> {
  const expected = `${words.join(', ')}, ${CLIENT_STATUS}, or a status from ${STATUS_MIN} to ${STATUS_MAX}`;
  const item = scalar({
    expected,
    names: words,
    json: {
      anyOf: [
        { enum: [...words, CLIENT_STATUS] },
        { type: 'integer', minimum: STATUS_MIN, maximum: STATUS_MAX },
        { type: 'string', pattern: '^(?:429|5[0-9]{2})$|\\$\\{' },
      ],
    },
    read: (value) => words.find((word) => word === value) ?? readStatus(value),
  });
  return z
    .array(item)
    .min(1)
    .transform((items) => ({
      connect: items.includes('connect'),
      reset: items.includes('reset'),
      timeout: items.includes('timeout'),
      open: items.includes('open'),
      statuses: [...new Set(items.filter((one) => typeof one === 'number'))],
    }));
}

function readStatus(value: unknown): number | undefined {
  const status = typeof value === 'string' && /^[0-9]{3}$/.test(value) ? Number(value) : value;
  if (typeof status !== 'number' || !Number.isInteger(status)) return undefined;
  return status === CLIENT_STATUS || (status >= STATUS_MIN && status <= STATUS_MAX) ? status : undefined;
}
