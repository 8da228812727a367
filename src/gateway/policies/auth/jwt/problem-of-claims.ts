// What of a token's claims refuses it, whoever has signed it. jose asks the same of a token whose signature is good: here a flood of
// forgeries that do not even say the right things costs no signature.

import type { JWTPayload } from 'jose';
import type { JwtPlan } from './jwt-plan.ts';

type ClaimRules = Pick<JwtPlan, 'audiences' | 'required' | 'skewSeconds' | 'ageSecondsMax'>;

const TIMES = ['exp', 'nbf', 'iat'] as const;

/** @param nowSeconds  since 1970 @returns undefined for nothing */
export function problemOfClaims(claims: JWTPayload, rules: ClaimRules, nowSeconds: number): string | undefined {
  const { audiences, required, skewSeconds, ageSecondsMax } = rules;
  const needed = ['exp', ...required, ...(audiences.length > 0 ? ['aud'] : []), ...(ageSecondsMax > 0 ? ['iat'] : [])];
  const missing = needed.find((name) => !Object.hasOwn(claims, name));
  if (missing !== undefined) return `the token has no ${missing}`;
  if (audiences.length > 0 && !namesOne(claims.aud, audiences)) return misfit('aud');
  // 1e999 is Infinity: a token that never expires.
  const untimely = TIMES.find((name) => Object.hasOwn(claims, name) && !Number.isFinite(claims[name]));
  if (untimely !== undefined) return misfit(untimely);
  const { exp = 0, nbf = 0, iat = 0 } = claims;
  if (nbf > nowSeconds + skewSeconds) return 'the token is not valid yet';
  if (exp <= nowSeconds - skewSeconds) return 'the token has expired';
  if (ageSecondsMax === 0) return undefined;
  if (iat > nowSeconds + skewSeconds) return 'the token is not valid yet';
  return nowSeconds - skewSeconds - iat > ageSecondsMax ? 'the token is too old' : undefined;
}

function namesOne(aud: unknown, audiences: readonly string[]): boolean {
  if (typeof aud === 'string') return audiences.includes(aud);
  return Array.isArray(aud) && aud.some((each: unknown) => typeof each === 'string' && audiences.includes(each));
}

function misfit(claim: string): string {
  return `the token's ${claim} is not the one that is asked for`;
}
