import { SignJWT } from 'jose';
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

t.test('claims are needed each, with one of the values that stand there', async (t) => {
  const claimed = (name: string, claims: string) => consumer(name, `, claims: ${claims}`);
  const people = [
    claimed('alice', '{ tenant: acme, role: admin, mail: alice@acme.example }'),
    claimed('bob', '{ tenant: acme, role: reader, mail: bob@else.example }'),
    consumer('carol'),
  ];
  const of = (access: string) => {
    const plane = new TestPlane();
    const policies = `    policies: [{ auth: { any: [api-key] } }, { access: ${access} }]`;
    plane.publish(configOf(shop(`${policies}\n${routes}`, `consumers: { ${people.join(', ')} }`)), 1);
    return statuses(plane);
  };
  t.same(of('{ claims: { tenant: acme } }'), [0, 0, 403, 401]);
  t.same(of('{ claims: { tenant: acme, role: [admin, owner] } }'), [0, 403, 403, 401]);
  t.same(of('{ claims: { mail: "*@acme.example" } }'), [0, 403, 403, 401]);
  t.same(of('{ claims: { role: "?????" } }'), [0, 403, 403, 401]);
  t.same(of('{ claims: { constructor: "*" } }'), [403, 403, 403, 401], 'only what is its own');
  t.same(of('{ consumers: [bob, carol], claims: { tenant: "*" } }'), [403, 0, 403, 401], 'all that is said must hold');
  t.same(of('{ any: [{ consumers: [carol] }, { claims: { role: admin } }] }'), [0, 403, 0, 401]);
});

t.test("scopes are those of the caller's token: one of them, or all", async (t) => {
  const secret = 's'.repeat(32);
  const jwt = `{ auth: { any: [api-key, { jwt: { issuer: any, audience: any, secret: ${secret} } }] } }, `;
  const sign = (claims: object) =>
    new SignJWT({ sub: 'alice', exp: Math.floor(Date.now() / 1_000) + 60, ...claims })
      .setProtectedHeader({ alg: 'HS256' })
      .sign(new TextEncoder().encode(secret));
  const tokens = [{ scope: 'read' }, { scope: 'write read' }, { scp: ['write', 7] }, { scope: 'readwrite' }, {}];
  const of = async (scopes: string) => {
    const plane = planeOf(`{ scopes: ${scopes} }`, jwt);
    const answers: number[] = [];
    for (const claims of tokens) {
      const { x, client } = plane.request('GET /orders', {
        headers: ['authorization', `Bearer ${await sign(claims)}`],
      });
      while (client.status === 0 && x.target === undefined) await new Promise(setImmediate);
      answers.push(client.status);
    }
    const withKey = plane.request('GET /orders', { headers: ['x-api-key', 'alice-secret'] }).client.status;
    return [...answers, withKey];
  };
  t.same(await of('[read, write]'), [0, 0, 0, 403, 403, 403]);
  t.same(await of('{ all: [read, write] }'), [403, 0, 403, 403, 403, 403]);
});

t.test('times are those of the zone, asked whenever a minute is over', async (t) => {
  const at = (access: string) => {
    const plane = planeOf(access);
    return (time: string) => {
      plane.wallMs = () => Date.parse(time);
      return plane.request('GET /orders', { headers: ['x-api-key', 'carol-secret'] }).client.status;
    };
  };
  const office = at('{ times: { days: [mon, fri], hours: "08:00-18:00", timeZone: Europe/Berlin } }');
  // 2026-05-01 is a Friday; Berlin is two hours ahead of UTC, and one in winter.
  const around = ['2026-05-01T05:59:59Z', '2026-05-01T06:00:00Z', '2026-05-01T15:59:59Z', '2026-05-01T16:00:00Z'];
  t.same(around.map(office), [403, 0, 0, 403]);
  t.same(['2026-05-02T10:00:00Z', '2026-05-04T10:00:00Z', '2026-01-02T06:30:00Z'].map(office), [403, 0, 403]);
  const night = at('{ times: { days: [fri], hours: "22:00-06:00" } }');
  const hours = ['2026-05-01T05:00:00Z', '2026-05-01T22:00:00Z', '2026-05-02T05:59:00Z', '2026-05-02T22:00:00Z'];
  t.same(hours.map(night), [403, 0, 0, 403], 'a night belongs to the day on which it begins');
  const dates = at('{ times: [{ from: 2026-05-01, until: 2026-05-02 }, { from: 2026-06-01, hours: "00:00-24:00" }] }');
  const days = ['2026-04-30T23:59:59Z', '2026-05-01T00:00:00Z', '2026-05-02T23:59:59Z', '2026-05-03T00:00:00Z'];
  t.same([...days, '2030-01-01'].map(dates), [403, 0, 0, 403, 0]);
});

t.test("without a zone of their own, times are those of the gateway's", async (t) => {
  const text = textOf('{ times: { days: [sat] } }').replace(
    'version: 1',
    'version: 1\ngateway: { timeZone: Asia/Tokyo }',
  );
  const plane = new TestPlane();
  plane.publish(configOf(text), 1);
  plane.wallMs = () => Date.parse('2026-05-01T15:00:00Z');
  t.equal(plane.request('GET /orders', { headers: ['x-api-key', 'carol-secret'] }).client.status, 0);
});

t.test('what cannot be meant is refused, with its place', async (t) => {
  const wrong: readonly (readonly [access: string, issue: RegExp])[] = [
    ['{}', /access: does nothing: it needs consumers, groups, methods, scopes, claims or times/],
    ['{ any: [{}] }', /access.any\[0\]: does nothing/],
    ['{ any: [{ consumers: [bob] }], groups: [readers] }', /access: has a list any, or a rule of its own, not both/],
    ['{ consumers: [bop] }', /access.consumers\[0\]: there is no such consumer; .*bob/],
    ['{ any: [{ consumers: [bob] }, { consumers: [bob, dave] }] }', /access.any\[1\].consumers\[1\]: there is no such/],
    ['{ methods: [get] }', /access.methods\[0\]: is not valid/],
    ['{ groups: ["a b"] }', /access.groups\[0\]: is not valid/],
    ['{ scopes: [] }', /access.scopes: is not valid/],
    ['{ scopes: ["a b"] }', /access.scopes\[0\]: is not valid; expected a scope/],
    ['{ claims: {} }', /access.claims: has 0 claims/],
    ['{ claims: { tenant: [] } }', /access.claims.tenant: is not valid/],
    ['{ times: {} }', /access.times: does nothing: it needs days, hours, from or until/],
    ['{ times: [{ days: [monday] }] }', /access.times\[0\].days\[0\]: is not valid/],
    ['{ times: { hours: "8-18" } }', /access.times.hours: is not valid; expected hours such as/],
    ['{ times: { hours: "24:00-06:00" } }', /access.times.hours: is not valid/],
    ['{ times: { hours: "08:00-08:00" } }', /access.times.hours: is not valid/],
    ['{ times: { from: 2026-02-30 } }', /access.times.from: is not valid; expected a date/],
    ['{ times: { from: 2026-05-02, until: 2026-05-01 } }', /access.times.until: is before from/],
    ['{ times: { hours: "08:00-18:00", timeZone: Mars } }', /access.times.timeZone: is not valid/],
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
