// concurrency: how many requests may be under way at once, per key.

import type * as z from 'zod';
import { hashName } from '../../../base/hash.ts';
import { type Condition, condition, namesConsumer } from '../../conditions/config.ts';
import { isIdentity, type LimitBy } from '../../limiter/limit-by.ts';
import type { ConcurrencyPlan } from '../../snapshot.ts';
import { limitBy, section, whole } from '../../units/config.ts';
import { limitPlace, placedBy } from '../limit-place.ts';
import { checkValues, limitValues } from '../limit-values.ts';
import { definePolicyConfig } from '../policy-config.ts';

const IN_FLIGHT_MAX = 1_000_000;

export interface ConcurrencyConfig {
  readonly max: number;
  readonly by: LimitBy;
  readonly when?: Condition | undefined;
  /** What some keys have instead of max. */
  readonly values?: Readonly<Record<string, number>> | undefined;
}

function inFlight(): z.ZodType<number> {
  return whole(1, IN_FLIGHT_MAX);
}

const schema: z.ZodType<ConcurrencyConfig> = section(
  {
    max: inFlight().describe('How many requests may be under way at once.'),
    by: limitBy()
      .prefault('route')
      .describe('What is counted apart: route, ip, consumer, key, claim.NAME, header.NAME, query.NAME or path.NAME.'),
    when: condition().optional().describe('Which requests it is for; default: all.'),
    values: limitValues(inFlight()).optional().describe('How many instead, for some values of what is counted apart.'),
  },
  ['queue', 'scope'],
).superRefine(checkValues);

export const concurrencyConfig = definePolicyConfig<ConcurrencyConfig, ConcurrencyPlan>({
  name: 'concurrency',
  schema,
  stage: ({ by, when }) =>
    isIdentity(by) || (when !== undefined && namesConsumer(when)) ? 'limit-identity' : 'limit-origin',
  compile({ max, by, when, values = {} }, context) {
    const id = hashName(limitPlace(by, context));
    const own = Object.entries(values);
    return {
      idLow: id.low,
      idHigh: id.high,
      max,
      by: placedBy(by, context),
      ...(when !== undefined && { when }),
      ...(own.length > 0 && { values: own }),
    };
  },
});
