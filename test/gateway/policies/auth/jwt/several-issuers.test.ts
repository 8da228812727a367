import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair } from 'jose';
import t from 'tap';
import { authConfig } from '../../../../../src/gateway/policies/auth/config.ts';
import { ask, ISSUER, keys, refused, rigOf, tokenOf } from './token-rig.ts';

const OTHER = 'https://other.example';
const other = await generateKeyPair('RS256', { extractable: true });
const otherKeys = [{ ...(await exportJWK(other.publicKey)), kid: 'one' }];
const one = { jwt: { issuer: ISSUER, audience: 'shop', keys } };
const two = { jwt: { issuer: OTHER, audience: 'api', keys: otherKeys, consumer: 'client' } };

t.test('each token is judged by what is said of its issuer, with the keys of that', async (t) => {
  for (const any of [
    [one, two],
    [two, one],
    ['api-key', two, one],
  ]) {
    const rig = rigOf({ any });
    const mine = await tokenOf();
    const theirs = await tokenOf({ iss: OTHER, aud: 'api', client: 'alice' }, {}, other.privateKey);
    for (let n = 0; n < 2; n++) {
      t.equal((await ask(rig, `Bearer ${mine}`)).x.consumer?.name, 'alice');
      t.equal((await ask(rig, `Bearer ${theirs}`)).x.consumer?.name, 'alice');
    }
    t.equal(rig.sent.length, 4);
    t.equal(rig.plane.tokens.good.count, 2, 'each is kept once');
    t.equal(rig.plane.tokens.bad.count, 0);
    // What is wrong is said by whom the token is of.
    await refused(t, rig, await tokenOf({ iss: OTHER, aud: 'api', client: 'alice' }), /signature is not valid/);
    await refused(t, rig, await tokenOf({}, {}, other.privateKey), /signature is not valid/);
    await refused(
      t,
      rig,
      await tokenOf({ iss: OTHER, aud: 'shop', client: 'alice' }, {}, other.privateKey),
      /aud is not/,
    );
    await refused(t, rig, await tokenOf({ iss: 'https://third.example' }), /iss is not the one/);
    t.equal(rig.sent.length, 4);
  }
});

t.test("for a token of an unknown issuer nobody's keys are fetched", async (t) => {
  let fetches = 0;
  const server = createServer((_request, response) => {
    fetches++;
    response.end(JSON.stringify({ keys }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const jwks = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`;
  const rig = rigOf({ any: [{ jwt: { issuer: ISSUER, audience: 'shop', jwks } }, two] });
  await refused(t, rig, await tokenOf({ iss: 'https://third.example' }), /iss is not the one/);
  t.equal(
    (await ask(rig, `Bearer ${await tokenOf({ iss: OTHER, aud: 'api', client: 'alice' }, {}, other.privateKey)}`))
      .client.status,
    0,
  );
  await refused(t, rig, await tokenOf({ aud: 'other' }), /aud is not the one/);
  t.equal(fetches, 0);
  t.equal((await ask(rig, `Bearer ${await tokenOf()}`)).client.status, 0);
  t.equal(fetches, 1);
});

t.test('in a list any one issuer stands once in a place; in a list all one token cannot be of two', async (t) => {
  const problem = (auth: object) => authConfig.schema.safeParse(auth).error?.issues.length ?? 0;
  t.equal(problem({ any: [one, two] }), 0);
  t.equal(problem({ any: [one, { jwt: { ...one.jwt, audience: 'other' } }] }), 1);
  t.equal(problem({ any: [one, { jwt: { ...two.jwt, issuer: 'any' } }] }), 1);
  t.equal(problem({ any: [{ jwt: { ...two.jwt, issuer: 'any' } }, one] }), 1);
  t.equal(problem({ any: [one, { jwt: { ...one.jwt, cookie: 'token' } }] }), 0);
  t.equal(problem({ all: [one, two] }), 1);
  t.equal(problem({ any: ['api-key', 'api-key'] }), 1);
});
