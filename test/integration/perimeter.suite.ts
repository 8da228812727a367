// cors, headers and request-guard end to end: what a browser, and everybody else, gets over a real socket.

import t from 'tap';
import { type Answer, type Engine, type Fixture, startFixture, tell, until } from './fixture.ts';

const SHOP = 'https://shop.example';

const config = (web: string) => `
upstreams:
  web: { targets: ["${web}"] }
  dead: { targets: ["http://127.0.0.1:1"] }
consumers:
  alice: { keys: [{ id: alice-1, secret: alice-secret }] }
services:
  shop:
    path: /shop
    upstream: web
    policies:
      - cors: { origins: ["${SHOP}", "https://*.shop.example"], credentials: true, exposeHeaders: [X-Request-Id], maxAge: 10m }
      - headers: { response: { remove: [x-internal], set: { x-served-by: sluice } }, security: true }
      - auth: { any: [api-key] }
      - rate-limit: { limit: 1000/s, by: consumer }
    routes:
      read: { match: "GET /orders/{id}" }
      write: { match: "POST /orders/{id}" }
      small: { match: POST /small, policies: [size: { body: 10B }] }
      limited: { match: GET /limited, policies: [rate-limit: { limit: 1/min, burst: 1, by: route }] }
  dead:
    path: /dead
    upstream: dead
    policies: [cors: { origins: ["${SHOP}"] }]
    routes: { any: { match: "ANY /{rest*}" } }
  open:
    path: /open
    upstream: web
    policies: [cors: { origins: ["*"], reject: false }]
    routes: { get: { match: GET /a } }
  plain:
    path: /plain
    upstream: web
    routes: { get: { match: GET /a }, own: { match: OPTIONS /own } }
  sockets:
    path: /sockets
    upstream: web
    policies: [cors: { origins: ["${SHOP}"], reject: true }]
    routes: { get: { match: GET /a, websocket: true } }
  guarded:
    path: /guarded
    upstream: web
    policies:
      - request-guard:
          headers: { required: [x-tenant], forbidden: [x-debug], match: { x-tenant: "^[a-z]+$" } }
          path: { forbidden: ["[.]php$"] }
          query: { parameters: 2, forbidden: ["<script"] }
          contentTypes: [application/json]
          userAgent: { deny: [evilbot] }
    routes: { any: { match: "ANY /{rest*}" } }
`;

export async function perimeterSuite(engine: Engine): Promise<void> {
  const f = await startFixture(t, engine, config);
  for (const path of ['/shop/orders/7', '/shop/small', '/shop/limited', '/open/a', '/plain/own', '/guarded/a']) {
    f.web.on(path, tell);
  }
  preflights(f);
  answers(f);
  guards(f);
}

const key = { 'x-api-key': 'alice-secret' };

function ask(f: Fixture, path: string, method: string, headers: Record<string, string> = {}): Promise<Answer> {
  const asked = { origin: SHOP, 'access-control-request-method': method, ...headers };
  return f.send(path, { method: 'OPTIONS', headers: asked });
}

function preflights(f: Fixture): void {
  t.test('a preflight is answered without key, route or upstream, and has no length', async (t) => {
    const before = f.web.paths.length;
    const answer = await ask(f, '/shop/orders/7', 'POST', { 'access-control-request-headers': 'x-api-key' });
    t.match(answer, {
      status: 204,
      text: '',
      headers: {
        'access-control-allow-origin': SHOP,
        'access-control-allow-credentials': 'true',
        'access-control-allow-methods': 'POST',
        'access-control-allow-headers': 'x-api-key',
        'access-control-max-age': '600',
        vary: 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers',
        'x-request-id': /./,
      },
    });
    t.notOk('content-length' in answer.headers || 'transfer-encoding' in answer.headers);
    t.equal(f.web.paths.length, before);
    const other = await ask(f, '/shop/orders/7', 'GET', { origin: 'https://evil.example' });
    t.equal(other.status, 204);
    t.notOk(Object.keys(other.headers).some((name) => name.startsWith('access-control-')));
    t.match((await ask(f, '/open/a', 'GET')).headers, {
      'access-control-allow-origin': '*',
      vary: /^Access-Control-Request-M/,
    });
  });

  t.test('the connection goes on behind it, also behind the body of one', async (t) => {
    const client = await f.open();
    const head = `OPTIONS /shop/orders/7 HTTP/1.1\r\nhost: a\r\norigin: ${SHOP}\r\naccess-control-request-method: GET\r\n`;
    client.send(`${head}\r\n${head}content-length: 5\r\n\r\nhello${head}\r\nGET /open/a HTTP/1.1\r\nhost: a\r\n\r\n`);
    await until(client, () => /HTTP\/1\.1 200 OK[\s\S]*"method":"GET"/.test(client.received));
    t.equal(client.received.match(/HTTP\/1\.1 204 No Content\r\n/g)?.length, 3);
  });

  t.test('what is no preflight, and what has no cors, goes on as ever', async (t) => {
    t.equal((await f.send('/shop/orders/7', { method: 'OPTIONS' })).status, 405);
    t.equal((await ask(f, '/plain/a', 'GET')).status, 405);
    t.match(await ask(f, '/plain/own', 'GET'), { status: 200, json: { method: 'OPTIONS' } });
    t.equal((await ask(f, '/nowhere', 'GET')).status, 404);
  });
}

function answers(f: Fixture): void {
  t.test("scripts may read answers, the gateway's own errors included; nothing is there twice", async (t) => {
    f.web.on('/shop/orders/9', (_req, res) => {
      res.writeHead(200, { 'access-control-allow-origin': '*', 'X-Internal': '1', Server: 'nginx', vary: 'Accept' });
      res.end('fine');
    });
    const origin = { origin: 'https://a.shop.example' };
    const fine = await f.send('/shop/orders/9', { headers: { ...key, ...origin } });
    t.match(fine, {
      status: 200,
      text: 'fine',
      headers: { 'x-served-by': 'sluice', 'access-control-expose-headers': 'X-Request-Id' },
    });
    t.notOk('x-internal' in fine.headers || 'server' in fine.headers);
    t.notOk('strict-transport-security' in fine.headers, 'over http');
    const unknown = await f.send('/shop/orders/9', { headers: origin });
    const long = await f.send('/shop/small', { method: 'POST', headers: { ...key, ...origin }, body: 'x'.repeat(11) });
    await f.send('/shop/limited', { headers: { ...key, ...origin } });
    const limited = await f.send('/shop/limited', { headers: { ...key, ...origin } });
    for (const [answer, status] of [
      [fine, 200],
      [unknown, 401],
      [long, 413],
      [limited, 429],
    ] as const) {
      t.equal(answer.status, status);
      const allowed = answer.rawHeaders.filter((_, at, all) =>
        /^access-control-allow-origin$/i.test(all[at - 1] ?? ''),
      );
      t.same(allowed, [origin.origin], `${status}`);
      t.equal(answer.headers['x-content-type-options'], 'nosniff', `${status}`);
      t.match(answer.headers.vary, /Origin/, `${status}`);
    }
    t.notOk('x-served-by' in unknown.headers);
    const dead = await f.send('/dead/a', { headers: { origin: SHOP } });
    t.match(dead, { status: 502, headers: { 'access-control-allow-origin': SHOP } });
    const head = await f.send('/shop/orders/9', { method: 'HEAD', headers: { ...key, origin: SHOP } });
    t.match(head, { status: 200, headers: { 'access-control-allow-origin': SHOP } });
  });

  t.test('another origin is answered without the headers, and with Vary', async (t) => {
    const answer = await f.send('/shop/orders/7', { headers: { ...key, origin: 'https://evil.example' } });
    t.equal(answer.status, 200);
    t.notOk('access-control-allow-origin' in answer.headers);
    t.match(answer.headers.vary, /Origin/);
  });

  t.test('with reject, pages of other origins open no WebSocket', async (t) => {
    const handshake = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' };
    const answer = await f.send('/sockets/a', {
      headers: { ...handshake, 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==', origin: 'https://evil.example' },
    });
    t.match(answer, { status: 403, json: { code: 'ORIGIN_REFUSED' } });
  });
}

function guards(f: Fixture): void {
  t.test('rules about the head: what breaks one goes no further', async (t) => {
    const tenant = { 'x-tenant': 'a' };
    const code = async (path: string, options: Parameters<Fixture['send']>[1]): Promise<string> => {
      const answer = await f.send(path, options);
      return answer.status === 200 ? '' : `${answer.status} ${answer.json.code}`;
    };
    const before = f.web.paths.length;
    const json = { method: 'POST', body: '{}' };
    t.equal(await code('/guarded/a', {}), '400 BAD_REQUEST');
    t.equal(await code('/guarded/a', { headers: { 'x-tenant': 'A' } }), '400 BAD_REQUEST');
    t.equal(await code('/guarded/a', { headers: { ...tenant, 'x-debug': '1' } }), '403 REQUEST_REFUSED');
    t.equal(await code('/guarded/a.%70hp', { headers: tenant }), '403 REQUEST_REFUSED');
    t.equal(await code('/guarded/a?x=%3Cscript', { headers: tenant }), '403 REQUEST_REFUSED');
    t.equal(await code('/guarded/a?x&y&z', { headers: tenant }), '414 URI_TOO_LONG');
    t.equal(await code('/guarded/a', { headers: { ...tenant, 'user-agent': 'EvilBot' } }), '403 REQUEST_REFUSED');
    t.equal(await code('/guarded/a', { ...json, headers: tenant }), '415 UNSUPPORTED_MEDIA_TYPE');
    t.equal(
      await code('/guarded/a', { ...json, headers: { ...tenant, 'content-type': 'text/xml' } }),
      '415 UNSUPPORTED_MEDIA_TYPE',
    );
    t.equal(f.web.paths.length, before);
    t.equal(await code('/guarded/a?x&y', { headers: tenant }), '');
    t.equal(await code('/guarded/a', { ...json, headers: { ...tenant, 'content-type': 'application/json' } }), '');
  });
}
