// A steady rate with a burst, exact over all workers, for the key that the policy counts by.

import type { SharedMemory } from '../../../shm/shared-memory.ts';
import type { RateLimitPlan } from '../../limiter/limit-plans.ts';
import type { LiveSnapshot } from '../../live-snapshot.ts';
import type { Verdict } from '../../pipeline/errors.ts';
import type { Exchange } from '../../pipeline/exchange.ts';
import { KeyLimit } from '../key-limit.ts';
import { limitKey, nameOfKey } from '../limit-key.ts';
import { definePolicyRun, type PolicyStep, type StepFacts } from '../policy-run.ts';

export const rateLimitRun = definePolicyRun<RateLimitPlan>({
  name: 'rate-limit',
  prepare: (plan, snapshot, shm) => new RateLimitStep(plan, snapshot, shm),
});

class RateLimitStep implements PolicyStep {
  readonly #plan: RateLimitPlan;
  readonly #limit: KeyLimit;

  constructor(plan: RateLimitPlan, snapshot: LiveSnapshot, shm: SharedMemory) {
    this.#plan = plan;
    this.#limit = new KeyLimit(plan, snapshot, shm);
  }

  /** @hot */
  run(x: Exchange): Verdict {
    return this.#limit.decide(x, limitKey(this.#plan.by, x));
  }

  explain(): StepFacts {
    return this.#limit.explain(nameOfKey(this.#plan.by));
  }
}
