// Policies and routes end to end: who gets in, how often, in which order it is decided, and what the answers say of it.

import t from 'tap';
import { type Answer, type Engine, type Fixture, startFixture, tell } from './fixture.ts';

const config = (web: string) => `
upstreams:
  web: { targets: ["${web}"] }
permissions:
  read: { version: "2.0", statement: [{ effect: allow, action: [invoke:GET], resource: "qcs::apigw:*:uin/*:service/permitted/*" }] }
  near: { statement: { effect: deny, action: "*", resource: "*", condition: { NotIpAddress: { "sluice:sourceIp": 127.0.0.0/8 } } } }
  own: { statement: { effect: allow, action: "invoke:*", resource: "*", condition: { StringLike: { "sluice:path": "*/$\${sluice:consumer}/*" } } } }
groups:
  writers: { permissions: [near] }
consumers:
  alice: { keys: [{ id: alice-1, secret: alice-secret }, { id: alice-2, secret: alice-second }], permissions: [read] }
  bob: { keys: [{ id: bob-1, secret: bob-secret }], groups: [writers], permissions: [read, own] }
services:
  keyed:
    path: /keyed
    upstream: web
    policies: [{ auth: { any: [api-key] } }]
    routes:
      any: { match: "ANY /{rest*}" }
      consumer: { match: GET /consumer, policies: [{ rate-limit: { limit: 1/min, burst: 2, by: consumer } }] }
  limited:
    path: /limited
    upstream: web
    routes:
      ip: { match: GET /ip, policies: [{ rate-limit: { limit: 1/min, burst: 2, by: ip } }] }
      route: { match: GET /route, policies: [{ rate-limit: { limit: 1/min, burst: 2, by: route } }] }
      header: { match: GET /header, policies: [{ rate-limit: { limit: 1/min, burst: 1, by: header.X-Tenant } }] }
      two:
        match: GET /two
        policies:
          - rate-limit: { limit: 6000/min, burst: 100, by: ip }
          - rate-limit: { limit: 1/min, burst: 3, by: route }
  shared:
    path: /shared
    upstream: web
    policies: [{ rate-limit: { limit: 1/min, burst: 2, by: ip } }]
    routes: { a: { match: GET /a }, b: { match: GET /b } }
  ordered:
    path: /ordered
    upstream: web
    policies:
      - rate-limit: { limit: 1/min, burst: 2, by: consumer }
      - auth: { any: [api-key] }
      - rate-limit: { limit: 1/min, burst: 3, by: ip }
    routes: { any: { match: GET /x } }
  guarded:
    path: /guarded
    upstream: web
    policies:
      - ip: { allow: [127.0.0.0/8, 192.0.2.0/24, "2001:db8::/32"], deny: [192.0.2.66] }
      - method: { allow: [GET, POST] }
      - size: { body: 1KiB, query: 16B }
      - auth: { any: [api-key] }
      - access: { any: [{ methods: [GET] }, { groups: [writers] }] }
    routes: { any: { match: ANY /x } }
  permitted:
    path: /permitted
    upstream: web
    policies: [{ auth: { any: [api-key] } }, permissions]
    routes: { any: { match: "ANY /{rest*}" } }
  matched:
    path: /matched
    upstream: web
    routes:
      literal: { match: GET /orders/new, policies: [{ rate-limit: { limit: 1000/s, by: route } }] }
      param: { match: "GET /orders/{id}", policies: [{ rate-limit: { limit: 1000/s, by: route } }] }
      rest: { match: "GET /orders/{rest*}", policies: [{ rate-limit: { limit: 1000/s, by: route } }] }
      post: { match: "POST /orders/{id}" }
`;

export async function policiesSuite(engine: Engine): Promise<void> {
  const f = await startFixture(t, engine, config, '  trustedProxies: ["127.0.0.1"]');
  f.web.on('/keyed/x', tell);
  for (const path of ['/keyed/consumer', '/limited/ip', '/limited/route', '/limited/header', '/limited/two'])
    f.web.on(path, tell);
  for (const path of ['/shared/a', '/shared/b', '/ordered/x', '/guarded/x']) f.web.on(path, tell);
  for (const path of ['/permitted/x', '/permitted/bob/x', '/permitted/alice/x']) f.web.on(path, tell);
  keys(f);
  limits(f);
  order(f);
  perimeter(f);
  routes(f);
}

const alice = { 'x-api-key': 'alice-secret' };
const bob = { 'x-api-key': 'bob-secret' };

function keys(f: Fixture): void {
  t.test('without a key, or with one that nobody has, the answer is 401 and the upstream sees nothing', async (t) => {
    const before = f.web.paths.length;
    for (const headers of [
      {},
      { 'x-api-key': '' },
      { 'x-api-key': 'alice-secre' },
      { 'x-api-key': 'alice-1' },
      { authorization: 'alice-secret' },
    ]) {
      const answer = await f.send('/keyed/x', { headers });
      t.equal(answer.status, 401);
      t.match(answer.json, { type: /\/unauthenticated$/, status: 401, code: 'UNAUTHENTICATED' });
      t.equal(answer.headers['www-authenticate'], 'ApiKey realm="keyed"');
      t.notMatch(answer.text, 'alice');
    }
    t.equal(f.web.paths.length, before);
  });

  t.test('each key of a consumer lets it in, under its name', async (t) => {
    for (const [key, name] of [
      ['alice-secret', 'alice'],
      ['alice-second', 'alice'],
      ['bob-secret', 'bob'],
    ]) {
      const { status, json } = await f.send('/keyed/x', { headers: { 'x-api-key': key } });
      t.equal(status, 200);
      t.equal(json.headers['x-consumer-id'], name);
    }
  });
}

function limits(f: Fixture): void {
  const from = (client: string) => ({ headers: { 'x-forwarded-for': client } });

  function refused(t: { match: (...args: [unknown, object]) => unknown }, answer: Answer, name: string): void {
    t.match(answer, {
      status: 429,
      headers: {
        'retry-after': /^(?:[1-9]|[1-5]\d|60)$/,
        'content-type': 'application/problem+json',
        'ratelimit-policy': `"${name}";q=1;w=60`,
        ratelimit: new RegExp(`^"${name}";r=0;t=\\d+$`),
      },
      json: { type: /\/rate-limited$/, status: 429, code: 'RATE_LIMITED' },
    });
  }

  t.test('a limit by ip counts each client by itself', async (t) => {
    const first = await f.send('/limited/ip', from('9.9.9.1'));
    t.match(first, { status: 200, headers: { 'ratelimit-policy': '"limited.ip.rate-limit.1";q=1;w=60' } });
    t.match(first.headers['ratelimit'], /^"limited\.ip\.rate-limit\.1";r=1;t=\d+$/);
    t.notOk('retry-after' in first.headers);
    const second = await f.send('/limited/ip', from('9.9.9.1'));
    t.match(second.headers['ratelimit'], /;r=0;/);
    refused(t, await f.send('/limited/ip', from('9.9.9.1')), 'limited.ip.rate-limit.1');
    t.equal((await f.send('/limited/ip', from('9.9.9.2'))).status, 200);
    t.equal((await f.send('/limited/ip', from('9.9.9.2, 127.0.0.1'))).status, 200, 'the last that is no proxy');
    t.equal((await f.send('/limited/ip', from('9.9.9.3, 9.9.9.2'))).status, 429, 'what stands before is not believed');
  });

  t.test('a limit by route counts all clients together', async (t) => {
    t.equal((await f.send('/limited/route', from('9.9.9.1'))).status, 200);
    t.equal((await f.send('/limited/route', from('9.9.9.2'))).status, 200);
    refused(t, await f.send('/limited/route', from('9.9.9.3')), 'limited.route.rate-limit.1');
  });

  t.test('a limit by header counts each of its values, and none as one', async (t) => {
    const statusFor = async (headers: Record<string, string>) => (await f.send('/limited/header', { headers })).status;
    t.equal(await statusFor({ 'x-tenant': 'a' }), 200);
    t.equal(await statusFor({ 'x-tenant': 'b' }), 200);
    t.equal(await statusFor({}), 200);
    t.equal(await statusFor({ 'x-tenant': 'a' }), 429);
    t.equal(await statusFor({}), 429);
  });

  t.test('a limit by consumer counts all keys of one together', async (t) => {
    t.equal((await f.send('/keyed/consumer', { headers: alice })).status, 200);
    t.equal((await f.send('/keyed/consumer', { headers: { 'x-api-key': 'alice-second' } })).status, 200);
    refused(t, await f.send('/keyed/consumer', { headers: alice }), 'keyed.consumer.rate-limit.1');
    t.equal((await f.send('/keyed/consumer', { headers: bob })).status, 200);
  });

  t.test("a service's limit is one for all its routes", async (t) => {
    t.equal((await f.send('/shared/a')).status, 200);
    t.equal((await f.send('/shared/b')).status, 200);
    t.equal((await f.send('/shared/a')).status, 429);
    t.equal((await f.send('/shared/b')).status, 429);
  });

  t.test('of two limits the answer names both, and tells of the tighter', async (t) => {
    const { headers } = await f.send('/limited/two');
    t.equal(headers['ratelimit-policy'], '"limited.two.rate-limit.1";q=6000;w=60, "limited.two.rate-limit.2";q=1;w=60');
    t.match(headers['ratelimit'], /^"limited\.two\.rate-limit\.2";r=2;t=\d+$/);
  });

  t.test("the upstream's own rate limit headers do not reach the client", async (t) => {
    f.web.on('/keyed/y', (_req, res) => res.writeHead(200, { ratelimit: '"x";r=1', 'ratelimit-policy': '"x"' }).end());
    const { headers } = await f.send('/keyed/y', { headers: alice });
    t.notOk('ratelimit' in headers || 'ratelimit-policy' in headers);
  });
}

function order(f: Fixture): void {
  t.test('limits by ip come before authentication, limits by consumer after it, as written or not', async (t) => {
    const statuses: number[] = [];
    // Three from this address: two without a key (401), one with (200); the fourth is over the limit by ip.
    for (const headers of [{}, {}, alice, alice]) statuses.push((await f.send('/ordered/x', { headers })).status);
    t.same(statuses, [401, 401, 200, 429]);
    // A refusal for want of a key has cost alice nothing: from another address one more is admitted, and no third.
    const elsewhere = { ...alice, 'x-forwarded-for': '9.9.9.9' };
    t.equal((await f.send('/ordered/x', { headers: elsewhere })).status, 200);
    const answer = await f.send('/ordered/x', { headers: elsewhere });
    t.equal(answer.status, 429);
    t.match(answer.headers['ratelimit'], /^"ordered\.rate-limit\.1";r=0;/);
  });
}

function perimeter(f: Fixture): void {
  const from = (client: string, headers = bob) => ({ headers: { ...headers, 'x-forwarded-for': client } });

  t.test('addresses, methods and sizes are asked before keys, and consumers behind them', async (t) => {
    const told = async (target: string, options: Parameters<Fixture['send']>[1]) => {
      const { status, json } = await f.send(target, options);
      return [status, json?.code];
    };
    const nobody = { 'x-api-key': 'nobody-secret' };
    t.same(await told('/guarded/x', from('192.0.2.66', nobody)), [403, 'IP_DENIED']);
    t.same(await told('/guarded/x', from('198.51.100.1', nobody)), [403, 'IP_DENIED']);
    t.same(await told('/guarded/x', { method: 'PUT', headers: nobody }), [405, 'METHOD_NOT_ALLOWED']);
    t.same(await told(`/guarded/x?${'q'.repeat(17)}`, { headers: nobody }), [414, 'URI_TOO_LONG']);
    t.same(await told('/guarded/x', from('2001:DB8:0::1', nobody)), [401, 'UNAUTHENTICATED']);
    t.same(await told('/guarded/x', { method: 'POST', headers: alice }), [403, 'FORBIDDEN']);
    for (const options of [from('192.0.2.1'), from('::ffff:192.0.2.1', alice), { method: 'POST', headers: bob }]) {
      t.equal((await f.send('/guarded/x', options)).status, 200);
    }
  });

  t.test('who is calling may do what its permissions and those of its groups say', async (t) => {
    const told = async (target: string, options: Parameters<Fixture['send']>[1]) => {
      const answer = await f.send(`/permitted${target}`, options);
      return answer.status === 200 ? 200 : `${answer.status} ${answer.json?.code}`;
    };
    t.equal(await told('/x', { headers: alice }), 200);
    t.equal(await told('/x', { method: 'HEAD', headers: alice }), 200);
    t.equal(await told('/x', { method: 'POST', headers: alice }), '403 FORBIDDEN');
    t.equal(await told('/bob/x', { method: 'POST', headers: bob }), 200);
    t.equal(await told('/alice/x', { method: 'POST', headers: bob }), '403 FORBIDDEN');
    t.equal(await told('/x', from('192.0.2.1')), '403 FORBIDDEN', 'what denies wins');
    t.equal(await told('/x', from('192.0.2.1', alice)), 200);
    t.equal(await told('/x', {}), '401 UNAUTHENTICATED');
  });

  t.test('a body is refused by its length, and cut off where it does not say one', async (t) => {
    const post = (body: Buffer, headers = {}) =>
      f.send('/guarded/x', { method: 'POST', headers: { ...bob, ...headers }, body });
    for (const headers of [{}, { 'transfer-encoding': 'chunked' }]) {
      t.equal((await post(Buffer.alloc(1024), headers)).status, 200);
      const { status, json } = await post(Buffer.alloc(1025), headers);
      t.match([status, json], [413, { code: 'BODY_TOO_LARGE' }]);
    }
  });
}

function routes(f: Fixture): void {
  const limitOf = async (path: string) => String((await f.send(path)).headers['ratelimit-policy']).split(';')[0];

  t.test('a literal comes before a parameter, and that before the rest', async (t) => {
    t.equal(await limitOf('/matched/orders/new'), '"matched.literal.rate-limit.1"');
    t.equal(await limitOf('/matched/orders/7'), '"matched.param.rate-limit.1"');
    t.equal(await limitOf('/matched/orders/7/items'), '"matched.rest.rate-limit.1"');
    t.equal(await limitOf('/matched/orders/new/items'), '"matched.rest.rate-limit.1"');
    t.equal(await limitOf('/matched/x/../orders//new'), '"matched.literal.rate-limit.1"');
  });

  t.test('HEAD is served by the route of GET', async (t) => {
    f.web.on('/matched/orders/7', (req, res) => res.writeHead(200, { 'x-method': req.method }).end());
    const answer = await f.send('/matched/orders/7', { method: 'HEAD' });
    t.equal(answer.headers['x-method'], 'HEAD');
    t.match(answer.headers['ratelimit-policy'], 'matched.param');
  });

  t.test('a method that the path does not have is answered 405 with those it has', async (t) => {
    const answer = await f.send('/matched/orders/7', { method: 'DELETE' });
    t.equal(answer.status, 405);
    t.equal(answer.headers.allow, 'GET, HEAD, POST');
    t.match(answer.json, { status: 405, code: 'METHOD_NOT_ALLOWED' });
    t.equal(answer.headers['content-type'], 'application/problem+json');
  });

  t.test('a path that no route has is answered 404, and its HEAD without a body', async (t) => {
    const answer = await f.send('/nowhere');
    t.equal(answer.status, 404);
    t.match(answer.json, {
      type: /\/no-route$/,
      status: 404,
      code: 'NO_ROUTE',
      requestId: answer.headers['x-request-id'],
    });
    const head = await f.send('/nowhere', { method: 'HEAD' });
    t.match(head, { status: 404, text: '' });
    t.ok(Number(head.headers['content-length']) > 100);
  });
}
