// So many requests, exactly, over all workers or all instances, for the key that the policy counts by.

import type { SharedMemory } from '../../../shm/shared-memory.ts';
import { type LiveCondition, prepareCondition } from '../../conditions/prepare-condition.ts';
import type { RateLimitPlan } from '../../limiter/limit-plans.ts';
import type { LiveSnapshot } from '../../live-snapshot.ts';
import { ADMIT, type Verdict } from '../../pipeline/errors.ts';
import type { Exchange } from '../../pipeline/exchange.ts';
import { limitKey, nameOfKey } from '../limit-key.ts';
import { definePolicyRun, type PolicyStep, type StepFacts } from '../policy-run.ts';
import { type AnyKeyLimit, prepareKeyLimit } from '../prepare-key-limit.ts';

export const rateLimitRun = definePolicyRun<RateLimitPlan>({
  name: 'rate-limit',
  prepare: (plan, snapshot, shm) => {
    const step = new RateLimitStep(plan, snapshot, shm);
    return plan.when === undefined ? step : new ConditionalStep(step, prepareCondition(plan.when));
  },
});

class RateLimitStep implements PolicyStep {
  readonly #plan: RateLimitPlan;
  readonly #limit: AnyKeyLimit;
  /** Of keys that have one of their own. */
  readonly #values: ReadonlyMap<string, AnyKeyLimit> | undefined;

  constructor(plan: RateLimitPlan, snapshot: LiveSnapshot, shm: SharedMemory) {
    this.#plan = plan;
    this.#limit = prepareKeyLimit(plan, true, snapshot, shm);
    this.#values =
      plan.values && new Map(plan.values.map(([key, own]) => [key, prepareKeyLimit(own, false, snapshot, shm)]));
  }

  /** @hot */
  run(x: Exchange): Verdict {
    const key = limitKey(this.#plan.by, x);
    return this.#limitOf(key).decide(x, key);
  }

  /** The exchange has waited for this step's decision. @hot */
  hasWaited(x: Exchange): boolean {
    const key = limitKey(this.#plan.by, x);
    return this.#limitOf(key).hasWaited(x, key);
  }

  settle(x: Exchange, verdict: Verdict): Verdict {
    return this.#limitOf(limitKey(this.#plan.by, x)).settle(x, verdict);
  }

  explain(x: Exchange): StepFacts {
    return this.#limitOf(limitKey(this.#plan.by, x)).explain(nameOfKey(this.#plan.by));
  }

  /** @hot */
  #limitOf(key: string): AnyKeyLimit {
    return this.#values?.get(key) ?? this.#limit;
  }
}

const SKIPPED: StepFacts = { skipped: 'its condition does not hold' };

class ConditionalStep implements PolicyStep {
  readonly #inner: RateLimitStep;
  readonly #when: LiveCondition;
  // Random() may say another thing when it is asked again.
  #hasRun = false;

  constructor(inner: RateLimitStep, when: LiveCondition) {
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
    return this.#inner.settle(x, verdict);
  }

  explain(x: Exchange): StepFacts {
    return this.#hasRun ? this.#inner.explain(x) : SKIPPED;
  }
}
