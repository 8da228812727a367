// rate-limit: a steady rate with a burst, counted per key by GCRA in shared memory.

import type * as z from 'zod';
import { hashName } from '../../../base/hash.ts';
import type { Rate } from '../../../base/units.ts';
import type { OnStoreLoss } from '../../limiter/cluster-limit.ts';
import type { LimitBy, RateLimitPlan } from '../../snapshot.ts';
import { limitBy, rate, section, whole, word } from '../../units/config.ts';
import { limitPlace } from '../limit-place.ts';
import { type CompileContext, definePolicyConfig } from '../policy-config.ts';

const BURST_MAX = 1_000_000;
const SECONDS_PER_MINUTE = 60;

export interface RateLimitConfig {
  readonly limit: Rate;
  readonly burst: number;
  readonly by: LimitBy;
  /** Undefined: by consumer cluster where there is a store, all others node. */
  readonly scope?: 'node' | 'cluster' | undefined;
  readonly onStoreLoss: OnStoreLoss;
}

const schema: z.ZodType<RateLimitConfig> = section(
  {
    limit: rate().describe('The steady rate: 100/s, 6000/min, 500/h, 1000/day.'),
    burst: whole(1, BURST_MAX)
      .optional()
      .describe("How many are admitted at once from rest; by default one second's worth, at least 1."),
    by: limitBy().prefault('ip').describe('What is counted apart: ip, consumer, route or header.NAME.'),
    scope: word(['node', 'cluster'])
      .optional()
      .describe(
        'Where it is counted: node, each instance by itself; cluster, over all that share gateway.redis. By default, by ' +
          'consumer cluster where gateway.redis is set, else node.',
      ),
    onStoreLoss: word(['local-share', 'open', 'closed'])
      .prefault('local-share')
      .describe(
        'Of a limit over the cluster, while Redis does not answer: each instance its part, no limit, or nothing ' +
          'beyond what it holds.',
      ),
  },
  ['algorithm', 'quota', 'relaxed', 'when'],
)
  .superRefine((config, context) => {
    if (config.burst !== undefined || config.limit.periodSeconds <= SECONDS_PER_MINUTE) return;
    // 1000/day alone would admit one call each 86 s, which nobody means.
    const message =
      'a period of more than one minute needs a burst, because without one the rate admits single calls far apart; ' +
      'a count per hour or day is a quota, and quota is not in this version of Sluice';
    context.addIssue({ code: 'custom', path: ['limit'], params: { message } });
  })
  .transform(({ burst, ...config }): RateLimitConfig => ({ ...config, burst: burst ?? defaultBurst(config.limit) }));

export const rateLimitConfig = definePolicyConfig<RateLimitConfig, RateLimitPlan>({
  name: 'rate-limit',
  schema,
  stage: (config) => (config.by.kind === 'consumer' ? 'limit-identity' : 'limit-origin'),
  compile(config, context) {
    const name = limitPlace(config.by, context);
    const id = hashName(name);
    const { burst, onStoreLoss } = config;
    const tokensPerSecond = config.limit.count / config.limit.periodSeconds;
    const isCluster = isOverCluster(config, context);
    if (isCluster) context.addClusterLimit({ idLow: id.low, idHigh: id.high, tokensPerSecond, burst, onStoreLoss });
    const limit = isCluster ? 0 : context.addLimit({ idLow: id.low, idHigh: id.high, name, tokensPerSecond, burst });
    context.addRateLimitPolicy(`"${name}";q=${config.limit.count};w=${config.limit.periodSeconds}`);
    const { count: quota, periodSeconds } = config.limit;
    const plan = { limit, idLow: id.low, idHigh: id.high, by: config.by, label: name, quota, periodSeconds };
    return isCluster ? { ...plan, cluster: { burst, onStoreLoss } } : plan;
  },
});

function isOverCluster({ scope, by }: RateLimitConfig, { hasStore }: CompileContext): boolean {
  return hasStore && (scope ?? (by.kind === 'consumer' ? 'cluster' : 'node')) === 'cluster';
}

/** One second's worth, at least 1, rounded down: a limit errs on the strict side. */
function defaultBurst(limit: Rate): number {
  return Math.max(1, Math.floor(limit.count / limit.periodSeconds));
}
