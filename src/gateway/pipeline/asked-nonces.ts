// Nonces that are asked for at the store of all instances. Each is a question to the main thread; its exchange is parked until
// the answer is there, and then looks again.

import type { NonceAnswer, NonceQuestion } from '../worker-messages.ts';
import { ADMIT, errors, type Verdict } from './errors.ts';
import type { Exchange, Finding } from './exchange.ts';
import type { Parking } from './parking.ts';
import { RERUN } from './parking.ts';

interface Asked {
  readonly finding: Finding;
  /** When the store is asked in vain. */
  readonly onLoss: Verdict;
}

export class AskedNonces {
  readonly #parking: Parking;
  readonly #send: (question: NonceQuestion) => void;
  readonly #asked = new Map<number, Asked>();
  #lastNumber = 0;

  constructor(parking: Parking, send: (question: NonceQuestion) => void) {
    this.#parking = parking;
    this.#send = send;
  }

  /**
   * @param finding  gets the verdict: ADMIT when the nonce is new, UNAUTHENTICATED when it was used, or onLoss
   * @returns what Parking.park returns; or onLoss when the exchange has waited long enough
   */
  ask(x: Exchange, digest: string, ttlMs: number, finding: Finding, onLoss: Verdict): Verdict {
    const leftMs = x.storeLeftMs();
    if (leftMs <= 0) return onLoss;
    const number = ++this.#lastNumber;
    // When there is no answer in time it looks again, too: whoever asked says what that comes to.
    const verdict = this.#parking.park(x, keyOf(number), leftMs, RERUN);
    if (verdict === errors.PARKING_FULL.id) return verdict;
    this.#asked.set(number, { finding, onLoss });
    this.#send([number, digest, ttlMs]);
    return verdict;
  }

  receive([number, isNew]: NonceAnswer): void {
    const asked = this.#asked.get(number);
    if (asked === undefined) return;
    this.#asked.delete(number);
    // What became of it without an answer stands.
    asked.finding.verdict ??= isNew === undefined ? asked.onLoss : isNew ? ADMIT : errors.UNAUTHENTICATED.id;
    this.#parking.wake(keyOf(number));
  }
}

function keyOf(number: number): string {
  return `nonce ${number}`;
}
