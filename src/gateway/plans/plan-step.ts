// Holds consumers to what their plans allow, behind auth, on every route that has it: nobody has to write this policy. The
// plan's own limit is one step, and what a service or a route says of the plan is another, so that each step waits for one
// answer at most.

import type { SharedMemory } from '../../shm/shared-memory.ts';
import type { PlanStepPlan } from '../limiter/limit-plans.ts';
import type { LiveSnapshot } from '../live-snapshot.ts';
import { ADMIT, type Verdict } from '../pipeline/errors.ts';
import type { Exchange } from '../pipeline/exchange.ts';
import { definePolicyRun, type PolicyStep, type StepFacts } from '../policies/policy-run.ts';
import { PlanLimits } from './plan-limits.ts';

export const planRun = definePolicyRun<PlanStepPlan>({
  name: 'plan',
  prepare: (plan, snapshot, shm) => new PlanStep(plan, snapshot, shm),
});

const NOTHING: StepFacts = { skipped: 'no limit of a plan' };

class PlanStep implements PolicyStep {
  readonly #limits: PlanLimits;

  constructor(plan: PlanStepPlan, snapshot: LiveSnapshot, shm: SharedMemory) {
    this.#limits =
      plan.kind === 'everywhere' ? snapshot.planLimits : new PlanLimits(plan.allowances, false, snapshot, shm);
  }

  /** @hot */
  run(x: Exchange): Verdict {
    const limit = x.consumer === undefined ? undefined : this.#limits.of(x.consumer);
    if (limit === undefined || x.consumer === undefined) return ADMIT;
    return limit.decide(x, x.consumer.name);
  }

  settle(x: Exchange, verdict: Verdict): Verdict {
    const limit = x.consumer === undefined ? undefined : this.#limits.of(x.consumer);
    return limit === undefined ? verdict : limit.settle(x, verdict);
  }

  explain(x: Exchange): StepFacts {
    const limit = x.consumer === undefined ? undefined : this.#limits.of(x.consumer);
    return limit === undefined ? NOTHING : { name: limit.plan.label, ...limit.explain('consumer') };
  }
}
