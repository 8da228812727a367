import type { KeyObject } from 'node:crypto';

// As node:crypto calls them.
const CURVES = new Set(['prime256v1', 'secp384r1', 'secp521r1']);

/**
 * Whether uWebSockets.js can use a private key: its library is BoringSSL, which knows fewer kinds than OpenSSL, and it does not say when
 * it leaves out a host's certificate. With each kind a handshake was tried (decision 0022): with P-224 none comes about.
 */
export function isKnownToUws({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): boolean {
  if (asymmetricKeyType === 'ec') return CURVES.has(asymmetricKeyDetails?.namedCurve ?? '');
  return asymmetricKeyType === 'rsa' || asymmetricKeyType === 'ed25519';
}
