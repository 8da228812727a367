// What config.ts compiles a use of jwt to, and what run.ts reads.

import type { JWK } from 'jose';
import type { Credential } from '../credential.ts';

export interface JwtPlan {
  readonly place: Credential;
  readonly keys: JwtKeys;
  /** '' for any. */
  readonly issuer: string;
  /** One of them is the token's; none for any. */
  readonly audiences: readonly string[];
  /** None but these, whatever the token says. */
  readonly algorithms: readonly string[];
  /** What typ must be, in lower case and without application/; none for any. */
  readonly types: readonly string[];
  readonly skewSeconds: number;
  /** Since iat; 0: as long as exp says. */
  readonly ageSecondsMax: number;
  /** Claims that the token must have, besides exp. */
  readonly required: readonly string[];
  /** The token has all of them. */
  readonly scopes: readonly string[];
  /** The claim that names the consumer. */
  readonly consumerClaim: string;
  /** Who it is whose token names none that is known; '': it is refused. */
  readonly defaultConsumer: string;
  /** The claim that names groups besides the consumer's own; '' for none. */
  readonly groupsClaim: string;
  /** Of upstream headers: the name in lower case, and the claim. */
  readonly claimHeaders: readonly (readonly [name: string, claim: string])[];
}

export type JwtKeys =
  | { readonly kind: 'url'; readonly url: string }
  /** The issuer's own document says where its keys are. */
  | { readonly kind: 'discovery'; readonly issuer: string }
  /** Public keys. */
  | { readonly kind: 'set'; readonly keys: readonly JWK[] }
  /** Never to be shown or logged. */
  | { readonly kind: 'secret'; readonly secret: string };
