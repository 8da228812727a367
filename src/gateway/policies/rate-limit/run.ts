// So many requests, exactly, over all workers or all instances, for the key that the policy counts by.

import type { SharedMemory } from '../../../shm/shared-memory.ts';
import type { RateLimitPlan } from '../../limiter/limit-plans.ts';
import type { LiveSnapshot } from '../../live-snapshot.ts';
import type { Verdict } from '../../pipeline/errors.ts';
import type { Exchange } from '../../pipeline/exchange.ts';
import { type WaitingStep, whereHolds } from '../conditional-step.ts';
import { limitKey, nameOfKey } from '../limit-key.ts';
import { definePolicyRun, type StepFacts } from '../policy-run.ts';
import { type AnyKeyLimit, prepareKeyLimit } from '../prepare-key-limit.ts';

export const rateLimitRun = definePolicyRun<RateLimitPlan>({
  name: 'rate-limit',
  prepare: (plan, snapshot, shm) => whereHolds(plan.when, new RateLimitStep(plan, snapshot, shm)),
});

class RateLimitStep implements WaitingStep {
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

  /** @hot */
  hasWaited(x: Exchange): boolean {
    if (x.parkKey === '') return false;
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
