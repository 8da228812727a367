// What follows the failed tries of one exchange at one upstream: another try, the fallback, or nothing. Made when the first of
// them has failed, so that what goes well does not carry it.

import { explainFailure } from '../explain/explain-try.ts';
import type { Exchange } from '../pipeline/exchange.ts';
import type { LiveTarget, LiveUpstream } from './live-upstream.ts';
import { type Outcome, outcomeOfStatus } from './outcome.ts';
import { retryAfterMs } from './retry-after.ts';
import { NO_RETRY } from './retry-policy.ts';
import type { AnswerHead } from './transports/answer-head.ts';

/** next: the failure is the answer. */
export const NOTHING = -1;
/** next: the fallback answers. */
export const FALL_BACK = -2;

// An answer that another one takes the place of is read and dropped, so that its connection lives on: so much of it, for so long.
const DROPPED_BYTES_MAX = 16 * 1024;
export const DROPPED_MS_MAX = 100;

export class Recovery {
  /** Targets of the tries that another one follows; never empty once there was one. */
  readonly tried: LiveTarget[] = [];
  /** Milliseconds until the next try, NOTHING or FALL_BACK. */
  next = NOTHING;
  readonly #x: Exchange;
  readonly #upstream: LiveUpstream;
  readonly #takesFallback: boolean;
  #droppedBytes = 0;

  /** @param isFallback  the upstream stands in for another: no third one stands in for it */
  constructor(x: Exchange, upstream: LiveUpstream, isFallback: boolean) {
    this.#x = x;
    this.#upstream = upstream;
    this.#takesFallback = !isFallback;
  }

  /**
   * A try failed without an answer.
   * @param hasWholeBody  what has come of the request's body can be sent again
   * @param leftMs  until the exchange has to be over
   * @returns next; a retry is paid for
   */
  afterFailure(outcome: Outcome, hasWholeBody: boolean, leftMs: number): number {
    return this.#decide(outcome, 0, 0, hasWholeBody, leftMs);
  }

  /** An answer came. Decided at its head, so that none is dropped but for one that may be better. @returns next */
  afterAnswer(head: AnswerHead, hasWholeBody: boolean, leftMs: number): number {
    const askedMs = head.status === 503 ? retryAfterMs(head, Date.now()) : 0;
    this.#droppedBytes = 0;
    return this.#decide(outcomeOfStatus(head.status), head.status, askedMs, hasWholeBody, leftMs);
  }

  /** @returns whether the answer's body is small enough, so far, to be read to its end */
  mayDrop(bytes: number): boolean {
    this.#droppedBytes += bytes;
    return this.#droppedBytes <= DROPPED_BYTES_MAX;
  }

  #decide(outcome: Outcome, status: number, askedMs: number, hasWholeBody: boolean, leftMs: number): number {
    const { retries, circuit, fallback, plan } = this.#upstream;
    this.next = NOTHING;
    if (retries !== undefined) {
      const delayMs = retries.delayMs(this.#x, {
        outcome,
        status,
        retryAfterMs: askedMs,
        tries: this.tried.length + 1,
        hasWholeBody,
        isCircuitOpen: circuit?.isOpen(this.#x.plane.deadlines.nowMs) === true,
        // Without a deadline, nobody waits longer than for an answer.
        leftMs: Math.min(leftMs, plan.responseTimeoutMs),
      });
      if (delayMs !== NO_RETRY) this.next = delayMs;
    }
    const isLast = this.next === NOTHING && this.#takesFallback;
    if (isLast && fallback?.takes(this.#x, outcome, status, hasWholeBody) === true) this.next = FALL_BACK;
    if (this.#x.explanation !== undefined && (status === 0 || this.next !== NOTHING))
      explainFailure(this.#x, outcome, this.next, this.next === FALL_BACK);
    return this.next;
  }
}
