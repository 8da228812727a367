// Consumers' keys that sign, ready to be used: unsealed and made into key objects once per snapshot, so that a signature costs its
// arithmetic and a Map lookup.

import { createPublicKey, createSecretKey, type KeyObject } from 'node:crypto';
import { keyPurpose, unseal } from '../../../base/sealed.ts';
import { type Caller, isInForce } from '../../consumers.ts';
import type { LiveSnapshot } from '../../live-snapshot.ts';

// Ids of keys are that short (units/config.ts); what is longer is not worth a digest.
const ID_CHARS_MAX = 128;
// Only ids that exist get in. Some 500 bytes each.
const KEYS_MAX = 10_000;

export interface SigningKey {
  readonly caller: Caller;
  readonly key: KeyObject;
}

/** Of a key with `use: [hmac]`, of one with `use: [http-signature]`. */
export type SigningUse = 'hmac' | 'http-signature';

class SigningKeys {
  readonly #snapshot: LiveSnapshot;
  readonly #sealKey: Uint8Array;
  readonly #known = { hmac: new Map<string, SigningKey>(), 'http-signature': new Map<string, SigningKey>() };

  constructor(snapshot: LiveSnapshot, sealKey: Uint8Array) {
    this.#snapshot = snapshot;
    this.#sealKey = sealKey;
  }

  /** @param nowMs  since 1970 @returns undefined where there is none, or it does not count now @hot */
  find(use: SigningUse, id: string, nowMs: number): SigningKey | undefined {
    const found = this.#known[use].get(id) ?? this.#open(use, id);
    if (found === undefined) return undefined;
    const { facts } = found.caller;
    return facts !== undefined && isInForce(facts, nowMs) ? found : undefined;
  }

  #open(use: SigningUse, id: string): SigningKey | undefined {
    if (id.length > ID_CHARS_MAX) return undefined;
    const caller = this.#snapshot.consumers.byCredential(use, id);
    const key = caller && this.#keyOf(use, id, caller);
    if (caller === undefined || key === undefined) return undefined;
    const known = this.#known[use];
    if (known.size >= KEYS_MAX) known.clear();
    const opened = { caller, key };
    known.set(id, opened);
    return opened;
  }

  #keyOf(use: SigningUse, id: string, { facts }: Caller): KeyObject | undefined {
    if (use === 'http-signature') {
      return facts?.publicKey === undefined
        ? undefined
        : createPublicKey({ key: Buffer.from(facts.publicKey), format: 'der', type: 'spki' });
    }
    const secret = facts?.sealed && unseal(this.#sealKey, facts.sealed, keyPurpose(use, id));
    return secret === undefined ? undefined : createSecretKey(secret, 'utf8');
  }
}

export type { SigningKeys };

const bySnapshot = new WeakMap<LiveSnapshot, SigningKeys>();

/** One for all routes of a snapshot. @param sealKey  DataPlane.sealKey */
export function signingKeysOf(snapshot: LiveSnapshot, sealKey: Uint8Array): SigningKeys {
  let keys = bySnapshot.get(snapshot);
  if (keys === undefined) {
    keys = new SigningKeys(snapshot, sealKey);
    bySnapshot.set(snapshot, keys);
  }
  return keys;
}
