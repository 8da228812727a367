// Whether bytes are the signature of a signature base, by each algorithm.
// @source  RFC 9421, section 3.3

import { constants, createHmac, type KeyObject, timingSafeEqual, type VerifyKeyObjectInput, verify } from 'node:crypto';
import type { SignatureAlgorithm } from './http-signature-plan.ts';

const PSS_SALT_BYTES = 64;

type PublicAlgorithm = Exclude<SignatureAlgorithm, 'hmac-sha256'>;

const HASHES: Readonly<Record<PublicAlgorithm, string | null>> = {
  ed25519: null,
  'ecdsa-p256-sha256': 'sha256',
  'ecdsa-p384-sha384': 'sha384',
  'rsa-pss-sha512': 'sha512',
  'rsa-v1_5-sha256': 'sha256',
};

/** Those that a key may be used with: a key is never taken for one of another kind, whatever a request says. */
export function algorithmsOf({
  type,
  asymmetricKeyType,
  asymmetricKeyDetails,
}: KeyObject): readonly SignatureAlgorithm[] {
  if (type === 'secret') return ['hmac-sha256'];
  if (asymmetricKeyType === 'ed25519') return ['ed25519'];
  if (asymmetricKeyType === 'rsa') return ['rsa-pss-sha512', 'rsa-v1_5-sha256'];
  if (asymmetricKeyType === 'rsa-pss') return ['rsa-pss-sha512'];
  if (asymmetricKeyType !== 'ec') return [];
  const curve = asymmetricKeyDetails?.namedCurve;
  if (curve === 'prime256v1') return ['ecdsa-p256-sha256'];
  return curve === 'secp384r1' ? ['ecdsa-p384-sha384'] : [];
}

/** Some microseconds: on the spot. @param base  latin1 */
export function isHmacOf(key: KeyObject, base: string, signature: Uint8Array): boolean {
  const expected = createHmac('sha256', key).update(base, 'latin1').digest();
  return expected.length === signature.length && timingSafeEqual(expected, signature);
}

/** 30 to 200 µs: in the thread pool. @param done  is told in a later turn of the loop, errors of the library as false */
export function verifyElsewhere(
  algorithm: PublicAlgorithm,
  key: KeyObject,
  base: string,
  signature: Uint8Array,
  done: (isValid: boolean) => void,
): void {
  const input: VerifyKeyObjectInput = { key };
  if (algorithm.startsWith('ecdsa')) input.dsaEncoding = 'ieee-p1363';
  if (algorithm === 'rsa-v1_5-sha256') input.padding = constants.RSA_PKCS1_PADDING;
  if (algorithm === 'rsa-pss-sha512') {
    input.padding = constants.RSA_PKCS1_PSS_PADDING;
    input.saltLength = PSS_SALT_BYTES;
  }
  verify(HASHES[algorithm], Buffer.from(base, 'latin1'), input, signature, (error, isValid) => {
    done(error === null && isValid);
  });
}
