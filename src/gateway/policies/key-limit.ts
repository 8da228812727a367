// A rate limit as a worker asks it: one charge on a slot in shared memory for the key that it is given, or, while another
// process has the slots, a question to that one.

import { SeededHash } from '../../base/hash.ts';
import type { LimitIndex } from '../../base/ids.ts';
import type { SharedMemory } from '../../shm/shared-memory.ts';
import { charge } from '../limiter/charge.ts';
import { LimitReading } from '../limiter/charge-limit.ts';
import { Limit } from '../limiter/limit.ts';
import { type KeyLimitPlan, policyItem } from '../limiter/limit-plans.ts';
import type { LiveSnapshot } from '../live-snapshot.ts';
import { ADMIT, errors, type Verdict } from '../pipeline/errors.ts';
import type { Exchange } from '../pipeline/exchange.ts';
import type { StepFacts } from './policy-run.ts';

// Reused: a decision is read before the next one is taken.
const reading = new LimitReading();

export class KeyLimit {
  readonly plan: KeyLimitPlan;
  /** What RateLimit-Policy gets when it has decided; '' where the route's own has it. */
  readonly #policyItem: string;
  readonly #limit: Limit;
  readonly #shm: SharedMemory;
  readonly #hash: SeededHash;

  /** @param isListed  in the RateLimit-Policy of each of the route's answers */
  constructor(plan: KeyLimitPlan, isListed: boolean, snapshot: LiveSnapshot, shm: SharedMemory) {
    this.plan = plan;
    this.#policyItem = isListed ? '' : policyItem(plan.label, plan.quota, plan.periodSeconds);
    this.#limit = new Limit(shm.limits, snapshot.arena.limitOf(plan.limit) as LimitIndex);
    this.#shm = shm;
    this.#hash = new SeededHash(shm.control.hashSeedLow, shm.control.hashSeedHigh);
  }

  /** @returns ADMIT, RATE_LIMITED's id, or what Parking.park returns: then the whole step is run again @hot */
  decide(x: Exchange, key: string): Verdict {
    const { idLow, idHigh } = this.plan;
    const hash = this.#hash;
    hash.hash(idLow, idHigh, key);
    const asked = x.plane.askedLimits;
    if (asked.isOn) {
      const answer = asked.take(x);
      if (answer === undefined) return asked.ask(x, idLow, idHigh, hash.low, hash.high);
      if (answer.shortfall >= 0) return this.#conclude(x, answer.shortfall, answer);
    }
    return this.#conclude(
      x,
      charge(this.#limit, this.#shm.limits, hash.low, hash.high, x.plane.clock, reading),
      reading,
    );
  }

  /** The exchange has waited for this decision. @hot */
  hasWaited(x: Exchange): boolean {
    return x.plane.askedLimits.isAnswered(x);
  }

  /** What ended its waiting stands. */
  settle(_x: Exchange, verdict: Verdict): Verdict {
    return verdict;
  }

  /** @param refused  the shortfall, 0 when admitted @hot */
  #conclude(x: Exchange, refused: number, reading: LimitReading): Verdict {
    x.noteLimit(this.plan.label, reading);
    if (this.#policyItem !== '') x.notePolicyItem(this.#policyItem);
    if (refused === ADMIT) return ADMIT;
    x.retryAfterSeconds = reading.retryAfterSeconds;
    x.detail = `the limit ${this.plan.label} is used up`;
    return errors.RATE_LIMITED.id;
  }

  /** Of the decision before: its reading is still there. */
  explain(by: string): StepFacts {
    const { quota, periodSeconds } = this.plan;
    return {
      by,
      limit: `${quota}/${periodSeconds}s`,
      burst: Math.round(this.#limit.capacity / this.#limit.cost),
      remaining: reading.remaining,
      resetSeconds: reading.resetSeconds,
      ...(reading.retryAfterSeconds > 0 && { retryAfterSeconds: reading.retryAfterSeconds }),
    };
  }
}
