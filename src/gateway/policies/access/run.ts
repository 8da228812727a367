// Which of the consumers may pass: those that one of the rules lets in.

import type { Caller } from '../../consumers.ts';
import { ADMIT, errors, type Verdict } from '../../pipeline/errors.ts';
import type { Exchange } from '../../pipeline/exchange.ts';
import { definePolicyRun, type PolicyStep, type StepFacts } from '../policy-run.ts';
import type { AccessPlan, AccessRule } from './access-plan.ts';

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

  /** @hot */
  run(x: Exchange): Verdict {
    return this.#find(x) === NO_RULE ? errors.FORBIDDEN.id : ADMIT;
  }

  explain(x: Exchange): StepFacts {
    const rule = this.#find(x);
    return {
      consumer: x.consumer?.name ?? 'none',
      groups: x.consumer?.groups?.join(' ') ?? '',
      rule: rule === NO_RULE ? 'none' : rule + 1,
    };
  }

  /** Whoever is no consumer is in no rule. @hot @returns the first rule that lets it in, or NO_RULE */
  #find(x: Exchange): number {
    const { consumer, methodIndex } = x;
    if (consumer === undefined || methodIndex < 0) return NO_RULE;
    for (let rule = 0; rule < this.#rules.length; rule++) {
      if ((this.#rules[rule] as LiveRule).letsIn(consumer, methodIndex)) return rule;
    }
    return NO_RULE;
  }
}

class LiveRule {
  readonly #isForAll: boolean;
  readonly #consumers: ReadonlySet<string>;
  readonly #groups: ReadonlySet<string>;
  readonly #methodMask: number;

  constructor({ consumers, groups, methodMask }: AccessRule) {
    this.#isForAll = consumers === undefined && groups === undefined;
    this.#consumers = new Set(consumers);
    this.#groups = new Set(groups);
    this.#methodMask = methodMask;
  }

  /** @hot */
  letsIn(consumer: Caller, methodIndex: number): boolean {
    if ((this.#methodMask & (1 << methodIndex)) === 0) return false;
    if (this.#isForAll || this.#consumers.has(consumer.name)) return true;
    const { groups } = consumer;
    if (groups === undefined) return false;
    for (let i = 0; i < groups.length; i++) {
      if (this.#groups.has(groups[i] as string)) return true;
    }
    return false;
  }
}
