import t from 'tap';
import type { Exchange } from '../../../src/gateway/pipeline/exchange.ts';
import { configOf } from '../../control/config/read.ts';
import { answer, TestPlane } from '../../support/plane.ts';

/** One service with the route GET /orders before `main`; `v1`, `v2` and `v3` stand for other upstreams. */
function config(steer: string, service = '', route = '') {
  return configOf(`version: 1
upstreams:
  main: { targets: ["http://main"] }
  v1: { targets: ["http://v1"] }
  v2: { targets: ["http://v2"] }
  v3: { targets: ["http://v3"] }
consumers: { alice: { keys: [{ id: a, secret: alice-secret }, { id: b, secret: alice-second }] } }
services:
  shop:
    upstream: main
    steer: ${steer}
    ${service}
    routes:
      orders: { match: GET /orders${route} }
      items: { match: GET /items }
      mine: { match: GET /mine, policies: [{ auth: { any: [api-key] } }] }
`);
}

function planeOf(steer: string, route = ''): TestPlane {
  const plane = new TestPlane();
  plane.publish(config(steer, '', route), 1);
  return plane;
}

/** Where a request goes. */
function goesTo(plane: TestPlane, line: string, fields: Partial<Exchange> = {}): string {
  plane.request(line, fields);
  return (plane.sent.at(-1)?.origin ?? '').replace(/^http:\/\//, '');
}

/** Which of a thousand clients are taken, by their number. */
function taken(plane: TestPlane, fieldsOf: (client: number) => Partial<Exchange>): ReadonlySet<number> {
  return new Set(
    Array.from({ length: 1_000 }, (_, n) => n).filter((n) => goesTo(plane, 'GET /orders', fieldsOf(n)) !== 'main'),
  );
}

const byHeader = (client: number): Partial<Exchange> => ({ headers: ['x-client', `client ${client}`] });
const cookieOf = (headers: readonly string[]): string => headers[headers.indexOf('set-cookie') + 1] ?? '';

t.test('the first rule that takes a request says where it goes; without one it goes to the upstream', async (t) => {
  const plane = planeOf(`[{ when: "header.x-beta = '1'", upstream: v1 }, { when: "query.v >= 2", upstream: v2 }]`);
  t.equal(goesTo(plane, 'GET /orders'), 'main');
  t.equal(goesTo(plane, 'GET /orders?v=3'), 'v2');
  t.equal(goesTo(plane, 'GET /orders?v=3', { headers: ['x-beta', '1'] }), 'v1');
});

t.test('the exchange says which rule took it, by its name or its place', async (t) => {
  const plane = planeOf(`[{ name: beta, when: "query.v = 1", upstream: v1 }, { when: "query.v = 2", upstream: v2 }]`);
  const steered = ['', '?v=1', '?v=2'].map((query) => plane.request(`GET /orders${query}`).x.steered);
  t.same(steered, ['', 'beta', 'steer.2']);
});

t.test('a request that is steered is answered as any other', async (t) => {
  const plane = planeOf(`[{ when: "query.v = 1", upstream: v1 }]`);
  const { x, client } = plane.request('GET /orders?v=1');
  t.match(plane.sent[0]?.request, { method: 'GET', path: '/orders?v=1', headerLines: /^host: v1\r\n/ });
  answer(plane.sent[0], 'from v1');
  t.match(client, { status: 200, body: 'from v1' });
  t.equal(x.target?.origin, 'http://v1');
});

t.test('a share is taken of the requests that come to its rule, all of it or nothing at the ends', async (t) => {
  const count = (share: string) => taken(planeOf(`[{ share: ${share}, upstream: v1 }]`), () => ({})).size;
  t.equal(count('0%'), 0);
  t.equal(count('100%'), 1_000);
  // Six standard deviations.
  const quarter = count('25%');
  t.ok(Math.abs(quarter - 250) < 83, `${quarter}`);
});

t.test('a sticky share is about what it says, and those who are in 5 % are in 10 %', async (t) => {
  const of = (share: string) =>
    taken(planeOf(`[{ share: ${share}, upstream: v1, sticky: { by: header.X-Client } }]`), byHeader);
  const [five, ten, all] = [of('5%'), of('10%'), of('100%')];
  t.ok(Math.abs(five.size - 50) < 42, `${five.size}`);
  t.ok(Math.abs(ten.size - 100) < 57, `${ten.size}`);
  t.ok([...five].every((client) => ten.has(client)));
  t.equal(all.size, 1_000);
});

t.test('a sticky share is the same for each request, process and reload', async (t) => {
  const steer = '[{ share: 20%, upstream: v1, sticky: { by: header.x-client } }]';
  const plane = planeOf(steer);
  const first = taken(plane, byHeader);
  t.same(taken(plane, byHeader), first);
  plane.publish(config(steer, 'stripPath: true'), 2);
  t.same(taken(plane, byHeader), first);
  // Another process has another seed for its tables.
  t.same(taken(planeOf(steer), byHeader), first);
});

t.test('a rule of a service has the same lots on all its routes, another rule has others', async (t) => {
  const plane = planeOf(`[{ name: a, share: 30%, upstream: v1, sticky: { by: ip } }]`);
  const other = planeOf(`[{ name: b, share: 30%, upstream: v1, sticky: { by: ip } }]`);
  const addresses = Array.from({ length: 200 }, (_, n) => ({ peerAddress: `10.0.0.${n}` }));
  const lots = (from: TestPlane, line: string) => addresses.map((address) => goesTo(from, line, address));
  t.same(lots(plane, 'GET /orders'), lots(plane, 'GET /items'));
  t.notSame(lots(plane, 'GET /orders'), lots(other, 'GET /orders'));
});

t.test('a client that cannot be told from others is taken by no sticky rule', async (t) => {
  for (const by of ['consumer', 'header.x-client', 'query.client']) {
    const plane = planeOf(`[{ share: 99.999%, upstream: v1, sticky: { by: ${by} } }]`);
    for (let n = 0; n < 20; n++) t.equal(goesTo(plane, 'GET /orders', { headers: ['x-client', ''] }), 'main');
  }
});

t.test('a consumer keeps its lot, with whichever key and from wherever it calls', async (t) => {
  const steer = '[{ share: 50%, upstream: v1, sticky: { by: consumer } }]';
  const lots = ['alice-secret', 'alice-second', 'alice-secret'].map((key, n) =>
    goesTo(planeOf(steer), 'GET /mine', { headers: ['x-api-key', key], peerAddress: `10.0.0.${n}` }),
  );
  t.equal(new Set(lots).size, 1);
  t.ok(lots[0] === 'main' || lots[0] === 'v1');
  t.equal(goesTo(planeOf(steer.replace('50%', '100%')), 'GET /mine', { headers: ['x-api-key', 'alice-secret'] }), 'v1');
});

t.test('by cookie, a client without one gets one, and keeps its lot with it', async (t) => {
  const plane = planeOf(`[{ share: 50%, upstream: v1, sticky: { by: cookie, cookie: lot, maxAge: 1h } }]`);
  const seen = new Set<string>();
  for (let n = 0; n < 40; n++) {
    const { client } = plane.request('GET /orders');
    const { origin } = plane.sent.at(-1) as (typeof plane.sent)[number];
    answer(plane.sent.at(-1));
    const cookie = cookieOf(client.headers);
    t.match(cookie, /^lot=[A-Za-z0-9_-]{16}; Path=\/; Max-Age=3600; HttpOnly; SameSite=Lax$/);
    const headers = ['cookie', `other=1; ${cookie.split(';')[0]}`];
    const again = plane.request('GET /orders', { headers });
    t.equal(plane.sent.at(-1)?.origin, origin);
    answer(plane.sent.at(-1));
    t.notOk(again.client.headers.includes('set-cookie'));
    seen.add(origin);
  }
  t.equal(seen.size, 2);
});

t.test('a cookie that is none of ours is replaced; over https it is for https only', async (t) => {
  const plane = planeOf(`[{ share: 50%, upstream: v1, sticky: { by: cookie } }]`);
  for (const value of ['', 'short', 'x'.repeat(17), 'bad value 123456', `x${'"'.repeat(15)}`]) {
    const { client } = plane.request('GET /orders', { headers: ['cookie', `sluice-steer=${value}`], scheme: 'https' });
    answer(plane.sent.at(-1));
    t.match(cookieOf(client.headers), /^sluice-steer=[A-Za-z0-9_-]{16}; .*Max-Age=2592000; .*; Secure$/);
  }
});

t.test('one cookie serves all rules that ask for it, and is set once', async (t) => {
  const plane = planeOf(
    '[{ share: 0%, upstream: v1, sticky: { by: cookie } }, { share: 0%, upstream: v2, sticky: { by: cookie } }, { share: 100%, upstream: v3, sticky: { by: cookie, cookie: mine } }]',
  );
  const { client } = plane.request('GET /orders');
  answer(plane.sent.at(-1));
  const cookies = client.headers.filter((_, index) => client.headers[index - 1] === 'set-cookie');
  t.match(cookies, [/^sluice-steer=/, /^mine=/]);
  t.equal(cookies.length, 2);
});

t.test("a route's own list stands instead of its service's, an empty one for none", async (t) => {
  const service = '[{ share: 100%, upstream: v1 }]';
  t.equal(goesTo(planeOf(service), 'GET /orders'), 'v1');
  const own = planeOf(service, ', steer: [{ share: 100%, upstream: v2 }]');
  t.same([goesTo(own, 'GET /orders'), goesTo(own, 'GET /items')], ['v2', 'v1']);
  t.equal(goesTo(planeOf(service, ', steer: []'), 'GET /orders'), 'main');
});

t.test("a route with an upstream of its own has none of its service's rules, but may have its own", async (t) => {
  const service = '[{ share: 100%, upstream: v1 }]';
  t.equal(goesTo(planeOf(service, ', upstream: v2'), 'GET /orders'), 'v2');
  t.equal(goesTo(planeOf(service, ', upstream: v2, steer: [{ share: 100%, upstream: v3 }]'), 'GET /orders'), 'v3');
});

t.test('an exchange without rules sets no cookie and names no rule', async (t) => {
  const plane = planeOf('[]');
  const { x, client } = plane.request('GET /orders');
  answer(plane.sent[0]);
  t.same([x.steered, x.setCookies, client.headers.includes('set-cookie')], ['', '', false]);
});
