// What all workers together may spend on retries to one upstream, so that an upstream in trouble is not called twice as often.
//
// A request earns a share of a retry (20%: five requests, one retry), as with gRPC's retry throttling and Finagle's budget; what
// is earned is saved up to a cap, and a retry takes 1. Besides, some retries per second are free, so that an upstream with few
// requests gets any. In every window of t seconds, over all threads:
//
//   retries ≤ share · requests + cap + free · t + free
//
// The cap is a number, not a time as Finagle's ten seconds: it bounds what a long quiet time can store up against an upstream that
// fails all at once. It starts empty.

import type { UpstreamIndex } from '../../base/ids.ts';
import { UNITS_PER_RETRY, type UpstreamTable } from '../../shm/upstream-table.ts';
import type { RetryPlan } from '../snapshot.ts';

const SECOND_US = 1_000_000;
// A word that is further ahead than the free retries of a second, and three more for clocks that differ, is one that has wrapped.
const STALE_US = 4 * SECOND_US;
const LOOKS_MAX = 64;

export class RetryBudget {
  readonly #table: UpstreamTable;
  readonly #upstream: UpstreamIndex;
  readonly #plan: RetryPlan;
  /** Between two free retries; rounded up, so that no more are made than were said. */
  readonly #intervalUs: number;

  constructor(table: UpstreamTable, upstream: UpstreamIndex, plan: RetryPlan) {
    this.#table = table;
    this.#upstream = upstream;
    this.#plan = plan;
    this.#intervalUs = Math.ceil(SECOND_US / plan.freePerSecond);
  }

  /** A request goes to the upstream. @hot */
  deposit(): void {
    this.#table.deposit(this.#upstream, this.#plan.depositUnits, this.#plan.savedUnitsMax);
  }

  /** @param nowUs  monotonic @returns false when no retry is left */
  withdraw(nowUs: number): boolean {
    return this.#takeFree(nowUs) || this.#table.withdraw(this.#upstream, UNITS_PER_RETRY);
  }

  /** GCRA: a second's worth at once from rest. */
  #takeFree(nowUs: number): boolean {
    if (this.#plan.freePerSecond === 0) return false;
    const now = nowUs | 0;
    for (let look = 0; look < LOOKS_MAX; look++) {
      const tat = this.#table.minimumTat(this.#upstream);
      const aheadUs = (tat - now) | 0;
      const from = aheadUs < 0 || aheadUs > STALE_US ? now : tat;
      const next = (from + this.#intervalUs) | 0;
      if (((next - now) | 0) > SECOND_US) return false;
      if (this.#table.exchangeMinimumTat(this.#upstream, tat, next)) return true;
    }
    return false;
  }
}
