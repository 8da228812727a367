// Which methods are let in. The answer to all others says which.

import { ADMIT, errors, type Verdict } from '../../pipeline/errors.ts';
import type { Exchange } from '../../pipeline/exchange.ts';
import { allowHeader } from '../../router/methods.ts';
import { definePolicyRun, type PolicyStep, type StepFacts } from '../policy-run.ts';
import type { MethodPlan } from './method-plan.ts';

export const methodRun = definePolicyRun<MethodPlan>({
  name: 'method',
  prepare: (plan) => new MethodStep(plan.mask),
});

class MethodStep implements PolicyStep {
  readonly #mask: number;

  constructor(mask: number) {
    this.#mask = mask;
  }

  /** @hot */
  run(x: Exchange): Verdict {
    if (x.methodIndex >= 0 && (this.#mask & (1 << x.methodIndex)) !== 0) return ADMIT;
    x.allowMask = this.#mask;
    return errors.METHOD_NOT_ALLOWED.id;
  }

  explain(): StepFacts {
    return { allow: allowHeader(this.#mask) };
  }
}
