// What is known of tokens, by their text: a Map lookup instead of a signature. Bounded in number and in characters; the
// oldest go first.

import type { Caller } from '../../../consumers.ts';
import type { Verdict } from '../../../pipeline/errors.ts';

// The same token at routes that ask for different things; more of them are verified again.
const CHAIN_MAX = 8;

/** What one verifier said of one token. */
export interface TokenRecord {
  /** Whoever said it; compared by identity. */
  readonly verifier: object;
  /** Of the verifier's keys when it did: with other keys it counts no more. */
  readonly keysVersion: number;
  /** Milliseconds since 1970 until which it counts. */
  readonly untilMs: number;
  /** ADMIT, or an error's id. */
  readonly verdict: Verdict;
  /** Why not, without the token. */
  readonly detail: string;
  /** Of the consumer; '' when it was refused. */
  readonly name: string;
  readonly claims: Readonly<Record<string, string>>;
  /** The snapshot that `caller` is of: consumers may be others in the next one. */
  epoch: number;
  caller: Caller | undefined;
}

export class TokenCache {
  readonly #countMax: number;
  readonly #charsMax: number;
  readonly #records = new Map<string, readonly TokenRecord[]>();
  #chars = 0;

  /** @param countMax  tokens @param charsMax  of all tokens together */
  constructor(countMax: number, charsMax: number) {
    this.#countMax = countMax;
    this.#charsMax = charsMax;
  }

  get count(): number {
    return this.#records.size;
  }

  get chars(): number {
    return this.#chars;
  }

  /** @hot one Map lookup @returns also what counts no more */
  find(token: string, verifier: object): TokenRecord | undefined {
    const records = this.#records.get(token);
    if (records === undefined) return undefined;
    for (let i = 0; i < records.length; i++) {
      const record = records[i] as TokenRecord;
      if (record.verifier === verifier) return record;
    }
    return undefined;
  }

  put(token: string, record: TokenRecord): void {
    const earlier = this.#records.get(token) ?? [];
    const others = earlier.filter(({ verifier }) => verifier !== record.verifier).slice(1 - CHAIN_MAX);
    if (earlier.length > 0) {
      this.#records.set(token, [...others, record]);
      return;
    }
    // A copy: a slice would keep the text alive that it was cut from.
    this.#records.set(Buffer.from(token, 'latin1').toString('latin1'), [record]);
    this.#chars += token.length;
    while (this.#records.size > this.#countMax || this.#chars > this.#charsMax) this.#dropOldest();
  }

  #dropOldest(): void {
    for (const token of this.#records.keys()) {
      this.#records.delete(token);
      this.#chars -= token.length;
      return;
    }
  }
}
