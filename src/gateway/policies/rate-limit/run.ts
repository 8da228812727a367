// So many requests, exactly, over all workers, for the key that the policy counts by.

import type { SharedMemory } from '../../../shm/shared-memory.ts';
import { type LiveCondition, prepareCondition } from '../../conditions/prepare-condition.ts';
import type { RateLimitPlan } from '../../limiter/limit-plans.ts';
import type { LiveSnapshot } from '../../live-snapshot.ts';
import { ADMIT, type Verdict } from '../../pipeline/errors.ts';
import type { Exchange } from '../../pipeline/exchange.ts';
import { KeyLimit } from '../key-limit.ts';
import { limitKey, nameOfKey } from '../limit-key.ts';
import { definePolicyRun, type PolicyStep, type StepFacts } from '../policy-run.ts';
import { ClusterStep } from './cluster-step.ts';

export const rateLimitRun = definePolicyRun<RateLimitPlan>({
  name: 'rate-limit',
  prepare: (plan, snapshot, shm) => {
    const step =
      plan.cluster === undefined ? new RateLimitStep(plan, snapshot, shm) : new ClusterStep(plan, plan.cluster, shm);
    return plan.when === undefined ? step : new ConditionalStep(step, prepareCondition(plan.when));
  },
});

class RateLimitStep implements PolicyStep {
  readonly #plan: RateLimitPlan;
  readonly #limit: KeyLimit;
  /** Of keys that have one of their own. */
  readonly #values: ReadonlyMap<string, KeyLimit> | undefined;

  constructor(plan: RateLimitPlan, snapshot: LiveSnapshot, shm: SharedMemory) {
    this.#plan = plan;
    this.#limit = new KeyLimit(plan, true, snapshot, shm);
    this.#values =
      plan.values && new Map(plan.values.map(([key, own]) => [key, new KeyLimit(own, false, snapshot, shm)]));
  }

  /** @hot */
  run(x: Exchange): Verdict {
    const key = limitKey(this.#plan.by, x);
    return (this.#values?.get(key) ?? this.#limit).decide(x, key);
  }

  /** The exchange has waited for this step's decision. @hot */
  hasWaited(x: Exchange): boolean {
    return x.plane.askedLimits.isAnswered(x);
  }

  explain(x: Exchange): StepFacts {
    const limit = this.#values?.get(limitKey(this.#plan.by, x)) ?? this.#limit;
    return limit.explain(nameOfKey(this.#plan.by));
  }
}

/** A step that may make its exchange wait, and is run again then. */
interface AskingStep extends PolicyStep {
  hasWaited(x: Exchange): boolean;
  explain(x: Exchange): StepFacts;
}

const SKIPPED: StepFacts = { skipped: 'its condition does not hold' };

class ConditionalStep implements PolicyStep {
  readonly #inner: AskingStep;
  readonly #when: LiveCondition;
  // Random() may say another thing when it is asked again.
  #hasRun = false;

  constructor(inner: AskingStep, when: LiveCondition) {
    this.#inner = inner;
    this.#when = when;
  }

  /** @hot */
  run(x: Exchange): Verdict {
    // What it has waited for is its decision.
    this.#hasRun = this.#inner.hasWaited(x) || this.#when.holds(x);
    return this.#hasRun ? this.#inner.run(x) : ADMIT;
  }

  settle(x: Exchange, verdict: Verdict): Verdict {
    return this.#inner.settle?.(x, verdict) ?? verdict;
  }

  explain(x: Exchange): StepFacts {
    return this.#hasRun ? this.#inner.explain(x) : SKIPPED;
  }
}
