// How consumers are found where keys are found by their SHA-256, by something that is no secret.

import { createHash } from 'node:crypto';

/**
 * Of a consumer's name. The complement of its SHA-256: a caller may send any text as a key, the bytes of a digest included, and none
 * of them may be taken for a name.
 * @returns 32 bytes
 */
export function nameDigest(name: string): Uint8Array {
  const digest = createHash('sha256').update(name, 'utf8').digest();
  for (let i = 0; i < digest.length; i++) digest[i] = ~(digest[i] as number);
  return digest;
}

/**
 * Of what a method of authentication looks a credential up by: the id that a signature names, the user of a password, the subject of
 * a certificate. No name has the character that stands between the two.
 * @param kind  the method's
 * @returns 32 bytes
 */
export function credentialDigest(kind: string, text: string): Uint8Array {
  return nameDigest(`${kind}\0${text}`);
}
