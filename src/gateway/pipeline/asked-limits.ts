// Rate limits that another process decides: the one that has taken over from this one. While this one drains, requests still
// come on kept connections, and two tables would admit twice the limit. So each is a question; its exchange is parked until
// the answer is there (docs/decisions/0011-take-over.md).

import { LimitReading } from '../limiter/charge-limit.ts';
import type { LimitAnswer, LimitQuestion } from '../worker-messages.ts';
import { errors, type Verdict } from './errors.ts';
import type { Exchange } from './exchange.ts';
import type { Parking } from './parking.ts';

// The other process answers within a millisecond, or, while the state is on its way, some hundred. Longer, and it stands
// still: who asked is told so.
const ANSWER_TIMEOUT_MS = 5_000;

/** What the other process said. */
export class AskedReading extends LimitReading {
  /** 0 when admitted, else the shortfall; -1: it does not know this limit, so that this process's table holds. */
  shortfall = 0;
}

export class AskedLimits {
  readonly #parking: Parking;
  readonly #send: (question: LimitQuestion) => void;
  readonly #waiting = new Set<string>();
  readonly #answers = new Map<string, AskedReading>();
  #asked = 0;
  #isOn = false;

  constructor(parking: Parking, send: (question: LimitQuestion) => void) {
    this.#parking = parking;
    this.#send = send;
  }

  /** Every rate limit asks. @hot */
  get isOn(): boolean {
    return this.#isOn;
  }

  /** Off again: the other process failed, and whoever waits is decided here. */
  set(isOn: boolean): void {
    this.#isOn = isOn;
    if (isOn) return;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const key of waiting) this.#parking.wake(key);
  }

  /** Whether the exchange has just waited for an answer, which nobody has taken yet. */
  isAnswered(x: Exchange): boolean {
    return this.#isOn && this.#answers.has(x.parkKey);
  }

  /** The answer to the question that the exchange has just waited for. */
  take(x: Exchange): AskedReading | undefined {
    const answer = this.#answers.get(x.parkKey);
    if (answer !== undefined) this.#answers.delete(x.parkKey);
    return answer;
  }

  /**
   * @param low, high  the key's hash: both processes have the same seed
   * @returns what Parking.park returns
   */
  ask(x: Exchange, idLow: number, idHigh: number, low: number, high: number): Verdict {
    const number = ++this.#asked;
    const key = keyOf(number);
    const verdict = this.#parking.park(x, key, ANSWER_TIMEOUT_MS, errors.DECISION_TIMEOUT.id);
    if (verdict === errors.PARKING_FULL.id) return verdict;
    this.#waiting.add(key);
    this.#send([number, idLow, idHigh, low, high]);
    return verdict;
  }

  receive(answers: readonly LimitAnswer[]): void {
    for (const [number, shortfall, remaining, resetSeconds, retryAfterSeconds] of answers) {
      const key = keyOf(number);
      if (!this.#waiting.delete(key)) continue;
      const reading = new AskedReading();
      reading.shortfall = shortfall;
      reading.remaining = remaining;
      reading.resetSeconds = resetSeconds;
      reading.retryAfterSeconds = retryAfterSeconds;
      this.#answers.set(key, reading);
      this.#parking.wake(key);
      // Where the exchange is gone, nobody has taken it.
      this.#answers.delete(key);
    }
  }
}

function keyOf(number: number): string {
  return `limit ${number}`;
}
