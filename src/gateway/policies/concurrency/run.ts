// So many requests at once, over all workers: a permit is taken here and given back when the exchange ends.

import { SeededHash } from '../../../base/hash.ts';
import type { SharedMemory } from '../../../shm/shared-memory.ts';
import { ADMIT, errors, type Verdict } from '../../pipeline/errors.ts';
import type { Exchange } from '../../pipeline/exchange.ts';
import type { ConcurrencyPlan } from '../../snapshot.ts';
import { whereHolds } from '../conditional-step.ts';
import { limitKey, nameOfKey } from '../limit-key.ts';
import { definePolicyRun, type PolicyStep, type StepFacts } from '../policy-run.ts';

export const concurrencyRun = definePolicyRun<ConcurrencyPlan>({
  name: 'concurrency',
  prepare: (plan, _snapshot, shm) => whereHolds(plan.when, new ConcurrencyStep(plan, shm)),
});

// Nobody knows when the next permit comes back; a second is a fair guess for a client.
const RETRY_AFTER_SECONDS = 1;

class ConcurrencyStep implements PolicyStep {
  readonly #plan: ConcurrencyPlan;
  readonly #shm: SharedMemory;
  readonly #hash: SeededHash;
  /** Of keys that have one of their own. */
  readonly #maxOf: ReadonlyMap<string, number> | undefined;

  constructor(plan: ConcurrencyPlan, shm: SharedMemory) {
    this.#plan = plan;
    this.#shm = shm;
    this.#hash = new SeededHash(shm.control.hashSeedLow, shm.control.hashSeedHigh);
    this.#maxOf = plan.values && new Map(plan.values);
  }

  /** @hot */
  run(x: Exchange): Verdict {
    const plan = this.#plan;
    const hash = this.#hash;
    const key = limitKey(plan.by, x);
    const max = this.#maxOf?.get(key) ?? plan.max;
    hash.hash(plan.idLow, plan.idHigh, key);
    const slot = this.#shm.concurrency.acquire(hash.low, hash.high, max, x.plane.worker);
    if (slot >= 0) {
      x.permits ??= [];
      x.permits.push(slot);
      return ADMIT;
    }
    x.retryAfterSeconds = RETRY_AFTER_SECONDS;
    x.detail = `${max} requests are under way already`;
    return errors.TOO_MANY_IN_FLIGHT.id;
  }

  explain(x: Exchange): StepFacts {
    const { idLow, idHigh, by } = this.#plan;
    const key = limitKey(by, x);
    const max = this.#maxOf?.get(key) ?? this.#plan.max;
    this.#hash.hash(idLow, idHigh, key);
    return { by: nameOfKey(by), max, inFlight: this.#shm.concurrency.inFlight(this.#hash.low, this.#hash.high) };
  }
}
