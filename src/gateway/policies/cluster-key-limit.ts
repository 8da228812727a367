// A rate limit over all instances: one charge on this instance's share in shared memory for the key that it is given. A request
// that finds nothing there waits for the main thread to lease more, unless that is known to be of no use.

import { SeededHash } from '../../base/hash.ts';
import { LEASE_CHARGED, LEASE_EMPTY, LeaseLoss, LeaseReading, NO_CREDIT, NO_LEASE } from '../../shm/lease-table.ts';
import type { SharedMemory } from '../../shm/shared-memory.ts';
import { LimitReading } from '../limiter/charge-limit.ts';
import type { ClusterPlan } from '../limiter/cluster-limit.ts';
import { type KeyLimitPlan, policyItem } from '../limiter/limit-plans.ts';
import { wholeSeconds } from '../limiter/whole-seconds.ts';
import { ADMIT, errors, type Verdict } from '../pipeline/errors.ts';
import type { Exchange } from '../pipeline/exchange.ts';
import type { StepFacts } from './policy-run.ts';

const US_PER_SECOND = 1_000_000;

// Reused: a decision is read before the next one is taken.
const lease = new LeaseReading();
const reading = new LimitReading();
/** The last decide() came to a decision, which the reading is of. */
let isDecided = false;

export class ClusterKeyLimit {
  readonly plan: KeyLimitPlan;
  readonly #cluster: ClusterPlan;
  /** What RateLimit-Policy gets when it has decided; '' where the route's own has it. */
  readonly #policyItem: string;
  readonly #shm: SharedMemory;
  readonly #hash: SeededHash;
  readonly #tokensPerSecond: number;
  /** When the store is silent for as long as a request may wait. */
  readonly #wayOut: Verdict;

  /** @param isListed  in the RateLimit-Policy of each of the route's answers */
  constructor(plan: KeyLimitPlan, cluster: ClusterPlan, isListed: boolean, shm: SharedMemory) {
    this.plan = plan;
    this.#cluster = cluster;
    this.#policyItem = isListed ? '' : policyItem(plan.label, plan.quota, plan.periodSeconds);
    this.#shm = shm;
    this.#hash = new SeededHash(shm.control.hashSeedLow, shm.control.hashSeedHigh);
    this.#tokensPerSecond = plan.quota / plan.periodSeconds;
    this.#wayOut = cluster.onStoreLoss === 'open' ? ADMIT : errors.STORE_UNAVAILABLE.id;
  }

  /** @returns ADMIT, an error's id, or what Parking.park returns: then the whole step is run again @hot */
  decide(x: Exchange, key: string): Verdict {
    const { idLow, idHigh } = this.plan;
    const { low, high } = this.#hashOf(key);
    const table = this.#shm.leases;
    const asked = x.plane.askedLeases;
    const slot = table.find(low, high);
    if (slot !== NO_LEASE) {
      if (!asked.hasWaited(x, low, high)) table.countDemand(slot);
      const charged = table.charge(slot, low, high, x.plane.clock, lease);
      if (charged === LEASE_CHARGED) return this.#admit(x);
      const owed = this.#cluster.relaxed > 0 ? table.borrow(slot, low, high) : NO_CREDIT;
      if (owed !== NO_CREDIT) {
        // What is owed already, the main thread looks after.
        if (owed === 0) asked.tell([idLow, idHigh, low, high, key]);
        lease.remaining = 0;
        return this.#admit(x);
      }
      if (charged === LEASE_EMPTY && x.plane.clock.nowUs() < table.notBeforeUs(slot)) return this.#refuse(x, slot);
    }
    isDecided = false;
    const verdict = asked.ask(x, [idLow, idHigh, low, high, key], this.#wayOut);
    return verdict === ADMIT ? this.#refuse(x, slot) : verdict;
  }

  /** The exchange has waited for this key's decision. @hot */
  hasWaited(x: Exchange, key: string): boolean {
    if (x.parkKey === '') return false;
    const { low, high } = this.#hashOf(key);
    return x.plane.askedLeases.hasWaited(x, low, high);
  }

  /** The store was silent, or there is no room for the key. */
  settle(x: Exchange, verdict: Verdict): Verdict {
    if (verdict === ADMIT) return ADMIT;
    return this.#explainRefusal(x, verdict, 1);
  }

  /** The decision's reading is still there; while it waits, there is none. */
  explain(by: string): StepFacts {
    const { quota, periodSeconds } = this.plan;
    const { burst } = this.#cluster;
    const limit: StepFacts = { by, scope: 'cluster', limit: `${quota}/${periodSeconds}s`, burst };
    if (!isDecided) return limit;
    return {
      ...limit,
      remaining: reading.remaining,
      resetSeconds: reading.resetSeconds,
      ...(reading.retryAfterSeconds > 0 && { retryAfterSeconds: reading.retryAfterSeconds }),
    };
  }

  /** @hot */
  #hashOf(key: string): SeededHash {
    this.#hash.hash(this.plan.idLow, this.plan.idHigh, key);
    return this.#hash;
  }

  /** @hot */
  #admit(x: Exchange): Verdict {
    this.#note(x, lease.remaining, 0);
    return ADMIT;
  }

  /** Nothing is left, and nothing is to be had now. @hot */
  #refuse(x: Exchange, slot: number): Verdict {
    const table = this.#shm.leases;
    const loss = slot === NO_LEASE ? LeaseLoss.NONE : table.lossOf(slot);
    if (loss === LeaseLoss.ADMIT) {
      this.#note(x, 0, 0);
      return ADMIT;
    }
    const untilUs = slot === NO_LEASE ? 0 : table.notBeforeUs(slot) - x.plane.clock.nowUs();
    // A share's own next token, where it has a rate: else what the store said.
    const waitUs = slot !== NO_LEASE && lease.waitUs < Number.POSITIVE_INFINITY ? lease.waitUs : untilUs;
    const code = loss === LeaseLoss.REFUSE ? errors.STORE_UNAVAILABLE : errors.RATE_LIMITED;
    return this.#explainRefusal(x, code.id, wholeSeconds(waitUs / US_PER_SECOND));
  }

  #explainRefusal(x: Exchange, errorId: Verdict, retryAfterSeconds: number): Verdict {
    this.#note(x, 0, retryAfterSeconds);
    x.retryAfterSeconds = retryAfterSeconds;
    x.detail =
      errorId === errors.RATE_LIMITED.id
        ? `the limit ${this.plan.label} is used up`
        : `the limit ${this.plan.label} cannot be counted for now`;
    return errorId;
  }

  /** @hot */
  #note(x: Exchange, remaining: number, retryAfterSeconds: number): void {
    isDecided = true;
    reading.remaining = remaining;
    reading.resetSeconds = wholeSeconds((this.#cluster.burst - remaining) / this.#tokensPerSecond);
    reading.retryAfterSeconds = retryAfterSeconds;
    x.noteLimit(this.plan.label, reading);
    if (this.#policyItem !== '') x.notePolicyItem(this.#policyItem);
  }
}
