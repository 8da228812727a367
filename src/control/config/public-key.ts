// Public keys of consumers, as the configuration has them: PEM.

import { createPublicKey } from 'node:crypto';

const PEM = /^\s*-----BEGIN PUBLIC KEY-----[A-Za-z0-9+/=\s]{1,8192}-----END PUBLIC KEY-----\s*$/;
const RSA_BITS_MIN = 2_048;
const CURVES: readonly unknown[] = ['prime256v1', 'secp384r1'];

/** What it may be, to be read after 'expected'. */
export const publicKeyExpected =
  'a public key (PEM, BEGIN PUBLIC KEY): Ed25519, ECDSA on P-256 or P-384, or RSA from 2,048 bits on';

/** @returns SPKI, DER; undefined when it is none that can check a signature here */
export function readPublicKey(text: string): Uint8Array | undefined {
  // A private key would be taken, too: its public half can be made from it.
  if (!PEM.test(text)) return undefined;
  try {
    const key = createPublicKey(text);
    const { modulusLength = 0, namedCurve } = key.asymmetricKeyDetails ?? {};
    const type = key.asymmetricKeyType;
    const isRsa = (type === 'rsa' || type === 'rsa-pss') && modulusLength >= RSA_BITS_MIN;
    if (!isRsa && type !== 'ed25519' && !(type === 'ec' && CURVES.includes(namedCurve))) return undefined;
    return key.export({ format: 'der', type: 'spki' });
  } catch {
    return undefined;
  }
}
