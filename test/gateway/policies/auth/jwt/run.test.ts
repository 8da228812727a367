import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import t from 'tap';
import { limitKey } from '../../../../../src/gateway/policies/limit-key.ts';
import { buildConsumer } from '../../../../support/build-config.ts';
import { publishLimits } from '../../../../support/publish-limits.ts';
import { ask, configOf, ec, forged, ISSUER, now, refused, rigWith, tokenOf } from './token-rig.ts';

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
  for (let n = 0; n < 300; n++) {
    // From so many addresses, and over so long a time, that they are all tried.
    rig.pass(10);
    await ask(rig, `Bearer ${forged(token, n)}`, [], { peerAddress: `192.0.2.${n % 100}` });
  }
  t.equal(good.count, 1);
  t.equal(bad.count, 300);
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
    const headers = ['authorization', `Bearer ${forged(token, n)}`];
    return rig.request('GET /a', { headers }).client;
  });
  t.equal(clients.filter(({ status }) => status === 503).length, 80 - 64);
  while (rig.plane.parking.count > 0) await new Promise(setImmediate);
  t.ok(clients.every(({ status }) => status === 503 || status === 401));
  rig.pass(20);
  t.equal((await ask(rig, `Bearer ${token}`, [], { peerAddress: '198.51.100.1' })).client.status, 0);
});
