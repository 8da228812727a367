// Nonces that are asked for at the store of all instances. Each is a question to the main thread; its exchange is parked until
// the answer is there, and then looks again.

import type { NonceAnswer, NonceQuestion } from '../worker-messages.ts';
import { ADMIT, errors, type Verdict } from './errors.ts';
import type { Exchange, Finding } from './exchange.ts';
import type { Parking } from './parking.ts';
import { RERUN } from './parking.ts';

export class AskedNonces {
  readonly #parking: Parking;
  readonly #send: (question: NonceQuestion) => void;
  readonly #asked = new Map<number, Finding>();
  #lastNumber = 0;

  constructor(parking: Parking, send: (question: NonceQuestion) => void) {
    this.#parking = parking;
    this.#send = send;
  }

  /**
   * @param finding  gets the verdict: ADMIT when the nonce is new, UNAUTHENTICATED when it was used; none when the store does not say
   * @returns what Parking.park returns; ADMIT when the exchange has waited long enough: then there is no verdict
   */
  ask(x: Exchange, digest: string, ttlMs: number, finding: Finding): Verdict {
    const leftMs = x.storeLeftMs();
    if (leftMs <= 0) return ADMIT;
    const number = ++this.#lastNumber;
    const verdict = this.#parking.park(x, keyOf(number), leftMs, RERUN);
    if (verdict === errors.PARKING_FULL.id) return verdict;
    this.#asked.set(number, finding);
    this.#send([number, digest, ttlMs]);
    return verdict;
  }

  receive([number, isNew]: NonceAnswer): void {
    const finding = this.#asked.get(number);
    if (finding === undefined) return;
    this.#asked.delete(number);
    if (isNew !== undefined) finding.verdict = isNew ? ADMIT : errors.UNAUTHENTICATED.id;
    this.#parking.wake(keyOf(number));
  }
}

function keyOf(number: number): string {
  return `nonce ${number}`;
}
