// access: which of the consumers may pass, by name or group, and with which methods.

import * as z from 'zod';
import { METHODS_MASK, methodMask } from '../../router/methods.ts';
import { identity, methodName, safeName, section } from '../../units/config.ts';
import { definePolicyConfig } from '../policy-config.ts';
import type { AccessPlan, AccessRule } from './access-plan.ts';

const NAMES_MAX = 10_000;
const RULES_MAX = 100;
const NOTHING_SAID = 'does nothing: it needs consumers, groups or methods';

const shape = {
  consumers: z.array(identity()).min(1).max(NAMES_MAX).optional().describe('These consumers.'),
  groups: z.array(safeName()).min(1).max(NAMES_MAX).optional().describe('Consumers that are in one of these groups.'),
  methods: z.array(methodName()).min(1).optional().describe('With these methods only; with GET goes HEAD.'),
};

type WrittenRule = z.output<z.ZodObject<typeof shape>>;

const ruleSchema = section(shape)
  .superRefine((rule, context) => {
    if (isEmpty(rule)) context.addIssue({ code: 'custom', path: [], params: { message: NOTHING_SAID } });
  })
  .transform(ruleOf);

export interface AccessConfig extends AccessPlan {
  /** The rules stand in a list, for messages: else the only rule is the policy itself. */
  readonly isList: boolean;
}

const schema: z.ZodType<AccessConfig> = section({
  ...shape,
  any: z
    .array(ruleSchema)
    .min(1)
    .max(RULES_MAX)
    .optional()
    .describe('Several such rules instead of one; whom one of them lets in may pass.'),
})
  .superRefine(({ any, ...rule }, context) => {
    const message = any === undefined ? NOTHING_SAID : 'has a list any, or a rule of its own, not both';
    if (isEmpty(rule) === (any === undefined)) context.addIssue({ code: 'custom', path: [], params: { message } });
  })
  .transform(({ any, ...rule }) => ({ rules: any ?? [ruleOf(rule)], isList: any !== undefined }));

export const accessConfig = definePolicyConfig<AccessConfig, AccessPlan>({
  name: 'access',
  schema,
  stage: () => 'authorise',
  compile: ({ rules }) => ({ rules }),
});

function isEmpty({ consumers, groups, methods }: WrittenRule): boolean {
  return consumers === undefined && groups === undefined && methods === undefined;
}

function ruleOf({ consumers, groups, methods }: WrittenRule): AccessRule {
  return {
    ...(consumers !== undefined && { consumers }),
    ...(groups !== undefined && { groups }),
    methodMask: methods === undefined ? METHODS_MASK : methodMask(methods),
  };
}
