// rate-limit: a steady rate with a burst, counted per key by GCRA in shared memory.

import type * as z from 'zod';
import { hashName } from '../../../base/hash.ts';
import type { Rate } from '../../../base/units.ts';
import type { RateLimitPlan } from '../../limiter/limit-plans.ts';
import type { LimitBy } from '../../snapshot.ts';
import { limitBy, rate, section, whole, word } from '../../units/config.ts';
import { limitPlace } from '../limit-place.ts';
import { definePolicyConfig } from '../policy-config.ts';

const BURST_MAX = 1_000_000;
const SECONDS_PER_MINUTE = 60;

export interface RateLimitConfig {
  readonly limit: Rate;
  readonly burst: number;
  readonly by: LimitBy;
}

export function burst(): z.ZodType<number> {
  return whole(1, BURST_MAX).describe(
    "How many are admitted at once from rest; by default one second's worth, at least 1.",
  );
}

const schema: z.ZodType<RateLimitConfig> = section(
  {
    limit: rate().describe('The steady rate: 100/s, 6000/min, 500/h, 1000/day.'),
    burst: burst().optional(),
    by: limitBy().prefault('ip').describe('What is counted apart: ip, consumer, route or header.NAME.'),
    scope: word(['node'], ['cluster']).prefault('node').describe('Where it is counted: on each node by itself.'),
  },
  ['algorithm', 'onStoreLoss', 'quota', 'relaxed', 'when'],
)
  .superRefine(needBurst)
  .transform(({ limit, burst, by }): RateLimitConfig => ({ limit, burst: burst ?? defaultBurst(limit), by }));

export const rateLimitConfig = definePolicyConfig<RateLimitConfig, RateLimitPlan>({
  name: 'rate-limit',
  schema,
  stage: (config) => (config.by.kind === 'consumer' ? 'limit-identity' : 'limit-origin'),
  compile(config, context) {
    const name = limitPlace(config.by, context);
    const id = hashName(name);
    const limit = context.addLimit({
      idLow: id.low,
      idHigh: id.high,
      name,
      tokensPerSecond: config.limit.count / config.limit.periodSeconds,
      burst: config.burst,
    });
    context.addRateLimitPolicy(`"${name}";q=${config.limit.count};w=${config.limit.periodSeconds}`);
    const { count: quota, periodSeconds } = config.limit;
    return { limit, idLow: id.low, idHigh: id.high, by: config.by, label: name, quota, periodSeconds };
  },
});

/** 1000/day alone would admit one call each 86 s, which nobody means. */
export function needBurst(
  config: { readonly limit?: Rate | undefined; readonly burst?: number | undefined },
  context: z.RefinementCtx,
): void {
  const { limit, burst } = config;
  if (burst !== undefined || limit === undefined || limit.periodSeconds <= SECONDS_PER_MINUTE) return;
  const message =
    'a period of more than one minute needs a burst, because without one the rate admits single calls far apart; ' +
    'a count per hour or day is a quota, and quota is not in this version of Sluice';
  context.addIssue({ code: 'custom', path: ['limit'], params: { message } });
}

/** One second's worth, at least 1, rounded down: a limit errs on the strict side. */
export function defaultBurst(limit: Rate): number {
  return Math.max(1, Math.floor(limit.count / limit.periodSeconds));
}
