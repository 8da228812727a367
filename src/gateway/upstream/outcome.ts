// What became of one try at one target: what balancing, health, circuits, retries and limits judge by.

import { assertNever } from '../../base/assert.ts';
import type { TransportFailure } from './transports/transport.ts';

export const Outcome = {
  /** An answer below 500. */
  ANSWERED: 0,
  /** An answer of 500 and above. */
  SERVER_ERROR: 1,
  /** No connection. Not a byte was sent. */
  UNREACHABLE: 2,
  /** No connection in time. Not a byte was sent. */
  CONNECT_TIMEOUT: 3,
  /** The connection ended before the answer. */
  RESET: 4,
  /** The answer was no HTTP, or not whole. */
  INVALID: 5,
  /** No answer, or no more of it, in time. */
  TIMEOUT: 6,
  /** The gateway's own pool was full: says nothing of the target. */
  BUSY: 7,
  /** The client went away, or the gateway had no use for the answer any more: says nothing of the target. */
  ABANDONED: 8,
} as const;
export type Outcome = (typeof Outcome)[keyof typeof Outcome];

/** @hot */
export function outcomeOfStatus(status: number): Outcome {
  return status >= 500 ? Outcome.SERVER_ERROR : Outcome.ANSWERED;
}

export function outcomeOfFailure(failure: TransportFailure): Outcome {
  switch (failure) {
    case 'unreachable':
      return Outcome.UNREACHABLE;
    case 'connect-timeout':
      return Outcome.CONNECT_TIMEOUT;
    case 'reset':
      return Outcome.RESET;
    case 'invalid':
      return Outcome.INVALID;
    case 'busy':
      return Outcome.BUSY;
    case 'slow-client':
      return Outcome.ABANDONED;
    default:
      return assertNever(failure);
  }
}

/** Not a byte of the request has left: sending it elsewhere repeats nothing. */
export function isUnsent(outcome: Outcome): boolean {
  return outcome === Outcome.UNREACHABLE || outcome === Outcome.CONNECT_TIMEOUT || outcome === Outcome.BUSY;
}
