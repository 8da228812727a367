// fault: delays and failures on purpose, so that users can try what their own programs make of them.

import type * as z from 'zod';
import { condition } from '../../conditions/config.ts';
import { duration, percentage, section, whole } from '../../units/config.ts';
import { definePolicyConfig } from '../policy-config.ts';
import type { FaultPlan } from './fault-plan.ts';

const DELAY_MS_MAX = 60_000;

const schema: z.ZodType<FaultPlan> = section({
  when: condition().optional().describe('Which requests it is for; default: all.'),
  share: percentage().prefault('100%').describe('How many of them.'),
  delay: duration(1, DELAY_MS_MAX).optional().describe('How long they wait before they go on.'),
  abort: section({
    status: whole(400, 599).prefault(503).describe('The status of the answer.'),
  })
    .optional()
    .describe('They are answered by the gateway instead of the upstream, after the delay.'),
})
  .superRefine(({ delay, abort }, context) => {
    if (delay !== undefined || abort !== undefined) return;
    context.addIssue({ code: 'custom', params: { message: 'does nothing: it needs delay, abort or both' } });
  })
  .transform(
    ({ when, share, delay, abort }): FaultPlan => ({
      ...(when !== undefined && { when }),
      share,
      delayMs: delay ?? 0,
      abortStatus: abort?.status ?? 0,
    }),
  );

export const faultConfig = definePolicyConfig<FaultPlan, FaultPlan>({
  name: 'fault',
  schema,
  stage: () => 'fault',
  compile: (config) => config,
});
