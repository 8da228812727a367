// The tokens that a holder spends by itself, in exact numbers: a bucket with the leased rate and burst, until the lease ends.
// The gateway's workers have the same in shared memory; this is what the protocol is proved with.

import { leaseTerms, TOKEN } from './lease-terms.ts';

const US_PER_SECOND = 1e6;

export class ShareBucket {
  /** Nanotokens per second. */
  rate = 0;
  /** What the level may reach. */
  burst = 0;
  /** From then on there is nothing, µs of the holder's clock. */
  untilUs = 0;
  /** Requests met, admitted or not. */
  demandCount = 0;
  #level = 0;
  #atUs = 0;

  /** Admit one request, or not. A refused one consumes nothing. */
  take(nowUs: number): boolean {
    this.#settle(nowUs);
    if (this.#level < TOKEN) return false;
    this.#level -= TOKEN;
    return true;
  }

  /** Nanotokens. */
  level(nowUs: number): number {
    this.#settle(nowUs);
    return this.#level;
  }

  /**
   * Run with another share from now on. What the level is above the burst is gone.
   * @returns so many nanotokens
   */
  resize(nowUs: number, rate: number, burst: number): number {
    this.#settle(nowUs);
    this.rate = rate;
    this.burst = burst;
    const above = Math.max(0, this.#level - burst);
    this.#level -= above;
    return above;
  }

  /** Add tokens that the store moved here. The burst has room for them. */
  add(nowUs: number, nanotokens: number): void {
    this.#settle(nowUs);
    this.#level += nanotokens;
  }

  #settle(nowUs: number): void {
    const toUs = Math.min(nowUs, this.untilUs);
    if (toUs > this.#atUs) {
      const accrued = Math.floor(((this.rate * (toUs - this.#atUs)) / US_PER_SECOND) * leaseTerms.pace);
      this.#level = Math.min(Math.max(this.#level, this.burst), this.#level + accrued);
      this.#atUs = toUs;
    }
    if (nowUs >= this.untilUs) {
      this.#level = 0;
      this.rate = 0;
      this.burst = 0;
    }
    this.#atUs = Math.max(this.#atUs, nowUs);
  }
}
