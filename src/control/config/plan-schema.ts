// The section `plans`, and what of it may stand at a consumer, a service or a route.

import * as z from 'zod';
import type { Rate } from '../../base/units.ts';
import type { OnStoreLoss } from '../../gateway/limiter/cluster-limit.ts';
import {
  burst,
  defaultBurst,
  needBurst,
  onStoreLoss,
  relaxed,
  scope,
} from '../../gateway/policies/rate-limit/config.ts';
import { rate, safeName, section, word } from '../../gateway/units/config.ts';
import { priority } from './load-schema.ts';
import type { AllowanceConfig, PlanBindings, PlanConfig, QuotaConfig } from './plan-config.ts';
import { quotas } from './quota-schema.ts';

interface AllowanceSection {
  readonly limit?: Rate | undefined;
  readonly burst?: number | undefined;
  readonly quota?: readonly QuotaConfig[] | undefined;
  readonly scope?: 'node' | 'cluster' | undefined;
  readonly onStoreLoss?: OnStoreLoss | undefined;
  readonly relaxed?: number | undefined;
}

const QUOTA_SAYS = "Each consumer's requests in a window of the calendar: 1000/day, or a list; [] for none.";

/** The keys that plans and consumers share. */
export function quotaShape() {
  return {
    quota: quotas().optional().describe(QUOTA_SAYS),
    scope: scope()
      .optional()
      .describe(
        'Where the limit is counted: node, each instance by itself; cluster (the default where gateway.redis is set), ' +
          'over all that share it. Quotas are always counted over all.',
      ),
    onStoreLoss: onStoreLoss()
      .optional()
      .describe(
        'While the store does not answer: of the limit, each instance its part (local-share, the default), no limit, or ' +
          'nothing beyond what it holds; of quotas, nothing beyond what is held, unless it is open.',
      ),
    relaxed: relaxed().optional(),
  };
}

/** The keys that plans, consumers and bindings share. */
export function allowanceShape() {
  return {
    limit: rate().optional().describe('The steady rate of each consumer: 100/s, 6000/min.'),
    burst: burst().optional(),
  };
}

export function checkAllowance(own: AllowanceSection, context: z.RefinementCtx): void {
  needBurst(own, context);
  if (own.burst === undefined || own.limit !== undefined) return;
  context.addIssue({ code: 'custom', path: ['burst'], params: { message: 'is of a limit, and there is none' } });
}

export function allowanceOf({ limit, burst, quota, scope, onStoreLoss, relaxed }: AllowanceSection): AllowanceConfig {
  return {
    ...(limit !== undefined && { limit: { rate: limit, burst: burst ?? defaultBurst(limit) } }),
    ...(quota !== undefined && { quotas: quota }),
    ...(scope !== undefined && { scope }),
    ...(onStoreLoss !== undefined && { onStoreLoss }),
    ...(relaxed !== undefined && { relaxed }),
  };
}

export const planSchema: z.ZodType<Omit<PlanConfig, 'name'>> = section(
  {
    ...allowanceShape(),
    ...quotaShape(),
    priority: priority().optional().describe('Of consumers that say none: who goes first at an overloaded upstream.'),
  },
  ['price'],
)
  .superRefine(checkAllowance)
  .transform(({ priority, ...allowance }) => ({
    ...allowanceOf(allowance),
    ...(priority !== undefined && { priority }),
  }));

const bindingSchema = section({ ...allowanceShape(), quota: quotas().optional().describe(QUOTA_SAYS) })
  .superRefine(checkAllowance)
  .transform(allowanceOf);

export const bindingsSchema: z.ZodType<PlanBindings> = z
  .union([word(['none']), z.record(safeName(), bindingSchema)])
  .transform((bindings) =>
    bindings === 'none'
      ? { apply: false, allowances: new Map() }
      : { apply: true, allowances: new Map(Object.entries(bindings)) },
  );
