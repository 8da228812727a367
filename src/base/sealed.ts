// Secrets that have to be kept as they are, because they sign: encrypted wherever they lie, so that no dump or copy of those
// bytes shows them.
//
// Bytes: nonce 12, tag 16, ciphertext. AES-256-GCM; what the secret is for is authenticated with it, so that a sealed secret cannot be
// put in another's place.

import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

export const SEAL_KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const ALGORITHM = 'aes-256-gcm';

/** Of a consumer's key. @param kind  what it is used for */
export function keyPurpose(kind: string, keyId: string): string {
  return `${kind}\0${keyId}`;
}

/**
 * @param key  SEAL_KEY_BYTES
 * @param purpose  whose it is and what for; the same for unseal
 */
export function seal(key: Uint8Array, secret: string, purpose: string): Uint8Array {
  // Random nonces of 96 bits: 2³² secrets under one key before two are alike with a chance of 2⁻³².
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(ALGORITHM, key, nonce);
  cipher.setAAD(Buffer.from(purpose, 'utf8'));
  const ciphertext = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), ciphertext]);
}

/** @returns undefined when it was sealed with another key, for another purpose, or was changed */
export function unseal(key: Uint8Array, sealed: Uint8Array, purpose: string): string | undefined {
  if (sealed.length < NONCE_BYTES + TAG_BYTES) return undefined;
  const decipher = createDecipheriv(ALGORITHM, key, sealed.subarray(0, NONCE_BYTES));
  decipher.setAAD(Buffer.from(purpose, 'utf8'));
  decipher.setAuthTag(sealed.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
  try {
    const text = decipher.update(sealed.subarray(NONCE_BYTES + TAG_BYTES));
    return Buffer.concat([text, decipher.final()]).toString('utf8');
  } catch {
    return undefined;
  }
}
