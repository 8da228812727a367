import t from 'tap';
import { configOf, shop } from '../../../control/config/read.ts';
import { TestPlane } from '../../../support/plane.ts';
import { publishLimits } from '../../../support/publish-limits.ts';
import { ask, ISSUER, keys, tokenOf } from '../auth/jwt/token-rig.ts';

const jwt = JSON.stringify({ issuer: ISSUER, audience: 'shop', keys, groupsClaim: 'groups', defaultConsumer: 'guest' });
const consumers = `
permissions:
  read: { statement: [{ effect: allow, action: "invoke:*", resource: "*" }] }
  nothing: { statement: [{ effect: deny, action: "*", resource: "*" }] }
groups: { readers: { permissions: [read] }, suspended: { permissions: [nothing] } }
consumers:
  alice: { keys: [{ id: alice, secret: alice-secret }], permissions: [read] }
  guest: {}
`;

function rigOf(policies: string): TestPlane {
  const rig = new TestPlane();
  publishLimits(rig, configOf(shop(`    policies: ${policies}\n    routes: { a: { match: GET /a } }`, consumers)), 1);
  return rig;
}

t.test('groups that a token names bring what these groups may do, and may not', async (t) => {
  const rig = rigOf(`[{ auth: { any: [{ jwt: ${jwt} }] } }, permissions]`);
  const of = async (sub: string, groups: readonly string[]) =>
    (await ask(rig, `Bearer ${await tokenOf({ sub, groups })}`)).client.status;
  // 0: it went upstream.
  t.equal(await of('alice', []), 0);
  t.equal(await of('alice', ['suspended']), 403);
  t.equal(await of('alice', ['readers']), 0);
  t.equal(await of('eve', []), 403);
  t.equal(await of('eve', ['readers']), 0);
  t.equal(await of('eve', ['unknown']), 403);
  t.equal(await of('eve', ['readers', 'suspended']), 403, 'what denies wins');
});

t.test('also where a key is asked for, too', async (t) => {
  for (const all of [`[api-key, { jwt: ${jwt} }]`, `[{ jwt: ${jwt} }, api-key]`]) {
    const rig = rigOf(`[{ auth: { all: ${all} } }, permissions]`);
    const of = async (groups: readonly string[]) =>
      await ask(rig, `Bearer ${await tokenOf({ groups })}`, ['x-api-key', 'alice-secret']);
    t.equal((await of([])).client.status, 0);
    t.equal((await of(['suspended'])).client.status, 403);
  }
});

t.test('where no route asks for permissions, groups bring none', async (t) => {
  const rig = rigOf(`[{ auth: { any: [{ jwt: ${jwt} }] } }]`);
  const { client, x } = await ask(rig, `Bearer ${await tokenOf({ groups: ['suspended'] })}`);
  t.same([client.status, x.consumer?.permissions, x.consumer?.groups], [0, undefined, ['suspended']]);
});
