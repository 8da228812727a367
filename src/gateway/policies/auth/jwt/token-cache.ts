// What is known of tokens, by their text: a Map lookup instead of a signature. Bounded in number and in characters; the
// oldest go first.
//
// Tokens are found by their tails, which are pieces of signatures, and compared as a whole: hashing a text of 1,000 characters
// takes more than a microsecond, comparing it a twentieth of that.

import type { Caller } from '../../../consumers.ts';
import type { Verdict } from '../../../pipeline/errors.ts';

// 32 characters of base64url: 192 bits of a signature.
const TAIL_CHARS = 32;
// The same token at routes that ask for different things, and forgeries with a signature that they took from it.
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
  /** Its iss; '' where it has none, or was refused. */
  readonly issuer: string;
  /** What names the consumer; '' for nothing. */
  readonly name: string;
  readonly claims: Readonly<Record<string, string>>;
  readonly scopes: readonly string[];
  readonly groups: readonly string[];
  /** For the upstream. */
  readonly headerLines: string;
  /** The snapshot that `caller` is of: consumers may be others in the next one. */
  epoch: number;
  caller: Caller | undefined;
}

interface Entry {
  readonly token: string;
  readonly record: TokenRecord;
}

export class TokenCache {
  readonly #countMax: number;
  readonly #charsMax: number;
  readonly #chains = new Map<string, readonly Entry[]>();
  #count = 0;
  #chars = 0;

  /** @param countMax  records @param charsMax  of their tokens and header lines together */
  constructor(countMax: number, charsMax: number) {
    this.#countMax = countMax;
    this.#charsMax = charsMax;
  }

  get count(): number {
    return this.#count;
  }

  get chars(): number {
    return this.#chars;
  }

  /** @hot one Map lookup, one comparison @returns also what counts no more */
  find(token: string, verifier: object): TokenRecord | undefined {
    const chain = this.#chains.get(token.slice(-TAIL_CHARS));
    if (chain === undefined) return undefined;
    for (let i = 0; i < chain.length; i++) {
      const { token: known, record } = chain[i] as Entry;
      if (record.verifier === verifier && known === token) return record;
    }
    return undefined;
  }

  /** What a token that somebody has verified says of its issuer; undefined when nobody has. */
  issuerOf(token: string): string | undefined {
    return this.#chains.get(token.slice(-TAIL_CHARS))?.find((entry) => entry.token === token)?.record.issuer;
  }

  put(token: string, record: TokenRecord): void {
    const tail = copyOf(token.slice(-TAIL_CHARS));
    const earlier = this.#chains.get(tail) ?? [];
    const others = earlier.filter((entry) => entry.record.verifier !== record.verifier || entry.token !== token);
    const chain = [...others.slice(1 - CHAIN_MAX), { token: copyOf(token), record }];
    this.#count += chain.length - earlier.length;
    this.#chars += charsOf(chain) - charsOf(earlier);
    this.#chains.set(tail, chain);
    while (this.#count > this.#countMax || this.#chars > this.#charsMax) this.#dropOldest();
  }

  #dropOldest(): void {
    for (const [tail, chain] of this.#chains) {
      this.#chains.delete(tail);
      this.#count -= chain.length;
      this.#chars -= charsOf(chain);
      return;
    }
  }
}

/** A slice would keep the text alive that it was cut from. */
function copyOf(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}

function charsOf(chain: readonly Entry[]): number {
  return chain.reduce((sum, { token, record }) => sum + token.length + record.headerLines.length, 0);
}
