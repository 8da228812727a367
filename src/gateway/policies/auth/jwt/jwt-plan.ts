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
  readonly skewSeconds: number;
  /** Claims that the token must have, besides exp. */
  readonly required: readonly string[];
  /** The token has all of them. */
  readonly scopes: readonly string[];
  /** The claim that names the consumer. */
  readonly consumerClaim: string;
}

export type JwtKeys =
  | { readonly kind: 'url'; readonly url: string }
  /** Public keys. */
  | { readonly kind: 'set'; readonly keys: readonly JWK[] }
  /** Never to be shown or logged. */
  | { readonly kind: 'secret'; readonly secret: string };
