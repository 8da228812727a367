// A steady rate with a burst, exact over all workers: one charge on a slot in shared memory.

import { SeededHash } from '../../../base/hash.ts';
import type { LimitIndex } from '../../../base/ids.ts';
import type { SharedMemory } from '../../../shm/shared-memory.ts';
import { chargeLimit, LimitReading } from '../../limiter/charge-limit.ts';
import { Limit } from '../../limiter/limit.ts';
import type { LiveSnapshot } from '../../live-snapshot.ts';
import { ADMIT, errors, type Verdict } from '../../pipeline/errors.ts';
import type { Exchange } from '../../pipeline/exchange.ts';
import type { RateLimitPlan } from '../../snapshot.ts';
import { limitKey, nameOfKey } from '../limit-key.ts';
import { definePolicyRun, type PolicyStep, type StepFacts } from '../policy-run.ts';
import { ClusterStep } from './cluster-step.ts';

export const rateLimitRun = definePolicyRun<RateLimitPlan>({
  name: 'rate-limit',
  prepare: (plan, snapshot, shm) =>
    plan.cluster === undefined ? new RateLimitStep(plan, snapshot, shm) : new ClusterStep(plan, plan.cluster, shm),
});

// Reused: a decision is read before the next one is taken.
const reading = new LimitReading();

class RateLimitStep implements PolicyStep {
  readonly #plan: RateLimitPlan;
  readonly #limit: Limit;
  readonly #shm: SharedMemory;
  readonly #hash: SeededHash;
  readonly #idLow: number;
  readonly #idHigh: number;

  constructor(plan: RateLimitPlan, snapshot: LiveSnapshot, shm: SharedMemory) {
    this.#plan = plan;
    this.#limit = new Limit(shm.limits, snapshot.arena.limitOf(plan.limit) as LimitIndex);
    this.#shm = shm;
    this.#hash = new SeededHash(shm.control.hashSeedLow, shm.control.hashSeedHigh);
    this.#idLow = plan.idLow;
    this.#idHigh = plan.idHigh;
  }

  /** @hot */
  run(x: Exchange): Verdict {
    const hash = this.#hash;
    hash.hash(this.#idLow, this.#idHigh, limitKey(this.#plan.by, x));
    const asked = x.plane.askedLimits;
    if (asked.isOn) {
      const answer = asked.take(x);
      if (answer === undefined) return asked.ask(x, this.#idLow, this.#idHigh, hash.low, hash.high);
      if (answer.shortfall >= 0) return this.#settle(x, answer.shortfall, answer);
    }
    return this.#settle(
      x,
      chargeLimit(this.#limit, this.#shm.limits, hash.low, hash.high, x.plane.clock, reading),
      reading,
    );
  }

  /** @param refused  the shortfall, 0 when admitted @hot */
  #settle(x: Exchange, refused: number, reading: LimitReading): Verdict {
    x.noteLimit(this.#plan.label, reading);
    if (refused === ADMIT) return ADMIT;
    x.retryAfterSeconds = reading.retryAfterSeconds;
    x.detail = `the limit ${this.#plan.label} is used up`;
    return errors.RATE_LIMITED.id;
  }

  /** The decision's reading is still there. */
  explain(): StepFacts {
    const { by, quota, periodSeconds } = this.#plan;
    return {
      by: nameOfKey(by),
      limit: `${quota}/${periodSeconds}s`,
      burst: Math.round(this.#limit.capacity / this.#limit.cost),
      remaining: reading.remaining,
      resetSeconds: reading.resetSeconds,
      ...(reading.retryAfterSeconds > 0 && { retryAfterSeconds: reading.retryAfterSeconds }),
    };
  }
}
