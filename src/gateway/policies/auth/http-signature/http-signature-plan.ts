// What config.ts compiles a use of http-signature to, and what run.ts reads.

import type { NoncePlan } from '../nonce-plan.ts';

export const signatureAlgorithms = [
  'hmac-sha256',
  'ed25519',
  'ecdsa-p256-sha256',
  'ecdsa-p384-sha384',
  'rsa-pss-sha512',
  'rsa-v1_5-sha256',
] as const;

/** By their names in the registry of RFC 9421, section 6.2.2. */
export type SignatureAlgorithm = (typeof signatureAlgorithms)[number];

export interface HttpSignaturePlan {
  readonly algorithms: readonly SignatureAlgorithm[];
  /** As Signature-Input has them, without parameters; undefined: method and target, in any of the ways to say the target. */
  readonly components: readonly string[] | undefined;
  /** A request with a body has to have a Content-Digest that is signed. */
  readonly needsDigest: boolean;
  readonly maxAgeMs: number;
  readonly skewMs: number;
  /** '' for any. */
  readonly label: string;
  readonly tag: string;
  readonly bodyBytesMax: number;
  readonly nonce: NoncePlan | undefined;
}
