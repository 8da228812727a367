// What the tests of jwt stand on: an issuer's keys, its tokens, and a gateway that knows them.

import { createPrivateKey, type KeyObject, sign } from 'node:crypto';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import type { Test } from 'tap';
import { authConfig } from '../../../../../src/gateway/policies/auth/config.ts';
import { buildConfig, buildConsumer, buildRoute, buildService } from '../../../../support/build-config.ts';
import { TestPlane } from '../../../../support/plane.ts';
import { publishLimits } from '../../../../support/publish-limits.ts';

export const ISSUER = 'https://id.example';
export const rsa = await generateKeyPair('RS256', { extractable: true });
export const ec = await generateKeyPair('ES256', { extractable: true });
export const keys: readonly JWK[] = [
  { ...(await exportJWK(rsa.publicKey)), kid: 'one', alg: 'RS256' },
  { ...(await exportJWK(ec.publicKey)), kid: 'two' },
];
const rsaPrivate: KeyObject = createPrivateKey({ key: (await exportJWK(rsa.privateKey)) as never, format: 'jwk' });

/** Seconds since 1970. */
export function now(): number {
  return Math.floor(Date.now() / 1_000);
}

export function configOf(jwt: object, others: readonly unknown[] = []) {
  return configWith({ any: [{ jwt: { issuer: ISSUER, audience: 'shop', keys, ...jwt } }, ...others] });
}

export function configWith(auth: object) {
  const config = authConfig.schema.parse(auth);
  const alice = {
    ...buildConsumer('alice', 'alice-secret'),
    claims: { tenant: 'acme', tier: 'gold' },
    groups: ['staff'],
  };
  return buildConfig({
    consumers: [alice, buildConsumer('guest')],
    services: [buildService('shop', { policies: [{ policy: 'auth', config }], routes: [buildRoute('a', 'GET /a')] })],
  });
}

/** One route, GET /a. */
export function rigWith(jwt: object = {}, others: readonly unknown[] = []): TestPlane {
  const rig = new TestPlane();
  publishLimits(rig, configOf(jwt, others), 1);
  return rig;
}

export function rigOf(auth: object): TestPlane {
  const rig = new TestPlane();
  publishLimits(rig, configWith(auth), 1);
  return rig;
}

/** Of alice, good for five minutes, unless said otherwise. */
export function tokenOf(claims: object = {}, header: object = {}, key: CryptoKey = rsa.privateKey): Promise<string> {
  return new SignJWT({ iss: ISSUER, aud: 'shop', sub: 'alice', exp: now() + 300, ...claims })
    .setProtectedHeader({ alg: 'RS256', kid: 'one', ...header })
    .sign(key);
}

export function encoded(value: unknown): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
}

/** Signed with RS256 whatever it says: jose would not. */
export function signed(header: unknown, payload: string): string {
  const text = `${encoded(header)}.${payload}`;
  return `${text}.${sign('sha256', Buffer.from(text), rsaPrivate).toString('base64url')}`;
}

/** The same token, with another signature: the n-th. */
export function forged(token: string, n: number): string {
  const at = token.length - 12;
  return token.slice(0, at) + String(n).padStart(8, '0') + token.slice(at + 8);
}

/** Waits until the exchange is decided. */
export async function ask(
  rig: TestPlane,
  authorization: string,
  others: readonly string[] = [],
  view: { readonly peerAddress?: string } = {},
) {
  const before = rig.sent.length;
  const { x, client } = rig.request('GET /a', { headers: ['authorization', authorization, ...others], ...view });
  while (client.status === 0 && rig.sent.length === before) await new Promise(setImmediate);
  return { x, client, sent: rig.sent[before]?.request };
}

export async function refused(t: Test, rig: TestPlane, token: string, detail: RegExp): Promise<void> {
  // So many at once would be too many failures (token-failures.ts).
  rig.pass(10);
  const { client } = await ask(rig, `Bearer ${token}`);
  t.equal(client.status, 401, String(detail));
  t.match(client.body, detail);
  t.notOk(token !== '' && client.body.includes(token), 'the answer has nothing of the token');
  t.match(client.headers.join(), 'Bearer realm="shop", error="invalid_token"');
}
