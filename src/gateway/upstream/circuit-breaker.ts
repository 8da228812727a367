// Keeps requests from an upstream that fails: closed, it counts; open, it refuses at once; half-open, it lets a few through
// and goes by what becomes of them. State and counts are shared by all workers (src/shm/upstream-table.ts).
//
//   closed ──share of failed (or slow) calls in the window reached──▶ open ──its time is over──▶ half-open
//      ▲                                                                ▲                            │
//      └──────────────── all trials succeeded ──────────────────────────┼────────────────────────────┤
//                                                                       └── one of them failed ──────┘
//
// The window is that of resilience4j's time-based one: ten buckets, judged after each call, from callsMin calls on, and a share
// that is reached opens (≥). Half-open differs: there a rate over the trials decides, here one failure does, since it shows
// that the cause is still there, and no more requests are to be spent on it. Each reopening doubles the time, up to eight times
// (a target's back-off does the same), so that a long outage costs ever fewer trials.

import type { UpstreamIndex } from '../../base/ids.ts';
import {
  CircuitState,
  circuitWord,
  msUntil,
  stateOf,
  type UpstreamTable,
  WINDOW_BUCKETS,
} from '../../shm/upstream-table.ts';
import type { CircuitPlan } from '../snapshot.ts';
import { Outcome } from './outcome.ts';

/** admit(): not now. Of a state that no word has. */
export const REFUSED = -1;

const DOUBLINGS_MAX = 3;
// Each look follows another worker's change of state; more than a few in a row are not to be met.
const LOOKS_MAX = 16;

export class CircuitBreaker {
  readonly #table: UpstreamTable;
  readonly #upstream: UpstreamIndex;
  readonly #plan: CircuitPlan;
  readonly #bucketMs: number;

  constructor(table: UpstreamTable, upstream: UpstreamIndex, plan: CircuitPlan) {
    this.#table = table;
    this.#upstream = upstream;
    this.#plan = plan;
    this.#bucketMs = plan.windowMs / WINDOW_BUCKETS;
  }

  /**
   * May a call be made?
   * @param nowMs  monotonic milliseconds
   * @returns a ticket, to be given back to record() once; or REFUSED
   * @hot
   */
  admit(nowMs: number): number {
    for (let look = 0; look < LOOKS_MAX; look++) {
      const word = this.#table.circuit(this.#upstream);
      const state = stateOf(word);
      if (state === CircuitState.CLOSED) return word;
      const isOver = !this.#isAhead(word, nowMs);
      if (isOver) this.#halfOpen(word, nowMs);
      else if (state === CircuitState.OPEN) return REFUSED;
      else if (!this.#table.takeTrial(this.#upstream, word, this.#plan.trials)) return REFUSED;
      // A trial of a round that ended meanwhile is none.
      else if (this.#table.circuit(this.#upstream) === word) return word;
    }
    return REFUSED;
  }

  /** Whether admit() would refuse as things stand. */
  isOpen(nowMs: number): boolean {
    const word = this.#table.circuit(this.#upstream);
    return stateOf(word) === CircuitState.OPEN && this.#isAhead(word, nowMs);
  }

  /** For Retry-After: when the next trials are made, or might be. */
  retryAfterSeconds(nowMs: number): number {
    const word = this.#table.circuit(this.#upstream);
    return stateOf(word) === CircuitState.OPEN ? Math.max(1, Math.ceil(msUntil(word, nowMs) / 1_000)) : 1;
  }

  /**
   * What became of a call.
   * @param ticket  that admit() gave for it
   * @param latencyUs  from sending to the answer's head, or to the failure
   * @hot
   */
  record(ticket: number, outcome: Outcome, latencyUs: number, nowMs: number): void {
    // Begun in another time, it says nothing of this one.
    if (this.#table.circuit(this.#upstream) !== ticket) return;
    const isSilent = outcome === Outcome.BUSY || outcome === Outcome.ABANDONED;
    const isSlow = latencyUs > this.#plan.slowUs;
    const isFailed = outcome !== Outcome.ANSWERED;
    if (stateOf(ticket) === CircuitState.HALF_OPEN) {
      if (isSilent) this.#table.returnTrial(this.#upstream, ticket);
      else if (isFailed || isSlow) this.#open(ticket, nowMs);
      else this.#countTrial(ticket, nowMs);
      return;
    }
    if (isSilent) return;
    const bucket = Math.floor(nowMs / this.#bucketMs);
    this.#table.countCall(this.#upstream, bucket, isFailed, isSlow);
    if (this.#isTooMuch(bucket)) this.#open(ticket, nowMs);
  }

  #isTooMuch(bucket: number): boolean {
    const { callsMin, failedShare, slowShare } = this.#plan;
    const calls = this.#table.calls(this.#upstream, bucket);
    if (calls < callsMin) return false;
    if (this.#table.failedCalls(this.#upstream, bucket) >= failedShare * calls) return true;
    return slowShare <= 1 && this.#table.slowCalls(this.#upstream, bucket) >= slowShare * calls;
  }

  #open(ticket: number, nowMs: number): void {
    const openMs = this.#plan.openMs * 2 ** Math.min(DOUBLINGS_MAX, this.#table.streak(this.#upstream));
    const word = circuitWord(CircuitState.OPEN, nowMs + openMs);
    if (this.#table.moveCircuit(this.#upstream, ticket, word)) this.#table.countOpened(this.#upstream);
  }

  /** From open, or another round of trials where the last one's were not all answered. */
  #halfOpen(word: number, nowMs: number): void {
    const next = circuitWord(CircuitState.HALF_OPEN, nowMs + this.#plan.trialMs);
    this.#table.moveCircuit(this.#upstream, word, next);
  }

  #countTrial(ticket: number, nowMs: number): void {
    if (this.#table.countTrialSuccess(this.#upstream, ticket) < this.#plan.trials) return;
    this.#table.forgetCalls(this.#upstream);
    this.#table.moveCircuit(this.#upstream, ticket, circuitWord(CircuitState.CLOSED, nowMs));
  }

  /** The word's time is still to come. More than there may be left is a clock that has wrapped. */
  #isAhead(word: number, nowMs: number): boolean {
    const leftMs = msUntil(word, nowMs);
    const { openMs, trialMs } = this.#plan;
    const leftMsMax = stateOf(word) === CircuitState.OPEN ? openMs * 2 ** DOUBLINGS_MAX : trialMs;
    return leftMs > 0 && leftMs <= leftMsMax;
  }
}
