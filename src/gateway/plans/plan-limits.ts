// Which limit holds for which consumer: its own, or its plan's. Made when its first request comes.

import type { SharedMemory } from '../../shm/shared-memory.ts';
import type { ConsumerPlan } from '../consumer-plan.ts';
import type { AllowancePlan } from '../limiter/limit-plans.ts';
import type { LiveSnapshot } from '../live-snapshot.ts';
import { type AnyKeyLimit, prepareKeyLimit } from '../policies/prepare-key-limit.ts';

export class PlanLimits {
  readonly #allowances: readonly (AllowancePlan | null)[];
  readonly #isOwnFirst: boolean;
  readonly #snapshot: LiveSnapshot;
  readonly #shm: SharedMemory;
  readonly #byPlan: (AnyKeyLimit | undefined)[];
  /** Of those who have a limit of their own, by name. */
  readonly #own = new Map<string, AnyKeyLimit>();

  /**
   * @param allowances  by the plan's index
   * @param isOwnFirst  what the consumer says stands in their place
   */
  constructor(
    allowances: readonly (AllowancePlan | null)[],
    isOwnFirst: boolean,
    snapshot: LiveSnapshot,
    shm: SharedMemory,
  ) {
    this.#allowances = allowances;
    this.#isOwnFirst = isOwnFirst;
    this.#snapshot = snapshot;
    this.#shm = shm;
    this.#byPlan = new Array<AnyKeyLimit | undefined>(allowances.length).fill(undefined);
  }

  /** @hot */
  of(consumer: ConsumerPlan): AnyKeyLimit | undefined {
    if (this.#isOwnFirst && consumer.own?.limit !== undefined)
      return this.#own.get(consumer.name) ?? this.#meet(consumer);
    const { plan } = consumer;
    if (plan === undefined) return undefined;
    return this.#byPlan[plan] ?? this.#prepare(plan);
  }

  #prepare(plan: number): AnyKeyLimit | undefined {
    const limit = this.#allowances[plan]?.limit;
    if (limit === undefined) return undefined;
    const live = prepareKeyLimit(limit, false, this.#snapshot, this.#shm);
    this.#byPlan[plan] = live;
    return live;
  }

  #meet(consumer: ConsumerPlan): AnyKeyLimit | undefined {
    const limit = consumer.own?.limit;
    if (limit === undefined) return undefined;
    const live = prepareKeyLimit(limit, false, this.#snapshot, this.#shm);
    this.#own.set(consumer.name, live);
    return live;
  }
}
