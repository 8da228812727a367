// concurrency: how many requests may be under way at once, per key.

import type * as z from 'zod';
import { hashName } from '../../../base/hash.ts';
import { isIdentity, type LimitBy } from '../../limiter/limit-by.ts';
import type { ConcurrencyPlan } from '../../snapshot.ts';
import { limitBy, section, whole } from '../../units/config.ts';
import { limitPlace, placedBy } from '../limit-place.ts';
import { definePolicyConfig } from '../policy-config.ts';

const IN_FLIGHT_MAX = 1_000_000;

export interface ConcurrencyConfig {
  readonly max: number;
  readonly by: LimitBy;
}

const schema: z.ZodType<ConcurrencyConfig> = section(
  {
    max: whole(1, IN_FLIGHT_MAX).describe('How many requests may be under way at once.'),
    by: limitBy()
      .prefault('route')
      .describe('What is counted apart: route, ip, consumer, key, claim.NAME, header.NAME, query.NAME or path.NAME.'),
  },
  ['queue', 'scope', 'when'],
);

export const concurrencyConfig = definePolicyConfig<ConcurrencyConfig, ConcurrencyPlan>({
  name: 'concurrency',
  schema,
  stage: ({ by }) => (isIdentity(by) ? 'limit-identity' : 'limit-origin'),
  compile(config, context) {
    const id = hashName(limitPlace(config.by, context));
    return { idLow: id.low, idHigh: id.high, max: config.max, by: placedBy(config.by, context) };
  },
});
