// Which failures a retry or a fallback is meant for, and which requests may be sent again after them.

import type { Exchange } from '../pipeline/exchange.ts';
import type { FailurePlan } from '../snapshot.ts';
import { isUnsent, Outcome } from './outcome.ts';

// Methods whose repetition does no harm (RFC 9110 §9.2.2).
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'PROPFIND', 'REPORT', 'SEARCH']);

/** @hot */
export function isIdempotent(method: string): boolean {
  return IDEMPOTENT.has(method);
}

/** Sending the request again does no harm: its method says so, or not a byte of it has left. */
export function isSafeToRepeat(x: Exchange, outcome: Outcome): boolean {
  return isUnsent(outcome) || isIdempotent(x.method);
}

/** @param status  of the answer; 0 when there was none */
export function isCovered(plan: FailurePlan, outcome: Outcome, status: number): boolean {
  switch (outcome) {
    case Outcome.ANSWERED:
    case Outcome.SERVER_ERROR:
      return plan.statuses.includes(status);
    case Outcome.UNREACHABLE:
    case Outcome.CONNECT_TIMEOUT:
    case Outcome.BUSY:
      return plan.connect;
    case Outcome.RESET:
    case Outcome.INVALID:
      return plan.reset;
    case Outcome.TIMEOUT:
      return plan.timeout;
    case Outcome.ABANDONED:
      return false;
    default:
      return outcome satisfies never;
  }
}
