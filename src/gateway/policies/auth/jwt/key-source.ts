// Where the keys of tokens come from: a secret, a set that is configured, or a set that is fetched (remote-keys.ts).

import type { CryptoKey, JWSHeaderParameters } from 'jose';

export interface KeySource {
  /** Another one with each other set of keys. */
  readonly version: number;
  /** Fetch again what is old, while it is used on. Never throws. @hot an integer comparison */
  refresh(): void;
  /**
   * Make sure of the keys that a token names.
   * @returns undefined when nothing is to be waited for; else resolves when there is nothing more to be learnt
   */
  prepare(header: JWSHeaderParameters): Promise<void> | undefined;
  /** No keys could be had so far. */
  isEmpty(): boolean;
  /** @throws  jose's errors: there is no such key, or more than one */
  keyOf(header: JWSHeaderParameters): Promise<CryptoKey | Uint8Array>;
}
