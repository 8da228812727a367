// Keys that the configuration holds.

import { type CryptoKey, createLocalJWKSet, type JWSHeaderParameters } from 'jose';
import type { JwtKeys } from './jwt-plan.ts';
import type { KeySource } from './key-source.ts';

export class FixedKeys implements KeySource {
  readonly version = 0;
  readonly #keyOf: (header: JWSHeaderParameters) => Promise<CryptoKey | Uint8Array>;

  constructor(keys: Extract<JwtKeys, { readonly kind: 'set' | 'secret' }>) {
    if (keys.kind === 'secret') {
      const secret = new TextEncoder().encode(keys.secret);
      this.#keyOf = () => Promise.resolve(secret);
    } else this.#keyOf = createLocalJWKSet({ keys: [...keys.keys] });
  }

  refresh(): void {}

  prepare(): undefined {
    return undefined;
  }

  isEmpty(): boolean {
    return false;
  }

  keyOf(header: JWSHeaderParameters): Promise<CryptoKey | Uint8Array> {
    return this.#keyOf(header);
  }
}
