// auth: who is calling. Any one of the listed methods suffices, or all of them are needed.

import * as z from 'zod';
import type { AuthPlan } from '../../snapshot.ts';
import { section, word } from '../../units/config.ts';
import { definePolicyConfig } from '../policy-config.ts';
import type { Credential } from './credential.ts';
import type { AuthMethodConfig, AuthMethodUse } from './method-config.ts';
import { laterMethods, methodConfigs } from './method-configs.ts';

const METHODS_MAX = 16;

export interface AuthConfig {
  /** In the order in which they are tried. */
  readonly methods: readonly AuthMethodUse[];
  /** Else one of them suffices. */
  readonly needsAll: boolean;
}

const byKind = new Map(methodConfigs.map((method) => [method.kind, method]));
const kinds = methodConfigs.map(({ kind }) => kind);
const WITH_SETTINGS = section(
  Object.fromEntries(methodConfigs.map(({ kind, schema }) => [kind, schema.optional()])),
  laterMethods,
).superRefine((method, context) => {
  // What is wrong with a key is told already.
  if (context.issues.length > 0) return;
  if (Object.values(method).filter((settings) => settings !== undefined).length === 1) return;
  context.addIssue({ code: 'custom', path: [], params: { message: `names one of ${kinds.join(', ')}` } });
});

const methodSchema = z.union([word(kinds, [...laterMethods]), WITH_SETTINGS]).transform((method, context) => {
  if (typeof method !== 'string') return useOf(method);
  // Only the name: every setting's default.
  const parsed = byKind.get(method)?.schema.safeParse({});
  if (parsed?.success === true) return useOf({ [method]: parsed.data });
  context.issues.push(...((parsed?.error.issues ?? []) as typeof context.issues));
  return z.NEVER;
});

function methods(says: string, tell: (use: AuthMethodUse) => string): z.ZodType<readonly AuthMethodUse[] | undefined> {
  const refuse = (uses: readonly AuthMethodUse[], context: z.RefinementCtx) => refuseTwins(uses, tell, context);
  return z.array(methodSchema).min(1).max(METHODS_MAX).superRefine(refuse).optional().describe(says) as z.ZodType<
    readonly AuthMethodUse[] | undefined
  >;
}

const schema: z.ZodType<AuthConfig> = section({
  any: methods(
    'The ways in which a caller may prove who it is; one of them suffices.',
    (use) => methodOf(use).distinguish?.(use) ?? '',
  ),
  all: methods(
    'The ways in which a caller must prove who it is, in this order; the consumer is the same in all of them.',
    () => '',
  ),
})
  .superRefine(({ any, all }, context) => {
    if ((any === undefined) !== (all === undefined)) return;
    context.addIssue({ code: 'custom', path: [], params: { message: 'has a list any, or a list all' } });
  })
  .transform(({ any, all }) => ({ methods: any ?? all ?? [], needsAll: all !== undefined }));

export const authConfig = definePolicyConfig<AuthConfig, AuthPlan>({
  name: 'auth',
  schema,
  stage: () => 'authenticate',
  compile({ methods: uses, needsAll }, context) {
    const challenges = new Set<string>();
    const plans = uses.map((use) => {
      const method = methodOf(use);
      for (const credential of method.credentials(use)) context.addCredential(credential);
      challenges.add(method.challenge(use, context.service));
      return { kind: use.kind, plan: method.compile(use, context) };
    });
    challenges.delete('');
    return { methods: plans, needsAll, challenge: [...challenges].join(', ') };
  },
});

/** The settings with the method's name. */
function useOf(method: Readonly<Record<string, unknown>>): AuthMethodUse {
  const [kind = '', settings] = Object.entries(method).find(([, value]) => value !== undefined) ?? [];
  return { ...(settings as object), kind };
}

function methodOf({ kind }: AuthMethodUse): AuthMethodConfig<unknown, unknown> {
  const method = byKind.get(kind);
  if (method === undefined) throw new Error(`no method is called ${kind}: the parser let it through`);
  return method;
}

/** @param tell  what tells two uses of one place apart; '' for nothing */
function refuseTwins(
  uses: readonly AuthMethodUse[],
  tell: (use: AuthMethodUse) => string,
  context: z.RefinementCtx,
): void {
  const seen = new Map<string, Set<string>>();
  for (const [index, use] of uses.entries()) {
    // What is no method has an issue of its own.
    if (!byKind.has(use?.kind)) continue;
    const names = methodOf(use)
      .credentials(use)
      .map((credential) => nameOf(use.kind, credential));
    const mark = tell(use);
    const isTwin = names.some((name) => {
      const marks = seen.get(name);
      return marks !== undefined && (mark === '' || marks.has('') || marks.has(mark));
    });
    if (isTwin)
      context.addIssue({ code: 'custom', path: [index], params: { message: 'repeats a method of this list' } });
    for (const name of names) seen.set(name, (seen.get(name) ?? new Set()).add(mark));
  }
}

function nameOf(kind: string, { in: place, name }: Credential): string {
  return `${kind} ${place} ${name}`;
}
