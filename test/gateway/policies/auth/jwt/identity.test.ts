import t from 'tap';
import { limitKey } from '../../../../../src/gateway/policies/limit-key.ts';
import { ask, ISSUER, keys, now, refused, rigOf, rigWith, tokenOf } from './token-rig.ts';

const CLAIMS = { 'x-user-id': 'sub', 'X-Tenant': 'org.tenant', 'x-roles': 'realm_access.roles' };

t.test('claims become headers of the upstream, also of a token that is known', async (t) => {
  const rig = rigWith({ claimsToHeaders: CLAIMS });
  const token = await tokenOf({ org: { tenant: 'acme' }, realm_access: { roles: ['a', 'b,c', 'dé'] } });
  for (let n = 0; n < 2; n++) {
    const lines = (await ask(rig, `Bearer ${token}`)).sent?.headerLines ?? '';
    t.match(lines, 'x-consumer-id: alice\r\nx-user-id: alice\r\nx-tenant: acme\r\nx-roles: a,b%2Cc,d%C3%A9\r\n');
  }
});

t.test("a client's own are never passed on", async (t) => {
  const rig = rigWith({ claimsToHeaders: CLAIMS }, ['api-key']);
  const spoof = [
    'x-user-id',
    'eve',
    'X_User_Id'.toLowerCase(),
    'eve',
    'x_user-id',
    'eve',
    'x-tenant',
    'eve',
    'x_roles',
    'eve',
  ];
  const lines = async (authorization: string, more: readonly string[] = []) =>
    (await ask(rig, authorization, [...spoof, ...more])).sent?.headerLines ?? 'not sent';
  const full = await lines(`Bearer ${await tokenOf({ org: { tenant: 'acme' } })}`);
  t.match(full, 'x-user-id: alice\r\nx-tenant: acme\r\n');
  t.notMatch(full, /eve|x-roles/, 'nor where the claim is missing');
  const byKey = await lines('', ['x-api-key', 'alice-secret']);
  t.match(byKey, 'x-consumer-id: alice');
  t.notMatch(byKey, /eve|x-user-id|x-tenant/, 'nor where another method knows the caller');
});

t.test('of all methods, each says what it knows', async (t) => {
  const jwt = { issuer: ISSUER, audience: 'shop', keys, claimsToHeaders: CLAIMS };
  for (const all of [
    ['api-key', { jwt }],
    [{ jwt }, 'api-key'],
  ]) {
    const rig = rigOf({ all });
    const { x, sent } = await ask(rig, `Bearer ${await tokenOf({ seat: 7 })}`, ['x-api-key', 'alice-secret']);
    t.match(sent?.headerLines, 'x-user-id: alice\r\n');
    t.same(
      ['seat', 'tenant'].map((name) => limitKey({ kind: 'claim', name }, x)),
      ['7', 'acme'],
    );
    t.same(new Set(x.consumer?.groups), new Set(['staff']));
  }
});

t.test('whose token names nobody is the default consumer, where there is one', async (t) => {
  const rig = rigWith({ defaultConsumer: 'guest', claimsToHeaders: CLAIMS });
  const { x, sent } = await ask(rig, `Bearer ${await tokenOf({ sub: 'mallory' })}`);
  t.match(x.consumer, { name: 'guest', keyId: 'token:guest' });
  t.match(sent?.headerLines, 'x-consumer-id: guest\r\nx-user-id: mallory\r\n');
  t.equal(limitKey({ kind: 'claim', name: 'sub' }, x), 'mallory', 'each subject has a limit of its own');
  t.equal((await ask(rig, `Bearer ${await tokenOf()}`)).x.consumer?.name, 'alice');
  for (const sub of [undefined, ['alice'], '', 'x'.repeat(200), 'token:alice']) {
    t.equal((await ask(rig, `Bearer ${await tokenOf({ sub })}`)).x.consumer?.name, 'guest', String(sub).slice(0, 20));
  }
  await refused(t, rig, await tokenOf({ sub: 'mallory', exp: now() - 60 }), /has expired/);
});

t.test("groups of the token come beside the consumer's own", async (t) => {
  const groups = async (said: object, groupsClaim = 'groups') => {
    const rig = rigWith({ groupsClaim, defaultConsumer: 'guest' });
    return (await ask(rig, `Bearer ${await tokenOf(said)}`)).x.consumer?.groups;
  };
  t.same(await groups({ groups: ['partners', 7, '', 'ops'] }), ['staff', 'partners', 'ops']);
  t.same(await groups({ groups: 'partners ops' }), ['staff', 'partners', 'ops']);
  t.same(await groups({ sub: 'mallory', realm_access: { roles: ['ops'] } }, 'realm_access.roles'), ['ops']);
  t.same(await groups({ groups: { ops: true } }), ['staff']);
  t.equal((await groups({ groups: Array.from({ length: 500 }, (_, n) => `g${n}`) }))?.length, 101);
});

t.test('the type of a token may be asked for', async (t) => {
  const rig = rigWith({ types: ['at+jwt'] });
  for (const typ of ['at+jwt', 'AT+JWT', 'application/at+jwt']) {
    t.equal((await ask(rig, `Bearer ${await tokenOf({}, { typ })}`)).client.status, 0, typ);
  }
  for (const typ of [undefined, 'JWT', 'at', 'xat+jwt', '']) {
    await refused(t, rig, await tokenOf({}, { typ }), /type is not the one/);
  }
});

t.test('a token may be too old though it has not expired', async (t) => {
  const rig = rigWith({ maxAge: '1m', clockSkew: '10s' });
  t.equal((await ask(rig, `Bearer ${await tokenOf({ iat: now() - 65 })}`)).client.status, 0, 'within the skew');
  await refused(t, rig, await tokenOf({ iat: now() - 75 }), /too old/);
  await refused(t, rig, await tokenOf({ iat: now() + 60 }), /not valid yet/);
  await refused(t, rig, await tokenOf(), /has no iat/);
});
