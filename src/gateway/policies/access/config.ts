// access: which of the consumers may pass: by name or group, with which methods, scopes and claims, and when.

import * as z from 'zod';
import type { PatternPlan } from '../../permissions/permission-plan.ts';
import { readPattern } from '../../permissions/read-pattern.ts';
import { METHODS_MASK, methodMask } from '../../router/methods.ts';
import { identity, methodName, safeName, section, text } from '../../units/config.ts';
import { definePolicyConfig } from '../policy-config.ts';
import type { AccessPlan, AccessRule } from './access-plan.ts';
import { times, type WrittenTimes } from './times-schema.ts';

const NAMES_MAX = 10_000;
const RULES_MAX = 100;
const SCOPES_MAX = 100;
const CLAIMS_MAX = 16;
const CLAIM_VALUES_MAX = 1_000;
const NOTHING_SAID = 'does nothing: it needs consumers, groups, methods, scopes, claims or times';
// RFC 6749, appendix A.4.
const SCOPE = /^[!#-[\]-~]{1,256}$/;
const CLAIM_NAME = /^.{1,128}$/u;
const CLAIM = /^\P{Cc}{1,256}$/u;

interface WrittenScopes {
  readonly names: readonly string[];
  readonly needsAll: boolean;
}

const scopeList = z
  .array(
    text('a scope: 1 to 256 printable ASCII characters, no space', '[!-~]{1,256}', (value) =>
      SCOPE.test(value) ? value : undefined,
    ),
  )
  .min(1)
  .max(SCOPES_MAX);

const scopes: z.ZodType<WrittenScopes> = z.union([
  scopeList.transform((names) => ({ names, needsAll: false })),
  section({ all: scopeList.describe('Each of them.') }).transform(({ all }) => ({ names: all, needsAll: true })),
]);

const claimValue: z.ZodType<PatternPlan> = text(
  '1 to 256 characters, in which * and ? are wildcards',
  '.{1,256}',
  (value) => {
    const pattern = CLAIM.test(value) ? readPattern(value, { hasWildcards: true, hasVariables: false }) : undefined;
    return pattern?.ok === true ? pattern.value : undefined;
  },
);

const claims = z
  .record(
    text("a claim's name, 1 to 128 characters", '.{1,128}', (value) => (CLAIM_NAME.test(value) ? value : undefined)),
    z.union([claimValue.transform((only) => [only]), z.array(claimValue).min(1).max(CLAIM_VALUES_MAX)]),
  )
  .superRefine((written, context) => {
    const count = Object.keys(written).length;
    if (count >= 1 && count <= CLAIMS_MAX) return;
    context.addIssue({ code: 'custom', path: [], params: { message: `has ${count} claims, not 1 to ${CLAIMS_MAX}` } });
  });

const shape = {
  consumers: z.array(identity()).min(1).max(NAMES_MAX).optional().describe('These consumers.'),
  groups: z.array(safeName()).min(1).max(NAMES_MAX).optional().describe('Consumers that are in one of these groups.'),
  methods: z.array(methodName()).min(1).optional().describe('With these methods only; with GET goes HEAD.'),
  scopes: scopes
    .optional()
    .describe("With one of these scopes in the caller's token; { all: [...] }: with each of them."),
  claims: claims
    .optional()
    .describe('With each of these claims: { tenant: acme, role: [admin, ops], mail: "*@acme.example" }.'),
  times: times()
    .optional()
    .describe('At these times only: { days: [mon, tue], hours: 08:00-18:00, timeZone: Europe/Berlin }, or a list.'),
};

type WrittenRule = z.output<z.ZodObject<typeof shape>>;

/** A rule as it is checked; its times may have no zone of their own. */
interface RuleConfig extends Omit<AccessRule, 'times'> {
  readonly times?: readonly WrittenTimes[] | undefined;
}

const ruleSchema = section(shape)
  .superRefine((rule, context) => {
    if (isEmpty(rule)) context.addIssue({ code: 'custom', path: [], params: { message: NOTHING_SAID } });
  })
  .transform(ruleOf);

export interface AccessConfig {
  readonly rules: readonly RuleConfig[];
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
  compile: ({ rules }, context) => ({
    rules: rules.map(({ times, ...rule }) => ({
      ...rule,
      ...(times !== undefined && {
        times: times.map(({ timeZone = context.timeZone, ...each }) => ({ ...each, timeZone })),
      }),
    })),
  }),
});

function isEmpty(rule: WrittenRule): boolean {
  return Object.values(rule).every((part) => part === undefined);
}

function ruleOf({ consumers, groups, methods, scopes, claims, times }: WrittenRule): RuleConfig {
  return {
    ...(consumers !== undefined && { consumers }),
    ...(groups !== undefined && { groups }),
    methodMask: methods === undefined ? METHODS_MASK : methodMask(methods),
    ...(scopes !== undefined && { scopes }),
    ...(claims !== undefined && { claims: Object.entries(claims) }),
    ...(times !== undefined && { times }),
  };
}
