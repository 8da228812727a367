// Which of the consumers may pass: those that one of the rules lets in.

import type { Caller } from '../../consumers.ts';
import type { PlainPart } from '../../permissions/permission-plan.ts';
import { Wildcard } from '../../permissions/wildcard.ts';
import { ADMIT, errors, type Verdict } from '../../pipeline/errors.ts';
import type { Exchange } from '../../pipeline/exchange.ts';
import { definePolicyRun, type PolicyStep, type StepFacts } from '../policy-run.ts';
import type { AccessPlan, AccessRule } from './access-plan.ts';
import { LiveTimes } from './live-times.ts';

export const accessRun = definePolicyRun<AccessPlan>({
  name: 'access',
  prepare: (plan) => new AccessStep(plan),
});

const NO_RULE = -1;

class AccessStep implements PolicyStep {
  readonly #rules: readonly LiveRule[];

  constructor({ rules }: AccessPlan) {
    this.#rules = rules.map((rule) => new LiveRule(rule));
  }

  /** @hot measured by npm run bench:hot -- --only access */
  run(x: Exchange): Verdict {
    return this.#find(x) === NO_RULE ? errors.FORBIDDEN.id : ADMIT;
  }

  explain(x: Exchange): StepFacts {
    const rule = this.#find(x);
    return {
      consumer: x.consumer?.name ?? 'none',
      groups: x.consumer?.groups?.join(' ') ?? '',
      ...(x.consumer?.scopes !== undefined && { scopes: x.consumer.scopes.join(' ') }),
      rule: rule === NO_RULE ? 'none' : rule + 1,
    };
  }

  /** Whoever is no consumer is in no rule. @hot @returns the first rule that lets it in, or NO_RULE */
  #find(x: Exchange): number {
    const { consumer, methodIndex } = x;
    if (consumer === undefined || methodIndex < 0) return NO_RULE;
    for (let rule = 0; rule < this.#rules.length; rule++) {
      if ((this.#rules[rule] as LiveRule).letsIn(x, consumer)) return rule;
    }
    return NO_RULE;
  }
}

class LiveRule {
  readonly #isForAll: boolean;
  readonly #consumers: ReadonlySet<string>;
  readonly #groups: ReadonlySet<string>;
  readonly #methodMask: number;
  readonly #scopes: AccessRule['scopes'];
  readonly #claims: readonly LiveClaim[];
  readonly #times: LiveTimes | undefined;

  constructor({ consumers, groups, methodMask, scopes, claims = [], times }: AccessRule) {
    this.#isForAll = consumers === undefined && groups === undefined;
    this.#consumers = new Set(consumers);
    this.#groups = new Set(groups);
    this.#methodMask = methodMask;
    this.#scopes = scopes;
    this.#claims = claims.map(([name, patterns]) => ({
      name,
      values: patterns.map((parts) => new Wildcard(parts as readonly PlainPart[])),
    }));
    this.#times = times === undefined ? undefined : new LiveTimes(times);
  }

  /** All that it says holds. @hot */
  letsIn(x: Exchange, consumer: Caller): boolean {
    if ((this.#methodMask & (1 << x.methodIndex)) === 0) return false;
    if (!this.#isForAll && !this.#names(consumer)) return false;
    if (this.#scopes !== undefined && !hasScopes(consumer.scopes, this.#scopes)) return false;
    if (this.#claims.length > 0 && !hasClaims(consumer, this.#claims)) return false;
    return this.#times === undefined || this.#times.hold(x.plane.wallMs());
  }

  /** @hot */
  #names({ name, groups }: Caller): boolean {
    if (this.#consumers.has(name)) return true;
    if (groups === undefined) return false;
    for (let i = 0; i < groups.length; i++) {
      if (this.#groups.has(groups[i] as string)) return true;
    }
    return false;
  }
}

interface LiveClaim {
  readonly name: string;
  readonly values: readonly Wildcard[];
}

/** @hot */
function hasScopes(
  has: readonly string[] | undefined,
  { names, needsAll }: NonNullable<AccessRule['scopes']>,
): boolean {
  if (has === undefined) return false;
  for (let i = 0; i < names.length; i++) {
    if (has.includes(names[i] as string) !== needsAll) return !needsAll;
  }
  return needsAll;
}

/** @hot */
function hasClaims({ claims }: Caller, wanted: readonly LiveClaim[]): boolean {
  if (claims === undefined) return false;
  for (let i = 0; i < wanted.length; i++) {
    const { name, values } = wanted[i] as LiveClaim;
    const value = Object.hasOwn(claims, name) ? claims[name] : undefined;
    if (value === undefined || !matchesAny(values, value)) return false;
  }
  return true;
}

/** @hot */
function matchesAny(values: readonly Wildcard[], text: string): boolean {
  for (let i = 0; i < values.length; i++) {
    if ((values[i] as Wildcard).matches(text)) return true;
  }
  return false;
}
