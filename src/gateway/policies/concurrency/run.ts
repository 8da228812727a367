// So many requests at once, over all workers: a permit is taken here and given back when the exchange ends.

import { SeededHash } from '../../../base/hash.ts';
import type { SharedMemory } from '../../../shm/shared-memory.ts';
import { ADMIT, errors, type Verdict } from '../../pipeline/errors.ts';
import type { Exchange } from '../../pipeline/exchange.ts';
import type { ConcurrencyPlan } from '../../snapshot.ts';
import { limitKey, nameOfKey } from '../limit-key.ts';
import { definePolicyRun, type PolicyStep, type StepFacts } from '../policy-run.ts';

export const concurrencyRun = definePolicyRun<ConcurrencyPlan>({
  name: 'concurrency',
  prepare: (plan, _snapshot, shm) => new ConcurrencyStep(plan, shm),
});

// Nobody knows when the next permit comes back; a second is a fair guess for a client.
const RETRY_AFTER_SECONDS = 1;

class ConcurrencyStep implements PolicyStep {
  readonly #plan: ConcurrencyPlan;
  readonly #shm: SharedMemory;
  readonly #hash: SeededHash;

  constructor(plan: ConcurrencyPlan, shm: SharedMemory) {
    this.#plan = plan;
    this.#shm = shm;
    this.#hash = new SeededHash(shm.control.hashSeedLow, shm.control.hashSeedHigh);
  }

  /** @hot */
  run(x: Exchange): Verdict {
    const plan = this.#plan;
    const hash = this.#hash;
    hash.hash(plan.idLow, plan.idHigh, limitKey(plan.by, x));
    const slot = this.#shm.concurrency.acquire(hash.low, hash.high, plan.max, x.plane.worker);
    if (slot >= 0) {
      x.permits ??= [];
      x.permits.push(slot);
      return ADMIT;
    }
    x.retryAfterSeconds = RETRY_AFTER_SECONDS;
    x.detail = `${plan.max} requests are under way already`;
    return errors.TOO_MANY_IN_FLIGHT.id;
  }

  explain(x: Exchange): StepFacts {
    const { idLow, idHigh, by, max } = this.#plan;
    this.#hash.hash(idLow, idHigh, limitKey(by, x));
    return { by: nameOfKey(by), max, inFlight: this.#shm.concurrency.inFlight(this.#hash.low, this.#hash.high) };
  }
}
