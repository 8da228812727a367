// Counts what a consumer's quotas allow, behind every other limit: what those refuse costs no quota. Each request takes one
// from a block in shared memory, of every quota or of none; where there is no block, it waits for the main thread's next.

import { SeededHash } from '../../base/hash.ts';
import { NO_BLOCK, NOT_KNOWN, type QuotaTable, USED_UP } from '../../shm/quota-table.ts';
import type { SharedMemory } from '../../shm/shared-memory.ts';
import type { ConsumerPlan } from '../consumer-plan.ts';
import { LimitReading } from '../limiter/charge-limit.ts';
import type { QuotaPlan, QuotaStepPlan } from '../limiter/limit-plans.ts';
import { wholeSeconds } from '../limiter/whole-seconds.ts';
import type { LiveSnapshot } from '../live-snapshot.ts';
import { ADMIT, errors, type Verdict, WAIT } from '../pipeline/errors.ts';
import type { Exchange } from '../pipeline/exchange.ts';
import { definePolicyRun, type PolicyStep, type StepFacts } from '../policies/policy-run.ts';

const US_PER_SECOND = 1_000_000;
const NOTHING: StepFacts = { skipped: 'no quota' };
const NO_QUOTAS: readonly QuotaPlan[] = [];

export const quotaRun = definePolicyRun<QuotaStepPlan>({
  name: 'quota',
  prepare: (plan, snapshot, shm) => new QuotaStep(plan, snapshot, shm),
});

// Reused: a decision is read before the next one is taken.
const reading = new LimitReading();

class QuotaStep implements PolicyStep {
  readonly #plan: QuotaStepPlan;
  readonly #snapshot: LiveSnapshot;
  /** Of those who have met this step, where it has several lists to put together. */
  readonly #met = new WeakMap<ConsumerPlan, readonly QuotaPlan[]>();
  readonly #table: QuotaTable;
  readonly #hash: SeededHash;
  /** Of the last decision. */
  #facts: StepFacts = NOTHING;
  /** Of the decision under way: a bit for each quota that was charged. */
  #charged = 0;

  constructor(plan: QuotaStepPlan, snapshot: LiveSnapshot, shm: SharedMemory) {
    this.#plan = plan;
    this.#snapshot = snapshot;
    this.#table = shm.quotas;
    this.#hash = new SeededHash(shm.control.hashSeedLow, shm.control.hashSeedHigh);
  }

  run(x: Exchange): Verdict {
    const { consumer } = x;
    const quotas = consumer === undefined ? NO_QUOTAS : this.#quotasOf(consumer);
    const { policyItems } = x;
    this.#charged = 0;
    for (let index = 0; consumer !== undefined && index < quotas.length; index++) {
      const verdict = this.#charge(x, consumer, quotas[index] as QuotaPlan, 1 << index);
      if (verdict === ADMIT) continue;
      // All of them or none.
      if (verdict === WAIT) x.policyItems = policyItems;
      for (let earlier = 0; earlier < index; earlier++) {
        if (this.#charged & (1 << earlier)) this.#giveBack(x, consumer, quotas[earlier] as QuotaPlan);
      }
      return verdict;
    }
    return ADMIT;
  }

  explain(x: Exchange): StepFacts {
    return x.consumer === undefined || this.#quotasOf(x.consumer).length === 0 ? NOTHING : this.#facts;
  }

  #quotasOf(consumer: ConsumerPlan): readonly QuotaPlan[] {
    if (this.#plan.here.length === 0) return this.#everywhereOf(consumer);
    return this.#met.get(consumer) ?? this.#meet(consumer);
  }

  /** The narrow first: it is what an answer names. */
  #meet(consumer: ConsumerPlan): readonly QuotaPlan[] {
    const { plan } = consumer;
    const here = this.#plan.here.flatMap((list) => (plan === undefined ? [] : (list[plan]?.quotas ?? [])));
    const quotas = this.#plan.everywhere ? [...here, ...this.#everywhereOf(consumer)] : here;
    this.#met.set(consumer, quotas);
    return quotas;
  }

  #everywhereOf(consumer: ConsumerPlan): readonly QuotaPlan[] {
    if (consumer.own?.quotas !== undefined) return consumer.own.quotas;
    return (consumer.plan === undefined ? undefined : this.#snapshot.plan.plans[consumer.plan]?.quotas) ?? NO_QUOTAS;
  }

  #charge(x: Exchange, consumer: ConsumerPlan, quota: QuotaPlan, bit: number): Verdict {
    const table = this.#table;
    const nowUs = x.plane.clock.nowUs();
    const slot = this.#slotOf(consumer, quota);
    const number = table.windowAt(quota.calendar, nowUs);
    const left = slot < 0 || number === 0 ? NO_BLOCK : table.take(slot, number);
    if (left === NO_BLOCK) return this.#wait(x, consumer, quota);
    // The store is away: waiting is of no use, and asking is the main thread's.
    if (left === NOT_KNOWN) {
      this.#facts = { name: quota.label, quota: quota.max, skipped: 'not known' };
      return quota.isOpen ? ADMIT : errors.QUOTA_UNKNOWN.id;
    }
    reading.remaining = left === USED_UP ? 0 : left + table.beyondOf(slot);
    reading.resetSeconds = wholeSeconds((table.endUsOf(quota.calendar) - nowUs) / US_PER_SECOND);
    reading.retryAfterSeconds = left === USED_UP && !quota.isTotal ? reading.resetSeconds : 0;
    this.#facts = {
      name: quota.label,
      quota: quota.max,
      remaining: reading.remaining,
      resetSeconds: reading.resetSeconds,
    };
    x.noteLimit(quota.label, reading);
    x.notePolicyItem(quota.policyItem);
    if (left !== USED_UP) {
      this.#charged |= bit;
      if (left === table.markOf(slot)) this.#ask(x, consumer, quota);
      return ADMIT;
    }
    x.retryAfterSeconds = reading.retryAfterSeconds;
    x.detail = `the quota ${quota.label} is used up`;
    return errors.QUOTA_EXCEEDED.id;
  }

  #wait(x: Exchange, consumer: ConsumerPlan, quota: QuotaPlan): Verdict {
    const key = this.#ask(x, consumer, quota);
    const wayOut = quota.isOpen ? ADMIT : errors.QUOTA_UNKNOWN.id;
    const leftMs = x.storeLeftMs();
    return leftMs <= 0 ? wayOut : x.plane.parking.park(x, key, leftMs, wayOut);
  }

  /** @returns what the answer will wake */
  #ask(x: Exchange, consumer: ConsumerPlan, quota: QuotaPlan): string {
    this.#slotOf(consumer, quota);
    const { low, high } = this.#hash;
    const key = `quota ${low} ${high}`;
    const { label, max, calendar } = quota;
    x.plane.needQuota({ key, low, high, quota: label, consumer: consumer.name, max, calendar });
    return key;
  }

  #giveBack(x: Exchange, consumer: ConsumerPlan, quota: QuotaPlan): void {
    const number = this.#table.windowAt(quota.calendar, x.plane.clock.nowUs());
    const slot = this.#slotOf(consumer, quota);
    if (slot >= 0 && number !== 0) this.#table.giveBack(slot, number);
  }

  #slotOf(consumer: ConsumerPlan, quota: QuotaPlan): number {
    this.#hash.hash(quota.idLow, quota.idHigh, consumer.name);
    return this.#table.find(this.#hash.low, this.#hash.high);
  }
}
