// Whether a try that failed is followed by another, and when.

import type { UpstreamIndex } from '../../base/ids.ts';
import { RetryRefusal, RetryResult, type UpstreamTable } from '../../shm/upstream-table.ts';
import type { Exchange } from '../pipeline/exchange.ts';
import type { RetryPlan } from '../snapshot.ts';
import { backoffMs } from './backoff.ts';
import { isCovered, isSafeToRepeat } from './failures.ts';
import { isUnsent, Outcome } from './outcome.ts';
import { RetryBudget } from './retry-budget.ts';

/** No further try: what there is of an answer is passed on. */
export const NO_RETRY = -1;

// Exchanges that wait for their next try, per worker: as many as may wait for a decision (parking.ts).
export const RETRIES_WAITING_MAX = 1_024;

/** A try that failed, and what is left for another. */
export interface FailedTry {
  readonly outcome: Outcome;
  /** Of the answer; 0 when there was none. */
  readonly status: number;
  /** What the answer's Retry-After asks for; 0 for nothing. */
  readonly retryAfterMs: number;
  /** Tries that this exchange has made here, this one included. */
  readonly tries: number;
  /** The body can be sent again. */
  readonly hasWholeBody: boolean;
  /** The circuit lets nothing through. */
  readonly isCircuitOpen: boolean;
  /** Until the answer is due. */
  readonly leftMs: number;
}

export class RetryPolicy {
  readonly plan: RetryPlan;
  readonly budget: RetryBudget;
  readonly #table: UpstreamTable;
  readonly #upstream: UpstreamIndex;
  readonly #targetCount: number;

  constructor(table: UpstreamTable, upstream: UpstreamIndex, plan: RetryPlan, targetCount: number) {
    this.plan = plan;
    this.budget = new RetryBudget(table, upstream, plan);
    this.#table = table;
    this.#upstream = upstream;
    this.#targetCount = targetCount;
  }

  /** @returns milliseconds to wait, and the retry is paid for; or NO_RETRY */
  delayMs(x: Exchange, failed: FailedTry): number {
    const { outcome } = failed;
    if (!isCovered(this.plan.on, outcome, failed.status) || !isSafeToRepeat(x, outcome)) return NO_RETRY;
    // There is nobody else to ask, and the pool would be as full.
    if (outcome === Outcome.BUSY && this.#targetCount === 1) return NO_RETRY;
    if (failed.tries > this.plan.attempts) return this.#refuse(RetryRefusal.ATTEMPTS);
    if (!failed.hasWholeBody) return this.#refuse(RetryRefusal.BODY);
    if (failed.isCircuitOpen) return this.#refuse(RetryRefusal.CIRCUIT);
    const delayMs = Math.max(failed.retryAfterMs, this.#backoffMs(failed));
    if (delayMs >= failed.leftMs) return this.#refuse(RetryRefusal.DEADLINE);
    if (delayMs > 0 && x.plane.retriesWaiting >= RETRIES_WAITING_MAX) return this.#refuse(RetryRefusal.FULL);
    return this.budget.withdraw(x.plane.clock.nowUs()) ? delayMs : this.#refuse(RetryRefusal.BUDGET);
  }

  /** What became of a retry. */
  count(outcome: Outcome): void {
    this.#table.countRetry(this.#upstream, resultOf(outcome));
  }

  // Another target than one that cannot be reached may be asked at once; a second failure is no longer one target's.
  #backoffMs({ outcome, tries }: FailedTry): number {
    if (tries === 1 && this.#targetCount > 1 && isUnsent(outcome)) return 0;
    return backoffMs(tries, this.plan.backoffMs, this.plan.backoffMsMax, Math.random());
  }

  #refuse(why: RetryRefusal): number {
    this.#table.countRefusal(this.#upstream, why);
    return NO_RETRY;
  }
}

function resultOf(outcome: Outcome): RetryResult {
  if (outcome === Outcome.ANSWERED) return RetryResult.ANSWERED;
  return outcome === Outcome.ABANDONED ? RetryResult.ABANDONED : RetryResult.FAILED;
}
