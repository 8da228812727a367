import type { JWK } from 'jose';
import t from 'tap';
import { ADMIT } from '../../../../../src/gateway/pipeline/errors.ts';
import { jwtConfig } from '../../../../../src/gateway/policies/auth/jwt/config.ts';
import { FixedKeys } from '../../../../../src/gateway/policies/auth/jwt/fixed-keys.ts';
import type { KeySource } from '../../../../../src/gateway/policies/auth/jwt/key-source.ts';
import { readToken } from '../../../../../src/gateway/policies/auth/jwt/read-token.ts';
import { TokenVerifier } from '../../../../../src/gateway/policies/auth/jwt/token-verifier.ts';
import { vectors } from './rfc-vectors.ts';

// A second before the tokens of RFC 7515 expire.
const WALL_MS = 1_300_819_379_000;

/** Secrets of configurations are text: those of the RFCs are bytes. */
function sourceOf(key: JWK): KeySource {
  if (key.kty !== 'oct') return new FixedKeys({ kind: 'set', keys: [key] });
  const secret = new Uint8Array(Buffer.from(key.k as string, 'base64url'));
  return {
    version: 0,
    refresh: () => {},
    prepare: () => undefined,
    isEmpty: () => false,
    keyOf: () => Promise.resolve(secret),
  };
}

function verifierOf(key: JWK, alg: string, wallMs = WALL_MS): TokenVerifier {
  const settings = { issuer: 'joe', audience: 'any', secret: 's'.repeat(64), algorithms: ['HS256'], consumer: 'iss' };
  const plan = jwtConfig.schema.parse({ ...settings, clockSkew: 0 });
  return new TokenVerifier({ ...plan, algorithms: [alg] }, sourceOf(key), () => wallMs);
}

/** Other bits in the first of its signature's bytes. */
function altered(jws: string): string {
  const at = jws.lastIndexOf('.') + 1;
  return jws.slice(0, at) + (jws[at] === 'A' ? 'B' : 'A') + jws.slice(at + 1);
}

for (const { name, alg, key, jws } of vectors) {
  t.test(`${name}: ${alg} verifies with its key, and with nothing altered`, async (t) => {
    const verifier = verifierOf(key, alg);
    const header = { alg, ...(key.kid !== undefined && { kid: key.kid }) };
    const record = await verifier.verify(jws, header);
    const isToken = jws.includes('.eyJpc3Mi');
    // What is signed by the right key and holds no claims is no token.
    if (isToken) t.match(record, { verdict: ADMIT, name: 'joe', issuer: 'joe', untilMs: WALL_MS + 1_000 });
    else t.equal(record.detail, 'the token is malformed');
    t.equal((await verifier.verify(altered(jws), header)).detail, "the token's signature is not valid");
    const read = readToken(jws, verifier.plan);
    if (typeof read === 'string') t.notOk(isToken, 'it is turned away before its signature is looked at');
    else t.same([verifier.isOwn(read), verifier.problemOf(read)], [true, undefined]);
    if (!isToken) return;
    const later = verifierOf(key, alg, WALL_MS + 1_000);
    t.equal((await later.verify(jws, header)).detail, 'the token has expired');
    t.equal(typeof read === 'string' ? read : later.problemOf(read), 'the token has expired');
  });
}
