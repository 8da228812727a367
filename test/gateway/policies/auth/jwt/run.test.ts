import { createHmac, createPrivateKey, type KeyObject, sign } from 'node:crypto';
import { type CryptoKey, exportJWK, exportSPKI, generateKeyPair, type JWK, SignJWT } from 'jose';
import t, { type Test } from 'tap';
import { authConfig } from '../../../../../src/gateway/policies/auth/config.ts';
import { limitKey } from '../../../../../src/gateway/policies/limit-key.ts';
import { buildConfig, buildConsumer, buildRoute, buildService } from '../../../../support/build-config.ts';
import { TestPlane } from '../../../../support/plane.ts';
import { publishLimits } from '../../../../support/publish-limits.ts';

const ISSUER = 'https://id.example';
const now = (): number => Math.floor(Date.now() / 1_000);

const rsa = await generateKeyPair('RS256', { extractable: true });
const ec = await generateKeyPair('ES256', { extractable: true });
const stranger = await generateKeyPair('RS256', { extractable: true });
const privateKey: KeyObject = createPrivateKey({ key: (await exportJWK(rsa.privateKey)) as never, format: 'jwk' });
const keys: JWK[] = [
  { ...(await exportJWK(rsa.publicKey)), kid: 'one', alg: 'RS256' },
  { ...(await exportJWK(ec.publicKey)), kid: 'two' },
];

function configOf(jwt: object, others: readonly unknown[] = []) {
  const config = authConfig.schema.parse({
    any: [{ jwt: { issuer: ISSUER, audience: 'shop', keys, ...jwt } }, ...others],
  });
  return buildConfig({
    consumers: [{ ...buildConsumer('alice', 'alice-secret'), claims: { tenant: 'acme', tier: 'gold' } }],
    services: [buildService('shop', { policies: [{ policy: 'auth', config }], routes: [buildRoute('a', 'GET /a')] })],
  });
}

function rigWith(jwt: object = {}, others: readonly unknown[] = []): TestPlane {
  const rig = new TestPlane();
  publishLimits(rig, configOf(jwt, others), 1);
  return rig;
}

/** Of alice, good for five minutes, unless said otherwise. */
function tokenOf(claims: object = {}, header: object = {}, key: CryptoKey = rsa.privateKey): Promise<string> {
  return new SignJWT({ iss: ISSUER, aud: 'shop', sub: 'alice', exp: now() + 300, ...claims })
    .setProtectedHeader({ alg: 'RS256', kid: 'one', ...header })
    .sign(key);
}

function encoded(value: unknown): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
}

/** Waits until the exchange is decided. */
async function ask(rig: TestPlane, authorization: string, others: readonly string[] = []) {
  const before = rig.sent.length;
  const { x, client } = rig.request('GET /a', { headers: ['authorization', authorization, ...others] });
  while (client.status === 0 && rig.sent.length === before) await new Promise(setImmediate);
  return { x, client, sent: rig.sent[before]?.request };
}

async function refused(t: Test, rig: TestPlane, token: string, detail: RegExp): Promise<void> {
  const { client } = await ask(rig, `Bearer ${token}`);
  t.equal(client.status, 401, String(detail));
  t.match(client.body, detail);
  t.notOk(client.body.includes(token), 'the answer has nothing of the token');
  t.match(client.headers.join(), 'www-authenticate,Bearer realm="shop", error="invalid_token"');
}

t.test('a token of the issuer names the consumer, and goes no further', async (t) => {
  const rig = rigWith();
  const token = await tokenOf({ tier: 'silver', seat: 7, nested: { a: 1 } });
  const { x, sent } = await ask(rig, `Bearer ${token}`);
  t.match(x.consumer, { name: 'alice', keyId: 'token:alice' });
  t.match(sent?.headerLines, 'x-consumer-id: alice\r\n');
  t.notMatch(sent?.headerLines, /authorization/i);
  const claim = (name: string) => limitKey({ kind: 'claim', name }, x);
  t.same(['tenant', 'tier', 'seat', 'nested', 'exp'].map(claim), ['acme', 'silver', '7', '', '']);
  const second = rig.request('GET /a', { headers: ['authorization', `Bearer ${token}`] });
  t.equal(rig.sent.length, 2, 'the second time it is known: nothing is waited for');
  t.equal(second.x.consumer?.name, 'alice');
  t.equal(
    (await ask(rig, `bearer   ${await tokenOf({}, { alg: 'ES256', kid: 'two' }, ec.privateKey)}`)).client.status,
    0,
  );
  t.equal((await ask(rig, `Bearer id_token="${token}"`)).x.consumer?.name, 'alice');
  t.equal(rig.sent.length, 4);
});

t.test('every algorithm that may be named verifies', async (t) => {
  for (const alg of ['RS512', 'PS256', 'ES384', 'ES512', 'EdDSA']) {
    const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
    const rig = rigWith({ keys: [await exportJWK(publicKey)], algorithms: [alg] });
    t.equal(
      (await ask(rig, `Bearer ${await tokenOf({}, { alg, kid: undefined }, privateKey)}`)).x.consumer?.name,
      'alice',
      alg,
    );
  }
});

t.test('exchanges with one token wait for one verification', async (t) => {
  const rig = rigWith();
  const headers = ['authorization', `Bearer ${await tokenOf()}`];
  const all = Array.from({ length: 5 }, () => rig.request('GET /a', { headers }));
  t.equal(rig.plane.parking.count, 5);
  while (rig.plane.parking.count > 0) await new Promise(setImmediate);
  t.equal(rig.sent.length, 5);
  t.ok(all.every(({ x }) => x.consumer?.name === 'alice'));
  t.equal(rig.plane.tokens.good.count, 1);
});

t.test('no forged token gets in', async (t) => {
  const rig = rigWith();
  const good = await tokenOf();
  const [header = '', payload = '', signature = ''] = good.split('.');
  const mac = (head: object, key: string): string => {
    const text = `${encoded(head)}.${payload}`;
    return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`;
  };
  const pem = await exportSPKI(rsa.publicKey);
  await refused(t, rig, `${encoded({ alg: 'none' })}.${payload}.`, /malformed/);
  await refused(t, rig, `${encoded({ alg: 'none' })}.${payload}.${signature}`, /algorithm is not allowed/);
  await refused(t, rig, `${encoded({ alg: 'nOnE' })}.${payload}.${signature}`, /algorithm is not allowed/);
  for (const secret of [pem, pem.trim(), JSON.stringify(keys[0]), '']) {
    if (secret !== '') await refused(t, rig, mac({ alg: 'HS256', kid: 'one' }, secret), /algorithm is not allowed/);
  }
  await refused(t, rig, await tokenOf({}, { kid: 'three' }), /key that is not known/);
  await refused(t, rig, await tokenOf({}, { kid: '../../etc/passwd' }), /key that is not known/);
  await refused(t, rig, mac({ alg: 'RS256', kid: ['one'] }, pem), /malformed/);
  const own = await exportJWK(stranger.publicKey);
  const injected = { jwk: own, jku: 'http://127.0.0.1:1/jwks.json', x5u: 'http://127.0.0.1:1/' };
  await refused(t, rig, await tokenOf({}, injected, stranger.privateKey), /signature is not valid/);
  await refused(t, rig, await tokenOf({}, { kid: 'two' }), /key that is not known/);
  await refused(
    t,
    rig,
    `${header}.${encoded({ iss: ISSUER, aud: 'shop', sub: 'bob', exp: now() + 99 })}.${signature}`,
    /signature/,
  );
  await refused(t, rig, `${header}.${payload}.${signature.slice(0, -4)}`, /signature/);
  for (const extension of [
    { crit: ['x'], x: 1 },
    { crit: [] },
    { b64: false, crit: ['b64'] },
    { b64: false },
    { b64: true },
  ]) {
    await refused(t, rig, signed({ alg: 'RS256', kid: 'one', ...extension }, payload), /extensions/);
  }
  await refused(t, rig, 'a~b', /malformed/);
  await refused(t, rig, `${header}.${payload}`, /malformed/);
  await refused(t, rig, `${good}.${signature}`, /malformed/);
  await refused(t, rig, `${header}.${payload}.${'A'.repeat(9_000)}`, /too long/);
  await refused(
    t,
    rig,
    `${encoded({ alg: 'RS256', kid: 'one', pad: 'x'.repeat(3_000) })}.${payload}.${signature}`,
    /malformed/,
  );
  await refused(t, rig, `${good}, Bearer ${good}`, /malformed/);
  const { client } = await ask(rig, `Bearer ${good}`, ['authorization', `Bearer ${await tokenOf({ sub: 'bob' })}`]);
  t.match(client.body, /several tokens/);
  t.equal(rig.sent.length, 0);
});

t.test('what claims must say', async (t) => {
  const rig = rigWith({ required: ['tenant'], clockSkew: '10s' });
  const token = (claims: object) => tokenOf({ tenant: 'x', ...claims });
  await refused(t, rig, await token({ exp: now() - 11 }), /has expired/);
  await refused(t, rig, await token({ exp: undefined }), /has no exp/);
  await refused(t, rig, await token({ exp: 'tomorrow' }), /exp is not the one/);
  await refused(t, rig, await token({ nbf: now() + 600 }), /not valid yet/);
  await refused(t, rig, await token({ aud: 'other' }), /aud is not the one/);
  await refused(t, rig, await token({ aud: undefined }), /has no aud/);
  await refused(t, rig, await token({ iss: 'https://id.example.evil' }), /iss is not the one/);
  await refused(t, rig, await tokenOf(), /has no tenant/);
  await refused(t, rig, await token({ sub: 'mallory' }), /consumer is not known/);
  await refused(t, rig, await token({ sub: undefined }), /does not say whose/);
  await refused(t, rig, await token({ sub: ['alice'] }), /does not say whose|malformed/);
  t.equal((await ask(rig, `Bearer ${await token({ exp: now() - 1 })}`)).client.status, 0, 'within the skew');
  t.equal((await ask(rig, `Bearer ${await token({ aud: ['other', 'shop'] })}`)).client.status, 0);
  // RFC 7519, section 4: the last of two claims with one name counts. The upstream never sees the token.
  const twice = `{"iss":"${ISSUER}","aud":"shop","tenant":"x","exp":${now() + 99},"sub":"alice","sub":"mallory"}`;
  await refused(t, rig, signed({ alg: 'RS256', kid: 'one' }, encoded(twice)), /consumer is not known/);
});

t.test('scopes are all needed: 403 names them', async (t) => {
  const rig = rigWith({ scopes: ['read', 'write'] });
  const { client } = await ask(rig, `Bearer ${await tokenOf({ scope: 'read' })}`);
  t.equal(client.status, 403);
  t.match(client.body, /INSUFFICIENT_SCOPE/);
  t.match(client.headers.join(), 'Bearer realm="shop", error="insufficient_scope", scope="read write"');
  t.equal((await ask(rig, `Bearer ${await tokenOf({ scope: 'write x read' })}`)).client.status, 0);
  t.equal((await ask(rig, `Bearer ${await tokenOf({ scp: ['write', 'read'] })}`)).client.status, 0);
});

t.test('a secret is for HS256 only, a key never', async (t) => {
  const secret = 's'.repeat(32);
  const rig = rigWith({ keys: undefined, secret });
  const token = await new SignJWT({ iss: ISSUER, aud: 'shop', sub: 'alice', exp: now() + 60 })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(new TextEncoder().encode(secret));
  t.equal((await ask(rig, `Bearer ${token}`)).x.consumer?.name, 'alice');
  await refused(t, rig, await tokenOf(), /algorithm is not allowed/);
});

t.test('beside other methods, in a cookie, and in a header of its own', async (t) => {
  const rig = rigWith({ cookie: 'id_token' }, ['api-key']);
  const token = await tokenOf();
  const { x, sent } = await ask(rig, '', ['cookie', `a=1; id_token=${token}`]);
  t.equal(x.consumer?.name, 'alice');
  t.match(sent?.headerLines, 'cookie: a=1\r\n');
  t.match((await ask(rig, '', ['x-api-key', 'alice-secret'])).x.consumer, { name: 'alice', keyId: 'alice-0' });
  const none = rig.request('GET /a').client;
  t.match(none.body, /no credential/);
  t.match(none.headers.join(), 'www-authenticate,Bearer realm="shop", ApiKey realm="shop"');
  const other = rigWith({ header: 'X-Token' });
  t.equal((await ask(other, 'Basic YTpi', ['x-token', token])).x.consumer?.name, 'alice');
  t.equal((await ask(other, `Bearer ${token}`)).client.status, 401);
});

t.test('the names of consumers are no keys', async (t) => {
  const rig = rigWith({}, [{ 'api-key': { query: 'key' } }]);
  for (const key of ['alice', 'token:alice', '%00alice']) {
    t.equal(rig.request(`GET /a?key=${key}`).client.status, 401, key);
  }
});

t.test('known tokens are bounded, bad ones apart; a reload forgets none, but its consumers count', async (t) => {
  const rig = rigWith();
  const token = await tokenOf();
  await ask(rig, `Bearer ${token}`);
  const { bad, good } = rig.plane.tokens;
  const { length } = token;
  for (let n = 0; n < 300; n++) await ask(rig, `Bearer ${token.slice(0, length - 6)}${String(n).padStart(6, '0')}`);
  t.equal(good.count, 1);
  t.ok(bad.count > 200 && bad.count <= 300);
  publishLimits(rig, configOf({}), 2);
  const before = rig.sent.length;
  rig.request('GET /a', { headers: ['authorization', `Bearer ${token}`] });
  t.equal(rig.sent.length, before + 1, 'at once');
  publishLimits(rig, { ...configOf({}), consumers: [buildConsumer('bob')] }, 3);
  await refused(t, rig, token, /consumer is not known/);
});

t.test('more verifications at once than are allowed are refused', async (t) => {
  const rig = rigWith();
  const token = await tokenOf();
  const clients = Array.from({ length: 80 }, (_, n) => {
    const headers = ['authorization', `Bearer ${token.slice(0, -6)}${String(n).padStart(6, '0')}`];
    return rig.request('GET /a', { headers }).client;
  });
  t.equal(clients.filter(({ status }) => status === 503).length, 80 - 64);
  while (rig.plane.parking.count > 0) await new Promise(setImmediate);
  t.ok(clients.every(({ status }) => status === 503 || status === 401));
  t.equal((await ask(rig, `Bearer ${token}`)).client.status, 0);
});

/** Signed whatever it says: jose would not. */
function signed(header: object, payload: string): string {
  const text = `${encoded(header)}.${payload}`;
  return `${text}.${sign('sha256', Buffer.from(text), privateKey).toString('base64url')}`;
}
