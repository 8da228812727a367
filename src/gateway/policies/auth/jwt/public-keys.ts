// Whether what is written as public keys is that.

import { createPublicKey, type JsonWebKey } from 'node:crypto';

const RSA_BITS_MIN = 2_048;
const CURVES: readonly unknown[] = ['P-256', 'P-384', 'P-521', 'Ed25519'];
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'] as const;

interface Problem {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** @param keys  JWKs as they are written @returns the first problem, with its path below the method's settings */
export function problemOfKeys(keys: readonly Readonly<Record<string, unknown>>[]): Problem | undefined {
  const kids = new Set<unknown>();
  for (const [index, key] of keys.entries()) {
    const message = problemOfKey(key);
    if (message !== undefined) return { path: ['keys', index], message };
    if (kids.has(key.kid))
      return { path: ['keys', index], message: 'has the kid of another key, or is one of several without' };
    kids.add(key.kid);
  }
  return undefined;
}

function problemOfKey(key: Readonly<Record<string, unknown>>): string | undefined {
  if (PRIVATE_MEMBERS.some((member) => member in key)) return 'is no public key: it has the secret part';
  for (const member of ['kid', 'alg', 'use'] as const) {
    if (key[member] !== undefined && typeof key[member] !== 'string') return `has a ${member} that is no text`;
  }
  if (key.use !== undefined && key.use !== 'sig') return 'is not for signatures: its use is not sig';
  if (key.kty !== 'RSA' && !CURVES.includes(key.crv))
    return 'is no RSA key, and on none of P-256, P-384, P-521, Ed25519';
  try {
    const bits = createPublicKey({ key: key as JsonWebKey, format: 'jwk' }).asymmetricKeyDetails?.modulusLength;
    return bits !== undefined && bits < RSA_BITS_MIN ? `has fewer than ${RSA_BITS_MIN} bits` : undefined;
  } catch {
    return 'is not a public key (JWK)';
  }
}
