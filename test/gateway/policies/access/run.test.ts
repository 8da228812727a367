import t from 'tap';
import { configOf, issuesOf, shop } from '../../../control/config/read.ts';
import { TestPlane } from '../../../support/plane.ts';

const routes = '    routes: { any: { match: "ANY /orders" } }';
const consumer = (name: string, more = '') => `${name}: { keys: [{ id: ${name}, secret: ${name}-secret }]${more} }`;
const consumers = `consumers: { ${[
  consumer('alice', ', groups: [partners, testers]'),
  consumer('bob', ', groups: [readers]'),
  consumer('carol'),
].join(', ')} }`;

function textOf(access: string, auth = '{ auth: { any: [api-key] } }, '): string {
  return shop(`    policies: [${auth}{ access: ${access} }]\n${routes}`, consumers);
}

function planeOf(access: string, auth?: string): TestPlane {
  const plane = new TestPlane();
  plane.publish(configOf(textOf(access, auth)), 1);
  return plane;
}

/** Status per consumer; 0: it went upstream. */
function statuses(plane: TestPlane, method = 'GET'): readonly number[] {
  return ['alice', 'bob', 'carol', 'nobody'].map(
    (name) => plane.request(`${method} /orders`, { headers: ['x-api-key', `${name}-secret`] }).client.status,
  );
}

t.test('who is named or in a group may pass, and nobody else', async (t) => {
  t.same(statuses(planeOf('{ consumers: [carol] }')), [403, 403, 0, 401]);
  t.same(statuses(planeOf('{ groups: [testers, readers] }')), [0, 0, 403, 401]);
  t.same(statuses(planeOf('{ consumers: [carol], groups: [partners] }')), [0, 403, 0, 401]);
  const { client } = planeOf('{ consumers: [carol] }').request('GET /orders', { headers: ['x-api-key', 'bob-secret'] });
  t.equal(JSON.parse(client.body).code, 'FORBIDDEN');
});

t.test('a rule is for its methods only; of several, one suffices', async (t) => {
  const only = planeOf('{ groups: [partners], methods: [GET] }');
  t.same(statuses(only), [0, 403, 403, 401]);
  t.same(statuses(only, 'HEAD'), [0, 403, 403, 401]);
  t.same(statuses(only, 'POST'), [403, 403, 403, 401]);
  const several = planeOf(
    '{ any: [{ methods: [GET] }, { groups: [partners] }, { consumers: [carol], methods: [PUT] }] }',
  );
  t.same(statuses(several), [0, 0, 0, 401]);
  t.same(statuses(several, 'POST'), [0, 403, 403, 401]);
  t.same(statuses(several, 'PUT'), [0, 403, 0, 401]);
});

t.test('in shadow mode it only counts; behind an auth in shadow mode it passes over whom nobody knows', async (t) => {
  const plane = planeOf('{ consumers: [carol], mode: shadow }');
  const { x, client } = plane.request('GET /orders', { headers: ['x-api-key', 'bob-secret'] });
  t.same([client.status, x.shadowRejections], [0, ['FORBIDDEN@shop.access.1']]);
  const open = planeOf('{ consumers: [carol] }', '{ auth: { any: [api-key], mode: shadow } }, ');
  t.same(statuses(open), [403, 403, 0, 0]);
});

t.test('an explanation says who it was and which rule let it in', async (t) => {
  const plane = planeOf('{ any: [{ consumers: [carol] }, { groups: [partners] }] }');
  const factsOf = (name: string) => {
    const { x } = plane.request('GET /orders', { headers: ['x-api-key', `${name}-secret`] });
    return x.route?.steps[1]?.explain?.(x);
  };
  t.same(factsOf('alice'), { consumer: 'alice', groups: 'partners testers', rule: 2 });
  t.same(factsOf('bob'), { consumer: 'bob', groups: 'readers', rule: 'none' });
});

t.test('what cannot be meant is refused, with its place', async (t) => {
  const wrong: readonly (readonly [access: string, issue: RegExp])[] = [
    ['{}', /access: does nothing: it needs consumers, groups or methods/],
    ['{ any: [{}] }', /access.any\[0\]: does nothing/],
    ['{ any: [{ consumers: [bob] }], groups: [readers] }', /access: has a list any, or a rule of its own, not both/],
    ['{ consumers: [bop] }', /access.consumers\[0\]: there is no such consumer; .*bob/],
    ['{ any: [{ consumers: [bob] }, { consumers: [bob, dave] }] }', /access.any\[1\].consumers\[1\]: there is no such/],
    ['{ methods: [get] }', /access.methods\[0\]: is not valid/],
    ['{ groups: ["a b"] }', /access.groups\[0\]: is not valid/],
    ['{ groups: [partner] }', /access.groups\[0\]: .*no consumer is in this group.*partners/],
  ];
  for (const [access, issue] of wrong) {
    const issues = issuesOf(textOf(access));
    t.match(issues, [issue], access);
    t.equal(issues.length, 1, access);
  }
  t.match(issuesOf(textOf('{ consumers: [bob] }', '')), [/needs to know the consumer/]);
  t.ok(configOf(textOf('{ groups: [later] }')), 'a group that nobody is in yet is a warning');
});
