// Requests that found nothing in this instance's share of a limit over instances. Each is a question to the main thread, which
// leases from the store; its exchange is parked until there is news of its key, and then looks again.

import { type LeaseAnswer, type LeaseQuestion, LeaseVerdict } from '../worker-messages.ts';
import { ADMIT, errors, type Verdict } from './errors.ts';
import type { Exchange } from './exchange.ts';
import { type Parking, RERUN } from './parking.ts';

const VERDICTS = {
  [LeaseVerdict.AGAIN]: RERUN,
  [LeaseVerdict.NO_LIMIT]: ADMIT,
  [LeaseVerdict.NO_ROOM]: errors.RATE_LIMITED.id,
} as const;

export class AskedLeases {
  readonly #parking: Parking;
  readonly #send: (question: LeaseQuestion) => void;

  constructor(parking: Parking, send: (question: LeaseQuestion) => void) {
    this.#parking = parking;
    this.#send = send;
  }

  /** Whether the exchange has waited for this key. @hot */
  hasWaited(x: Exchange, low: number, high: number): boolean {
    return x.parkKey !== '' && x.parkKey === keyOf(low, high);
  }

  /**
   * Wait for news of the key.
   * @param wayOut  the verdict when there is none in time
   * @returns what Parking.park returns; ADMIT when the exchange has waited long enough: then it has to be decided as things are
   */
  ask(x: Exchange, question: LeaseQuestion, wayOut: Verdict): Verdict {
    const [, , low, high] = question;
    const leftMs = x.storeLeftMs();
    if (leftMs <= 0) return ADMIT;
    const verdict = this.#parking.park(x, keyOf(low, high), leftMs, wayOut);
    if (verdict !== errors.PARKING_FULL.id) this.#send(question);
    return verdict;
  }

  /** A request was admitted on credit: the main thread is to pay for it. Nobody waits. */
  tell(question: LeaseQuestion): void {
    this.#send(question);
  }

  receive([low, high, verdict]: LeaseAnswer): void {
    this.#parking.wake(keyOf(low, high), VERDICTS[verdict]);
  }
}

function keyOf(low: number, high: number): string {
  return `lease ${low} ${high}`;
}
