// rate-limit: so many requests per key, by GCRA or in windows, counted in shared memory.

import * as z from 'zod';
import { hashName } from '../../../base/hash.ts';
import type { Rate } from '../../../base/units.ts';
import { type Condition, condition, namesConsumer } from '../../conditions/config.ts';
import type { ClusterPlan, OnStoreLoss } from '../../limiter/cluster-limit.ts';
import { isIdentity, type LimitBy } from '../../limiter/limit-by.ts';
import { type KeyLimitPlan, policyItem, type RateLimitPlan } from '../../limiter/limit-plans.ts';
import { COUNT_MAX } from '../../limiter/window-state.ts';
import type { WindowDefinition } from '../../snapshot.ts';
import { limitBy, rate, section, whole, word } from '../../units/config.ts';
import { limitPlace, placedBy } from '../limit-place.ts';
import { checkValues, limitValues } from '../limit-values.ts';
import { type CompileContext, definePolicyConfig } from '../policy-config.ts';

const BURST_MAX = 1_000_000;
const RELAXED_MAX = 10_000;
const SECONDS_PER_MINUTE = 60;

/** One limit, as it is counted. */
export interface CountedLimit {
  readonly limit: Rate;
  /** Of a window: the limit's count. */
  readonly burst: number;
}

export interface RateLimitConfig extends CountedLimit {
  readonly by: LimitBy;
  /** Absent: gcra. */
  readonly algorithm?: WindowDefinition['algorithm'] | undefined;
  readonly when?: Condition | undefined;
  /** Limits of some keys' own. */
  readonly values?: ReadonlyMap<string, CountedLimit> | undefined;
  /** Absent: by consumer, key or claim, of gcra, cluster where there is a store; all others node. */
  readonly scope?: 'node' | 'cluster' | undefined;
  readonly onStoreLoss: OnStoreLoss;
  readonly relaxed: number;
}

export function burst(): z.ZodType<number> {
  return whole(1, BURST_MAX).describe(
    "How many are admitted at once from rest; by default one second's worth, at least 1.",
  );
}

export function scope(): z.ZodType<'node' | 'cluster'> {
  return word(['node', 'cluster']);
}

export function onStoreLoss(): z.ZodType<OnStoreLoss> {
  return word(['local-share', 'open', 'closed']).describe(
    'Of a limit over the cluster, while Redis does not answer: each instance its part, no limit, or nothing ' +
      'beyond what it holds.',
  );
}

export function relaxed(): z.ZodType<number> {
  return whole(0, RELAXED_MAX).describe(
    'Of a limit over the cluster: so many requests each instance may admit at once without waiting for Redis, paid out of what ' +
      'it leases next; all together then admit so many more for each instance.',
  );
}

interface WrittenLimit {
  readonly limit?: Rate | undefined;
  readonly burst?: number | undefined;
}

const valueSchema = z
  .union([rate(), section({ limit: rate(), burst: burst().optional() })])
  .transform((value): WrittenLimit & { readonly limit: Rate } => ('limit' in value ? value : { limit: value }));

const schema: z.ZodType<RateLimitConfig> = section(
  {
    limit: rate().describe('The steady rate, or what a window holds: 100/s, 6000/min, 500/h, 1000/day.'),
    burst: burst().optional(),
    by: limitBy()
      .prefault('ip')
      .describe('What is counted apart: ip, consumer, key, route, claim.NAME, header.NAME, query.NAME or path.NAME.'),
    algorithm: word(['gcra', 'fixed-window', 'sliding-window'])
      .prefault('gcra')
      .transform((algorithm) => (algorithm === 'gcra' ? undefined : algorithm))
      .describe('gcra: a steady rate with a burst. The others: so many in a window of the period.'),
    when: condition().optional().describe('Which requests it is for; default: all.'),
    values: limitValues(valueSchema)
      .optional()
      .describe('Limits of their own for some values of what is counted apart.'),
    scope: scope()
      .optional()
      .describe(
        'Where it is counted: node, each instance by itself; cluster, over all that share gateway.redis. By default, by ' +
          'consumer, key or claim (of gcra) cluster where gateway.redis is set, else node.',
      ),
    onStoreLoss: onStoreLoss().prefault('local-share'),
    relaxed: relaxed().prefault(0),
  },
  ['quota'],
)
  .superRefine((config, context) => {
    checkLimit(config, config.algorithm, [], context);
    for (const [value, limit] of Object.entries(config.values ?? {})) {
      checkLimit(limit, config.algorithm, ['values', value], context);
    }
    checkValues(config, context);
    if (config.scope === 'cluster' && config.algorithm !== undefined) {
      addIssue(context, ['scope'], `cluster is of gcra only: ${config.algorithm} is counted by node`);
    }
    if (config.relaxed > 0 && (config.scope === 'node' || config.algorithm !== undefined)) {
      addIssue(context, ['relaxed'], 'is of limits over the cluster only');
    }
  })
  .transform(({ by, algorithm, when, values, scope, onStoreLoss, relaxed, ...own }): RateLimitConfig => {
    const limits = Object.entries(values ?? {}).map(([value, limit]) => [value, counted(limit, algorithm)] as const);
    return {
      ...counted(own, algorithm),
      by,
      ...(algorithm !== undefined && { algorithm }),
      ...(when !== undefined && { when }),
      ...(limits.length > 0 && { values: new Map(limits) }),
      ...(scope !== undefined && { scope }),
      onStoreLoss,
      relaxed,
    };
  });

export const rateLimitConfig = definePolicyConfig<RateLimitConfig, RateLimitPlan>({
  name: 'rate-limit',
  schema,
  stage: ({ by, when }) =>
    isIdentity(by) || (when !== undefined && namesConsumer(when)) ? 'limit-identity' : 'limit-origin',
  compile(config, context) {
    const name = limitPlace(config.by, context);
    const planOf = (limit: CountedLimit, label: string, identity: string): KeyLimitPlan =>
      isOverCluster(config, context)
        ? clusterLimit(limit, config, label, identity, context)
        : keyLimit(limit, config.algorithm, label, identity, context);
    const values = [...(config.values ?? [])].map(
      // Its identity is its value's; its label holds nothing that a client or a file's author may write.
      ([value, limit], index) => [value, planOf(limit, `${name}#${index + 1}`, `${name} ${value}`)] as const,
    );
    const plan = planOf(config, name, name);
    context.addRateLimitPolicy(policyItem(name, plan.quota, plan.periodSeconds));
    return {
      ...plan,
      by: placedBy(config.by, context),
      ...(config.when !== undefined && { when: config.when }),
      ...(values.length > 0 && { values }),
    };
  },
});

function isOverCluster({ scope, by, algorithm }: RateLimitConfig, { hasStore }: CompileContext): boolean {
  const isByDefault = isIdentity(by) && algorithm === undefined;
  return hasStore && (scope ?? (isByDefault ? 'cluster' : 'node')) === 'cluster';
}

/** It has no place in the table of this node. */
function clusterLimit(
  { limit: { count: quota, periodSeconds }, burst }: CountedLimit,
  { onStoreLoss, relaxed }: Pick<RateLimitConfig, 'onStoreLoss' | 'relaxed'>,
  label: string,
  identity: string,
  context: CompileContext,
): KeyLimitPlan {
  const { low: idLow, high: idHigh } = hashName(identity);
  const cluster: ClusterPlan = { burst, onStoreLoss, relaxed };
  context.addClusterLimit({ idLow, idHigh, tokensPerSecond: quota / periodSeconds, ...cluster });
  return { limit: 0, idLow, idHigh, label, quota, periodSeconds, cluster };
}

/** @param identity  what its slots belong to, over reloads */
function keyLimit(
  { limit, burst }: CountedLimit,
  algorithm: WindowDefinition['algorithm'] | undefined,
  label: string,
  identity: string,
  context: CompileContext,
): KeyLimitPlan {
  const { count: quota, periodSeconds } = limit;
  // Windows of another length, or of another kind, are other windows.
  const id = hashName(algorithm === undefined ? identity : `${identity} ${algorithm} ${periodSeconds}`);
  const index = context.addLimit({
    idLow: id.low,
    idHigh: id.high,
    name: label,
    tokensPerSecond: quota / periodSeconds,
    burst,
    ...(algorithm !== undefined && { window: { algorithm, seconds: periodSeconds } }),
  });
  return { limit: index, idLow: id.low, idHigh: id.high, label, quota, periodSeconds };
}

function checkLimit(
  written: WrittenLimit,
  algorithm: WindowDefinition['algorithm'] | undefined,
  path: readonly string[],
  context: z.RefinementCtx,
): void {
  if (algorithm === undefined) return needBurst(written, context, path);
  if (written.burst !== undefined) {
    addIssue(context, [...path, 'burst'], `is of gcra only: a window admits its whole count at once`);
  }
  const { count = 0 } = written.limit ?? {};
  if (count > COUNT_MAX) addIssue(context, [...path, 'limit'], `is more than the ${COUNT_MAX} that a window can hold`);
}

/** 1000/day alone would admit one call each 86 s, which nobody means. */
export function needBurst(
  { limit, burst }: WrittenLimit,
  context: z.RefinementCtx,
  path: readonly string[] = [],
): void {
  if (burst !== undefined || limit === undefined || limit.periodSeconds <= SECONDS_PER_MINUTE) return;
  const message =
    'a period of more than one minute needs a burst, because without one the rate admits single calls far apart; ' +
    'a count per hour or day is a window (algorithm: fixed-window), or the quota of a plan';
  addIssue(context, [...path, 'limit'], message);
}

function addIssue(context: z.RefinementCtx, path: readonly string[], message: string): void {
  context.addIssue({ code: 'custom', path: [...path], params: { message } });
}

function counted(
  { limit, burst }: WrittenLimit & { readonly limit: Rate },
  algorithm: WindowDefinition['algorithm'] | undefined,
): CountedLimit {
  return { limit, burst: algorithm === undefined ? (burst ?? defaultBurst(limit)) : limit.count };
}

/** One second's worth, at least 1, rounded down: a limit errs on the strict side. */
export function defaultBurst(limit: Rate): number {
  return Math.max(1, Math.floor(limit.count / limit.periodSeconds));
}
