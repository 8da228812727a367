// How many credentials may turn out to be bad before no more are tried for a while: from one address, and from all together.
// Trying one costs more than a request: a flood of them would be paid for by everybody. What is known to be good is not tried
// again, and asks for no budget: whoever shares an address with the flood goes on calling with it.

import { ParsedAddress } from '../../ip/parsed-address.ts';

// A token costs about 0.2 ms of CPU, most of it the thread pool's: 10 failures a second and address are 0.2 % of a core.
const WINDOW_MS = 10_000;
export const ADDRESS_FAILURES_MAX = 100;
// 200 a second, 4 % of a core: from then on it is the turn of addresses without a failure in their window. 1,000 a second, 20 % of
// a core: from then on it is nobody's.
// In windows so short that what is tried in one delays nobody by more than a millisecond.
const TOTAL_WINDOW_MS = 20;
export const FAILED_TOTAL_MAX = 4;
export const TOTAL_FAILURES_MAX = 20;
// About 100 bytes each. The oldest make room, and begin anew: with so many, the sum of all is what counts.
const ADDRESSES_MAX = 10_000;

interface Account {
  failures: number;
  endMs: number;
}

export class TokenFailures {
  readonly #accounts = new Map<string | number, Account>();
  readonly #parsed = new ParsedAddress();
  readonly #total: Account = { failures: 0, endMs: 0 };

  get addressCount(): number {
    return this.#accounts.size;
  }

  /** Milliseconds until the address may try again, because of its own failures; 0: now. @param nowMs  monotonic */
  addressWaitMs(address: string, nowMs: number): number {
    if (this.#accounts.size === 0) return 0;
    const account = this.#accounts.get(this.#keyOf(address));
    return account === undefined || account.failures < ADDRESS_FAILURES_MAX ? 0 : Math.max(0, account.endMs - nowMs);
  }

  /**
   * Whether too many have failed altogether for this address to try.
   * @param underWay  tries that may fail yet: an address that has failed counts them as failures
   */
  isTotalSpent(address: string, underWay: number, nowMs: number): boolean {
    const failures = nowMs < this.#total.endMs ? this.#total.failures : 0;
    if (failures >= TOTAL_FAILURES_MAX) return true;
    if (failures + underWay < FAILED_TOTAL_MAX || this.#accounts.size === 0) return false;
    const account = this.#accounts.get(this.#keyOf(address));
    return account !== undefined && nowMs < account.endMs;
  }

  /** One turned out to be bad. */
  note(address: string, nowMs: number): void {
    charge(this.#total, nowMs, TOTAL_WINDOW_MS);
    const key = this.#keyOf(address);
    let account = this.#accounts.get(key);
    if (account === undefined) {
      account = { failures: 0, endMs: 0 };
      if (this.#accounts.size >= ADDRESSES_MAX) this.#dropOldest();
      this.#accounts.set(key, account);
    }
    charge(account, nowMs, WINDOW_MS);
  }

  #dropOldest(): void {
    for (const oldest of this.#accounts.keys()) {
      this.#accounts.delete(oldest);
      return;
    }
  }

  /** Of IPv6 the first 64 bits: the others are the caller's to choose. */
  #keyOf(address: string): string | number {
    const family = this.#parsed.read(address);
    const [high = 0, low = 0, , last = 0] = this.#parsed.words;
    if (family === 4) return last;
    return family === 0 ? address : `${high} ${low}`;
  }
}

function charge(account: Account, nowMs: number, windowMs: number): void {
  if (nowMs >= account.endMs) {
    account.failures = 0;
    account.endMs = nowMs + windowMs;
  }
  account.failures++;
}
