// A token, looked at before anything is verified: what can be refused by what it says costs no signature.

import type { JWSHeaderParameters, JWTPayload } from 'jose';
import type { JwtPlan } from './jwt-plan.ts';
import { readPart } from './read-part.ts';

export const TOKEN_CHARS_MAX = 8_192;
const HEADER_CHARS_MAX = 2_048;
const KID_CHARS_MAX = 512;
// Signed by somebody: an unsecured token has no third part.
const COMPACT = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$/;
// RFC 7516, section 7.1.
const ENCRYPTED = /^[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*){4}$/;
// What is left over of the last character's six bits is zero: else one signature has several spellings, and each is a token that
// nobody knows yet.
const CANONICAL = /^(?:[A-Za-z0-9_-]{4})*(?:[A-Za-z0-9_-][AQgw]|[A-Za-z0-9_-]{2}[AEIMQUYcgkosw048])?$/;
const MALFORMED = 'the token is malformed';

/** What it says, believed by nobody yet. */
export interface ReadToken {
  readonly header: JWSHeaderParameters;
  readonly claims: JWTPayload;
}

/** @returns what it says, or what is wrong with it */
export function readToken(token: string, plan: Pick<JwtPlan, 'algorithms' | 'types'>): ReadToken | string {
  if (token.length > TOKEN_CHARS_MAX) return 'the token is too long';
  const [, head = '', payload = '', signature = ''] = COMPACT.exec(token) ?? [];
  if (head === '') return ENCRYPTED.test(token) ? 'encrypted tokens are not accepted' : MALFORMED;
  if (head.length > HEADER_CHARS_MAX || ![head, payload, signature].every((part) => CANONICAL.test(part))) {
    return MALFORMED;
  }
  const header = readHeader(head, plan);
  if (typeof header === 'string') return header;
  const claims = readPart(payload);
  return claims === undefined ? MALFORMED : { header, claims };
}

function readHeader(
  encoded: string,
  { algorithms, types }: Pick<JwtPlan, 'algorithms' | 'types'>,
): JWSHeaderParameters | string {
  const header = readPart(encoded);
  if (header === undefined) return MALFORMED;
  const { alg, kid, crit, b64, typ, cty, enc } = header;
  if (enc !== undefined) return 'encrypted tokens are not accepted';
  if (typeof alg !== 'string' || !algorithms.includes(alg)) return "the token's algorithm is not allowed";
  // Extensions change what a signature is over: none is known here.
  if (crit !== undefined || b64 !== undefined) return 'the token has extensions that are not known';
  if (kid !== undefined && (typeof kid !== 'string' || kid.length > KID_CHARS_MAX)) return MALFORMED;
  if (cty !== undefined && typeOf(cty) === 'jwt') return 'tokens within tokens are not accepted';
  if (types.length > 0 && !types.includes(typeOf(typ))) return "the token's type is not the one that is asked for";
  return { alg, ...(kid !== undefined && { kid }) };
}

/** RFC 7515, section 4.1.9: application/ may be left out. */
function typeOf(value: unknown): string {
  return typeof value === 'string' ? value.toLowerCase().replace(/^application\//, '') : '';
}
