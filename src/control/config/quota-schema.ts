// Quotas as they are written: 1000/day, or a list of them.

import * as z from 'zod';
import { text } from '../../gateway/units/config.ts';
import type { QuotaConfig } from './plan-config.ts';

// What the shared table's words hold.
const QUOTA_MAX = 2_000_000_000;
const QUOTA = /^([0-9]{1,10})\/(h|day|month|total)$/;

function quota(): z.ZodType<QuotaConfig> {
  return text(
    'a count from 1 to 2000000000 per h, day, month or total, such as 1000/day',
    '[0-9]{1,10}/(?:h|day|month|total)',
    (value) => {
      const [, digits, period] = QUOTA.exec(value) ?? [];
      const max = Number(digits);
      return max >= 1 && max <= QUOTA_MAX ? { max, period: period as QuotaConfig['period'] } : undefined;
    },
  );
}

/** At most one for each period. */
export function quotas(): z.ZodType<readonly QuotaConfig[]> {
  return z
    .union([quota(), z.array(quota()).max(4)])
    .transform((written) => (Array.isArray(written) ? written : [written]))
    .superRefine((list: readonly QuotaConfig[], context) => {
      for (const [index, { period }] of list.entries()) {
        if (list.findIndex((other) => other.period === period) === index) continue;
        context.addIssue({
          code: 'custom',
          path: [index],
          params: { message: `there is a quota per ${period} already` },
        });
      }
    });
}
