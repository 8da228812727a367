// How many passwords somebody may try. Counted by user and address together, so that nobody can lock a user out from another
// address, and by address alone, so that nobody tries one password with every user. Bounded in number.

import { createHmac } from 'node:crypto';
import { ParsedAddress } from '../../ip/parsed-address.ts';
import { BoundedCache } from '../bounded-cache.ts';
import type { BasicPlan } from './basic-plan.ts';

// Each new one costs its sender a verification: minutes, until the oldest is pushed out.
const COUNT_MAX = 20_000;
/** Behind one address there may be many people. */
const ADDRESS_FACTOR = 10;

interface Tries {
  count: number;
  readonly untilMs: number;
}

export class FailureBudget {
  readonly #key: Uint8Array;
  readonly #tries = new BoundedCache<Tries>(COUNT_MAX);
  readonly #address = new ParsedAddress();

  /** @param key  secret, of this process: usernames are not kept as they are */
  constructor(key: Uint8Array) {
    this.#key = key;
  }

  get count(): number {
    return this.#tries.count;
  }

  /** @returns 0 when another try may be made; else how many seconds from now on it may */
  waitSeconds(username: string, address: string, plan: BasicPlan, nowMs: number): number {
    const ofUser = this.#tries.get(this.#keyOf(username, address), nowMs);
    const ofAddress = this.#tries.get(this.#placeOf(address), nowMs);
    let untilMs = 0;
    if (ofUser !== undefined && ofUser.count >= plan.failuresMax) untilMs = ofUser.untilMs;
    if (ofAddress !== undefined && ofAddress.count >= plan.failuresMax * ADDRESS_FACTOR)
      untilMs = Math.max(untilMs, ofAddress.untilMs);
    return untilMs === 0 ? 0 : Math.max(1, Math.ceil((untilMs - nowMs) / 1_000));
  }

  /** A try begins: it counts as failed until it has succeeded, so that many at once are no way round. */
  charge(username: string, address: string, { windowMs }: BasicPlan, nowMs: number): void {
    for (const key of [this.#keyOf(username, address), this.#placeOf(address)]) {
      const tries = this.#tries.get(key, nowMs);
      if (tries === undefined) this.#tries.put(key, { count: 1, untilMs: nowMs + windowMs }, nowMs + windowMs);
      else tries.count++;
    }
  }

  /** It has succeeded, or came to nothing. @param isRight  the user's failures are forgotten */
  refund(username: string, address: string, isRight: boolean, nowMs: number): void {
    const key = this.#keyOf(username, address);
    if (isRight) this.#tries.delete(key);
    for (const each of [key, this.#placeOf(address)]) {
      const tries = this.#tries.get(each, nowMs);
      if (tries !== undefined && tries.count > 0) tries.count--;
    }
  }

  #keyOf(username: string, address: string): string {
    return createHmac('sha256', this.#key)
      .update(`${this.#placeOf(address)} ${username}`)
      .digest('base64');
  }

  /** Of IPv6 the first 64 bits: whoever has one address there has all. */
  #placeOf(address: string): string {
    const family = this.#address.read(address);
    const [first = 0, second = 0] = this.#address.words;
    return family === 6 ? `${first.toString(16)}:${second.toString(16)}::/64` : address;
  }
}
