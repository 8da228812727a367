import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import t, { type Test } from 'tap';
import { authConfig } from '../../../../../src/gateway/policies/auth/config.ts';
import { buildConfig, buildConsumer, buildRoute, buildService } from '../../../../support/build-config.ts';
import { TestPlane } from '../../../../support/plane.ts';
import { publishLimits } from '../../../../support/publish-limits.ts';

const exp = Math.floor(Date.now() / 1_000) + 3_600;

interface Key {
  readonly jwk: object;
  token(kid?: string, iss?: string): Promise<string>;
}

async function newKey(kid: string): Promise<Key> {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
  return {
    jwk: { ...(await exportJWK(publicKey)), kid, use: 'sig' },
    token: (named = kid, iss = 'me') =>
      new SignJWT({ iss, aud: 'shop', sub: 'alice', exp })
        .setProtectedHeader({ alg: 'ES256', kid: named })
        .sign(privateKey),
  };
}

/** An issuer whose key set the test changes. */
async function issuer(t: Test, isDiscovered = false) {
  const state = { status: 200, keys: [] as object[], body: '', headers: {}, fetches: 0, document: {}, documents: 0 };
  const server: Server = createServer((request, response) => {
    if (request.url?.endsWith('/.well-known/openid-configuration') === true) {
      state.documents++;
      response.end(JSON.stringify({ issuer: origin, jwks_uri: url, ...state.document }));
      return;
    }
    state.fetches++;
    response.writeHead(state.status, { 'content-type': 'application/json', ...state.headers });
    response.end(state.body === '' ? JSON.stringify({ keys: state.keys }) : state.body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const url = `${origin}/jwks.json`;
  const keys = isDiscovered ? { issuer: origin, discovery: true } : { issuer: 'me', jwks: url };
  const config = authConfig.schema.parse({ any: [{ jwt: { ...keys, audience: 'shop' } }] });
  const rig = new TestPlane();
  publishLimits(
    rig,
    buildConfig({
      consumers: [buildConsumer('alice')],
      services: [buildService('shop', { policies: [{ policy: 'auth', config }], routes: [buildRoute('a', 'GET /a')] })],
    }),
    1,
  );
  /** @returns 0 when it was let in */
  const ask = async (token: string): Promise<number> => {
    const before = rig.sent.length;
    const { client } = rig.request('GET /a', { headers: ['authorization', `Bearer ${token}`] });
    while (client.status === 0 && rig.sent.length === before) await new Promise(setImmediate);
    return client.status;
  };
  return { state, rig, ask, origin };
}

t.test('keys are fetched when the first token comes, once for all that wait', async (t) => {
  const { state, rig } = await issuer(t);
  const one = await newKey('one');
  state.keys = [one.jwk];
  t.equal(state.fetches, 0);
  for (const token of [await one.token(), await one.token(), await one.token('other')]) {
    rig.request('GET /a', { headers: ['authorization', `Bearer ${token}`] });
  }
  while (rig.plane.parking.count > 0) await new Promise(setImmediate);
  t.equal(rig.sent.length, 2);
  t.equal(state.fetches, 1);
});

t.test('an unknown key asks the issuer once in 30 s; with the new set old tokens are looked at again', async (t) => {
  const { state, rig, ask } = await issuer(t);
  const [one, two] = [await newKey('one'), await newKey('two')];
  state.keys = [one.jwk];
  const [old, fresh] = [await one.token(), await two.token()];
  t.equal(await ask(old), 0);
  state.keys = [two.jwk];
  t.equal(await ask(fresh), 401);
  t.equal(await ask(await two.token('three')), 401);
  t.equal(state.fetches, 1, 'the floor');
  t.equal(await ask(old), 0);
  rig.pass(30_010);
  t.equal(await ask(await two.token()), 0);
  t.equal(state.fetches, 2);
  t.equal(await ask(fresh), 0, 'what was refused for want of the key is not remembered');
  t.equal(await ask(old), 401, 'the key that it is signed with was withdrawn');
});

t.test('a set that is old is fetched again while it is used, and kept when that fails', async (t) => {
  const { state, rig, ask } = await issuer(t);
  const one = await newKey('one');
  const token = await one.token();
  Object.assign(state, { keys: [one.jwk], headers: { 'cache-control': 'public, max-age=120' } });
  t.equal(await ask(token), 0);
  rig.pass(110_000);
  t.equal(await ask(token), 0);
  t.equal(state.fetches, 1);
  state.status = 500;
  rig.pass(20_000);
  t.equal(await ask(token), 0);
  while (state.fetches < 2) await new Promise(setImmediate);
  rig.pass(200_000);
  t.equal(await ask(await one.token()), 0, 'even when it is very old');
});

t.test('without any keys the answer is 503, and the issuer is asked again after 5 s', async (t) => {
  const { state, rig, ask } = await issuer(t);
  const one = await newKey('one');
  const token = await one.token();
  const bad = [
    { status: 500 },
    { status: 302, headers: { location: 'http://127.0.0.1:1/' } },
    { status: 200, body: 'no JSON' },
    { body: '{"keys":{}}' },
    { body: JSON.stringify({ keys: [{ kty: 'oct', k: 'c2VjcmV0', kid: 'one' }] }) },
    { body: JSON.stringify({ keys: [one.jwk], pad: 'x'.repeat(300 * 1_024) }) },
  ];
  for (const [index, answer] of bad.entries()) {
    Object.assign(state, answer);
    t.equal(await ask(token), 503, JSON.stringify(answer).slice(0, 80));
    t.equal(await ask(token), 503);
    t.equal(state.fetches, index + 1);
    rig.pass(5_010);
  }
  Object.assign(state, { body: '', keys: [one.jwk] });
  t.equal(await ask(token), 0);
});

t.test('an issuer that does not answer keeps nobody longer than 5 s', async (t) => {
  const server = createServer(() => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const jwks = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const config = authConfig.schema.parse({ any: [{ jwt: { issuer: 'any', audience: 'any', jwks } }] });
  const rig = new TestPlane();
  const policies = [{ policy: 'auth', config }];
  publishLimits(
    rig,
    buildConfig({ services: [buildService('shop', { policies, routes: [buildRoute('a', 'GET /a')] })] }),
    1,
  );
  const headers = ['authorization', `Bearer ${await (await newKey('one')).token()}`];
  const { client } = rig.request('GET /a', { headers });
  rig.pass(5_100);
  t.equal(client.status, 503);
  t.equal(rig.plane.parking.count, 0);
});

t.test("the issuer's own document says where its keys are, and is asked with them", async (t) => {
  const { state, rig, ask, origin } = await issuer(t, true);
  const [one, two] = [await newKey('one'), await newKey('two')];
  state.keys = [one.jwk];
  t.equal(await ask(await one.token('one', 'me')), 401, 'of another issuer');
  t.same([state.documents, state.fetches], [0, 0]);
  t.equal(await ask(await one.token('one', origin)), 0);
  t.equal(await ask(await one.token('one', origin)), 0);
  t.same([state.documents, state.fetches], [1, 1]);
  state.keys = [two.jwk];
  t.equal(await ask(await two.token('two', origin)), 401, 'the floor');
  rig.pass(30_010);
  t.equal(await ask(await two.token('two', origin)), 0);
  t.same([state.documents, state.fetches], [2, 2]);
});

t.test('a document of another issuer, or keys from where they are not fetched, are no keys', async (t) => {
  const { state, rig, ask, origin } = await issuer(t, true);
  const one = await newKey('one');
  const token = await one.token('one', origin);
  state.keys = [one.jwk];
  for (const document of [
    { issuer: `${origin}/` },
    { issuer: 'https://id.example' },
    { jwks_uri: undefined },
    { jwks_uri: 'http://id.example/keys' },
    { jwks_uri: 'file:///etc/passwd' },
    { jwks_uri: 7 },
  ]) {
    state.document = document;
    t.equal(await ask(token), 503, JSON.stringify(document));
    rig.pass(5_010);
  }
  t.equal(state.fetches, 0);
  state.document = {};
  t.equal(await ask(token), 0);
});
