// Whether a token is good, for one use of jwt: its signature by one of the keys, and what its claims must be. Off the
// request path: the signatures are checked by the thread pool of the process.

import { type JWSHeaderParameters, type JWTPayload, errors as joseErrors, jwtVerify } from 'jose';
import { ADMIT, errors, type Verdict } from '../../../pipeline/errors.ts';
import { claimsOf } from '../claims.ts';
import { claimAt } from './claim-at.ts';
import { claimLines } from './claim-lines.ts';
import type { JwtPlan } from './jwt-plan.ts';
import type { KeySource } from './key-source.ts';
import { problemOfClaims } from './problem-of-claims.ts';
import type { ReadToken } from './read-token.ts';
import type { TokenRecord } from './token-cache.ts';

/** How long a token that was refused stays so. */
export const REFUSED_MS = 10_000;
const NAME_CHARS_MAX = 128;
const GROUPS_MAX = 100;
// They are different in each token: nothing to count by.
const UNCOUNTED_CLAIMS: ReadonlySet<string> = new Set(['exp', 'nbf', 'iat', 'jti']);

export class TokenVerifier {
  readonly plan: JwtPlan;
  readonly keys: KeySource;
  /** Verifications under way, by the token. */
  readonly underWay = new Map<string, { readonly parkKey: string; record: TokenRecord | undefined }>();
  readonly #wallMs: () => number;

  constructor(plan: JwtPlan, keys: KeySource, wallMs: () => number) {
    this.plan = plan;
    this.keys = keys;
    this.#wallMs = wallMs;
  }

  /** The token is this use's to judge: no other's keys are tried on it. */
  isOwn({ claims }: ReadToken): boolean {
    return this.plan.issuer === '' || claims.iss === this.plan.issuer;
  }

  /** What refuses it without a look at its signature. */
  problemOf({ claims }: ReadToken): string | undefined {
    return problemOfClaims(claims, this.plan, this.#wallMs() / 1_000);
  }

  /** Never rejects. @param header  of the token, as readToken gives it */
  async verify(token: string, header: JWSHeaderParameters): Promise<TokenRecord> {
    const { plan } = this;
    if (this.keys.isEmpty()) return this.unavailable();
    const { version } = this.keys;
    try {
      const { payload } = await jwtVerify(token, () => this.keys.keyOf(header), {
        algorithms: [...plan.algorithms],
        ...(plan.issuer !== '' && { issuer: plan.issuer }),
        ...(plan.audiences.length > 0 && { audience: [...plan.audiences] }),
        requiredClaims: ['exp', ...plan.required],
        clockTolerance: plan.skewSeconds,
        ...(plan.ageSecondsMax > 0 && { maxTokenAge: plan.ageSecondsMax }),
        currentDate: new Date(this.#wallMs()),
      });
      return this.#judge(payload, version);
    } catch (error) {
      return this.refused(errors.UNAUTHENTICATED.id, reasonOf(error), version);
    }
  }

  refused(verdict: Verdict, detail: string, keysVersion = this.keys.version): TokenRecord {
    const untilMs = this.#wallMs() + REFUSED_MS;
    return { ...NOTHING, verifier: this, keysVersion, untilMs, verdict, detail };
  }

  /** It is not known whether the token is good: counts for those who wait only. */
  unavailable(): TokenRecord {
    const detail = 'the keys of the issuer could not be fetched';
    return { ...this.refused(errors.AUTH_UNAVAILABLE.id, detail), untilMs: 0 };
  }

  #judge(payload: JWTPayload, keysVersion: number): TokenRecord {
    const { plan } = this;
    const name = nameOf(claimAt(payload, plan.consumerClaim));
    if (name === '' && plan.defaultConsumer === '') {
      return this.refused(errors.UNAUTHENTICATED.id, 'the token does not say whose it is', keysVersion);
    }
    const scopes = scopesOf(payload);
    if (!plan.scopes.every((scope) => scopes.includes(scope))) {
      return this.refused(errors.INSUFFICIENT_SCOPE.id, 'the token has not all scopes', keysVersion);
    }
    const ageEnd = plan.ageSecondsMax === 0 ? Number.POSITIVE_INFINITY : (payload.iat ?? 0) + plan.ageSecondsMax;
    return {
      ...NOTHING,
      verifier: this,
      keysVersion,
      untilMs: (Math.min(payload.exp ?? 0, ageEnd) + plan.skewSeconds) * 1_000,
      issuer: payload.iss ?? '',
      name,
      claims: claimsOf(payload, UNCOUNTED_CLAIMS),
      scopes,
      groups: plan.groupsClaim === '' ? [] : groupsOf(claimAt(payload, plan.groupsClaim)),
      headerLines: claimLines(payload, plan.claimHeaders),
    };
  }
}

const NOTHING = {
  verdict: ADMIT,
  detail: '',
  issuer: '',
  name: '',
  claims: {},
  scopes: [],
  groups: [],
  headerLines: '',
  epoch: -1,
  caller: undefined,
};

function nameOf(claim: unknown): string {
  return typeof claim === 'string' && claim.length <= NAME_CHARS_MAX ? claim : '';
}

/** A list, or one text with spaces, as scopes are. */
function groupsOf(claim: unknown): readonly string[] {
  const groups: readonly unknown[] = typeof claim === 'string' ? claim.split(' ') : Array.isArray(claim) ? claim : [];
  return groups.filter((group) => typeof group === 'string' && group !== '').slice(0, GROUPS_MAX) as string[];
}

/** `scope` is a list with spaces (RFC 8693), `scp` what some issuers have instead, also as an array. */
function scopesOf({ scope, scp }: JWTPayload): readonly string[] {
  const said = scope ?? scp;
  if (typeof said === 'string') return said.split(' ').filter((each) => each !== '');
  return Array.isArray(said) ? said.filter((each) => typeof each === 'string') : [];
}

/** For the client: nothing of the token itself. */
function reasonOf(error: unknown): string {
  if (error instanceof joseErrors.JWTExpired) return 'the token has expired';
  if (error instanceof joseErrors.JWTClaimValidationFailed) {
    if (error.reason === 'missing') return `the token has no ${error.claim}`;
    if (error.claim === 'nbf') return 'the token is not valid yet';
    return `the token's ${error.claim} is not the one that is asked for`;
  }
  if (error instanceof joseErrors.JWSSignatureVerificationFailed) return "the token's signature is not valid";
  if (error instanceof joseErrors.JWKSNoMatchingKey) return 'the token is signed with a key that is not known';
  if (error instanceof joseErrors.JWKSMultipleMatchingKeys) return 'the token does not say which key it is signed with';
  return 'the token is malformed';
}
