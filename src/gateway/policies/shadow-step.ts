// A policy in shadow mode: it decides as ever, and what it refuses is counted, noted for log and trace, and admitted. Nothing
// of its decision reaches the client or the upstream: what a step may leave on the exchange for them is put back.

import type { ShadowIndex } from '../../base/ids.ts';
import type { ShadowTable } from '../../shm/shadow-table.ts';
import { ADMIT, errorCodes, errors, type Verdict, WAIT } from '../pipeline/errors.ts';
import type { Exchange } from '../pipeline/exchange.ts';
import type { PolicyStep, StepFacts } from './policy-run.ts';

/** One error that the policy would have answered. */
interface Rejection {
  readonly entry: ShadowIndex;
  /** RATE_LIMITED@shop.get-order.rate-limit.1 */
  readonly name: string;
}

export class ShadowStep implements PolicyStep {
  readonly #inner: PolicyStep;
  readonly #place: string;
  readonly #table: ShadowTable;
  /** By error id: those that were met. */
  readonly #rejections: (Rejection | undefined)[] = [];

  /** @param place  shop.get-order.rate-limit.1 */
  constructor(inner: PolicyStep, place: string, table: ShadowTable) {
    this.#inner = inner;
    this.#place = place;
    this.#table = table;
  }

  /** @hot */
  run(x: Exchange): Verdict {
    const { detail, retryAfterSeconds, challenge, closeAfter, consumer, relayed, upstreamLines } = x;
    const { limitLabel, limitRemaining, limitResetSeconds, policyItems } = x;
    const verdict = this.#inner.run(x);
    x.detail = detail;
    x.retryAfterSeconds = retryAfterSeconds;
    x.challenge = challenge;
    x.closeAfter = closeAfter;
    x.relayed = relayed;
    x.upstreamLines = upstreamLines;
    x.limitLabel = limitLabel;
    x.limitRemaining = limitRemaining;
    x.limitResetSeconds = limitResetSeconds;
    x.policyItems = policyItems;
    // Limits by consumer and the log may know who it is; the upstream is not told before auth is enforced.
    if (x.consumer !== consumer) x.isConsumerHidden = true;
    return verdict === WAIT || verdict === ADMIT ? verdict : this.#admit(x, verdict);
  }

  settle(x: Exchange, verdict: Verdict): Verdict {
    const { detail, retryAfterSeconds, limitLabel, limitRemaining, limitResetSeconds, policyItems } = x;
    const settled = this.#inner.settle?.(x, verdict) ?? verdict;
    Object.assign(x, { detail, retryAfterSeconds, limitLabel, limitRemaining, limitResetSeconds, policyItems });
    return settled === ADMIT ? ADMIT : this.#admit(x, settled);
  }

  explain(x: Exchange): StepFacts {
    return this.#inner.explain?.(x) ?? {};
  }

  #admit(x: Exchange, errorId: Verdict): Verdict {
    const { entry, name } = this.#rejections[errorId] ?? this.#meet(errorId);
    this.#table.count(x.plane.worker, entry);
    x.shadowRejections ??= [];
    x.shadowRejections.push(name);
    return ADMIT;
  }

  #meet(verdict: Verdict): Rejection {
    const code = errorCodes[verdict] ?? 'INTERNAL';
    const errorId = errors[code].id;
    const rejection = {
      entry: this.#table.entryOf(this.#place, errorId),
      name: `${code}@${this.#place}`,
    };
    this.#rejections[errorId] = rejection;
    return rejection;
  }
}
