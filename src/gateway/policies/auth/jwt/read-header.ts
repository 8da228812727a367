// The protected header of a token, looked at before anything is verified: what can be refused by it costs no signature.

import type { JWSHeaderParameters } from 'jose';

export const TOKEN_CHARS_MAX = 8_192;
const HEADER_CHARS_MAX = 2_048;
const KID_CHARS_MAX = 512;
// Signed by somebody: an unsecured token has no third part.
const COMPACT = /^([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;

/** @returns the header, or what is wrong with the token */
export function readHeader(token: string, algorithms: readonly string[]): JWSHeaderParameters | string {
  if (token.length > TOKEN_CHARS_MAX) return 'the token is too long';
  const encoded = COMPACT.exec(token)?.[1];
  if (encoded === undefined || encoded.length > HEADER_CHARS_MAX) return MALFORMED;
  const header = parse(encoded);
  if (header === undefined) return MALFORMED;
  const { alg, kid, crit, b64 } = header;
  if (typeof alg !== 'string' || !algorithms.includes(alg)) return "the token's algorithm is not allowed";
  // Extensions change what a signature is over: none is known here.
  if (crit !== undefined || b64 !== undefined) return 'the token has extensions that are not known';
  if (kid !== undefined && (typeof kid !== 'string' || kid.length > KID_CHARS_MAX)) return MALFORMED;
  return { alg, ...(kid !== undefined && { kid }) };
}

const MALFORMED = 'the token is malformed';

function parse(encoded: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(encoded, 'base64url').toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
