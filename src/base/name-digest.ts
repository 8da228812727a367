// How a consumer's name is found where keys are found by their SHA-256.

import { createHash } from 'node:crypto';

/**
 * The complement of the name's SHA-256: a caller may send any text as a key, the bytes of a digest included, and none of them may
 * be taken for a name.
 * @returns 32 bytes
 */
export function nameDigest(name: string): Uint8Array {
  const digest = createHash('sha256').update(name, 'utf8').digest();
  for (let i = 0; i < digest.length; i++) digest[i] = ~(digest[i] as number);
  return digest;
}
