// The keys that encrypt what the store keeps (gateway.encryptionKey): the first seals, every one unseals.

import { createHash } from 'node:crypto';
import { seal, unseal } from '../../base/sealed.ts';
import { storedPurpose } from './stored-consumer.ts';

/** A sealed secret begins with so much of its key's digest, so that it is known which key it takes. */
const KEY_NAME_BYTES = 4;

interface RingKey {
  readonly name: Buffer;
  readonly key: Uint8Array;
}

export class KeyRing {
  readonly #keys: readonly RingKey[];

  /** @param keys  of SEAL_KEY_BYTES each, as hexadecimal digits, the newest first */
  constructor(keys: readonly string[]) {
    this.#keys = keys.map((hex) => {
      const key = Buffer.from(hex, 'hex');
      return {
        name: createHash('sha256').update('sluice-key-name').update(key).digest().subarray(0, KEY_NAME_BYTES),
        key,
      };
    });
  }

  get canSeal(): boolean {
    return this.#keys.length > 0;
  }

  /** @throws {Error} there is no key: ask canSeal first */
  seal(secret: string, keyId: string): Uint8Array {
    const [first] = this.#keys;
    if (first === undefined) throw new Error('there is no gateway.encryptionKey');
    return Buffer.concat([first.name, seal(first.key, secret, storedPurpose(keyId))]);
  }

  /** @returns undefined when none of the keys sealed it, or it was changed */
  unseal(sealed: Uint8Array, keyId: string): string | undefined {
    const key = this.#keyOf(sealed);
    return key && unseal(key.key, sealed.subarray(KEY_NAME_BYTES), storedPurpose(keyId));
  }

  /** Whether it was sealed with the newest key. */
  isNewest(sealed: Uint8Array): boolean {
    const [first] = this.#keys;
    return first !== undefined && this.#keyOf(sealed) === first;
  }

  #keyOf(sealed: Uint8Array): RingKey | undefined {
    return this.#keys.find(({ name }) => name.equals(sealed.subarray(0, KEY_NAME_BYTES)));
  }
}
