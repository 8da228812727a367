// Rules about a request's head: its headers, its address, the type of its body, and which program sends it.

import { ADMIT, type Verdict } from '../../pipeline/errors.ts';
import type { Exchange } from '../../pipeline/exchange.ts';
import { definePolicyRun, type PolicyStep, type StepFacts } from '../policy-run.ts';
import { AgentRule } from './agent-rule.ts';
import { ContentTypeRule } from './content-type-rule.ts';
import type { GuardRule } from './guard-rule.ts';
import { HeaderRules } from './header-rules.ts';
import type { RequestGuardPlan } from './request-guard-plan.ts';
import { parameterCount, UriRules } from './uri-rules.ts';

export const requestGuardRun = definePolicyRun<RequestGuardPlan>({
  name: 'request-guard',
  prepare: (plan) => new RequestGuardStep(plan),
});

class RequestGuardStep implements PolicyStep {
  readonly #rules: readonly GuardRule[];

  constructor(plan: RequestGuardPlan) {
    const { headers, path, query, contentTypes, userAgent } = plan;
    this.#rules = [
      ...(userAgent === undefined ? [] : [new AgentRule(userAgent)]),
      ...(path === undefined && query === undefined ? [] : [new UriRules(plan)]),
      ...(headers === undefined ? [] : [new HeaderRules(headers)]),
      ...(contentTypes === undefined ? [] : [new ContentTypeRule(contentTypes)]),
    ];
  }

  /** @hot */
  run(x: Exchange): Verdict {
    const rules = this.#rules;
    for (let i = 0; i < rules.length; i++) {
      const verdict = (rules[i] as GuardRule).check(x);
      if (verdict !== ADMIT) return verdict;
    }
    return ADMIT;
  }

  explain(x: Exchange): StepFacts {
    return {
      headers: x.headers.length / 2,
      pathChars: x.path.length,
      queryChars: Math.max(0, x.query.length - 1),
      parameters: parameterCount(x.query),
    };
  }
}
