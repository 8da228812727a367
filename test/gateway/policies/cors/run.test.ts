// The CORS protocol by the Fetch standard: preflights, actual requests, and what of both depends on the origin.

import fc from 'fast-check';
import t from 'tap';
import { issuesOf, shop } from '../../../control/config/read.ts';
import { headOf } from '../../../support/header-lines.ts';
import { answer } from '../../../support/plane.ts';
import { corsPlane as planeOf, preflightOf, valuesOf } from './cors-rig.ts';

const SHOP = 'https://shop.example';

interface Row {
  readonly says: string;
  readonly cors: string;
  readonly origin: string;
  /** Of the answer; undefined: there is none. */
  readonly allowed: string | undefined;
  readonly vary: string | undefined;
}

const rows: readonly Row[] = [
  { says: 'one on the list', cors: `origins: ["${SHOP}"]`, origin: SHOP, allowed: SHOP, vary: 'Origin' },
  { says: 'another', cors: `origins: ["${SHOP}"]`, origin: 'https://x.example', allowed: undefined, vary: 'Origin' },
  {
    says: 'another scheme',
    cors: `origins: ["${SHOP}"]`,
    origin: 'http://shop.example',
    allowed: undefined,
    vary: 'Origin',
  },
  { says: 'another port', cors: `origins: ["${SHOP}"]`, origin: `${SHOP}:8443`, allowed: undefined, vary: 'Origin' },
  {
    says: 'another case',
    cors: `origins: ["${SHOP}"]`,
    origin: 'https://SHOP.example',
    allowed: undefined,
    vary: 'Origin',
  },
  {
    says: 'a longer one',
    cors: `origins: ["${SHOP}"]`,
    origin: `${SHOP}.evil.example`,
    allowed: undefined,
    vary: 'Origin',
  },
  { says: 'none', cors: `origins: ["${SHOP}"]`, origin: '', allowed: undefined, vary: 'Origin' },
  { says: 'null, not listed', cors: `origins: ["${SHOP}"]`, origin: 'null', allowed: undefined, vary: 'Origin' },
  { says: 'null, listed', cors: 'origins: ["null"]', origin: 'null', allowed: 'null', vary: 'Origin' },
  { says: 'any', cors: 'origins: ["*"]', origin: 'https://x.example', allowed: '*', vary: undefined },
  { says: 'any, and none sent', cors: 'origins: ["*"]', origin: '', allowed: '*', vary: undefined },
  {
    says: 'a subdomain',
    cors: 'origins: ["https://*.shop.example"]',
    origin: 'https://a.b.shop.example',
    allowed: 'https://a.b.shop.example',
    vary: 'Origin',
  },
  {
    says: 'the domain itself is no subdomain',
    cors: 'origins: ["https://*.shop.example"]',
    origin: SHOP,
    allowed: undefined,
    vary: 'Origin',
  },
  {
    says: 'a subdomain on another port',
    cors: 'origins: ["https://*.shop.example"]',
    origin: 'https://a.shop.example:8443',
    allowed: undefined,
    vary: 'Origin',
  },
  {
    says: 'what only ends like one',
    cors: 'origins: ["https://*.shop.example"]',
    origin: 'https://evil.example/.shop.example',
    allowed: undefined,
    vary: 'Origin',
  },
  {
    says: 'a regular expression',
    cors: "origins: [{ regex: 'https://pr-[0-9]+[.]shop[.]example' }]",
    origin: 'https://pr-7.shop.example',
    allowed: 'https://pr-7.shop.example',
    vary: 'Origin',
  },
  {
    says: 'a regular expression takes whole origins',
    cors: "origins: [{ regex: 'https://pr-[0-9]+[.]shop[.]example' }]",
    origin: 'https://pr-7.shop.example.evil.example',
    allowed: undefined,
    vary: 'Origin',
  },
  {
    says: 'an alternative, too',
    cors: "origins: [{ regex: 'https://a[.]example|https://b[.]example' }]",
    origin: 'https://b.example:1',
    allowed: undefined,
    vary: 'Origin',
  },
  {
    says: 'an app',
    cors: 'origins: ["capacitor://localhost"]',
    origin: 'capacitor://localhost',
    allowed: 'capacitor://localhost',
    vary: 'Origin',
  },
  {
    says: 'ports of schemes and letters are as browsers write them',
    cors: 'origins: ["HTTPS://Shop.Example:443"]',
    origin: SHOP,
    allowed: SHOP,
    vary: 'Origin',
  },
];

t.test(
  'an actual request gets the headers if its origin is allowed, and Vary wherever that depends on it',
  async (t) => {
    for (const { says, cors, origin, allowed, vary } of rows) {
      const plane = planeOf(cors);
      const headers = origin === '' ? [] : ['origin', origin];
      const { client } = plane.request('GET /orders', { headers });
      answer(plane.sent[0]);
      t.equal(client.status, 200, says);
      t.same(valuesOf(client, 'access-control-allow-origin'), allowed === undefined ? [] : [allowed], says);
      t.same(valuesOf(client, 'vary'), vary === undefined ? [] : [vary], says);
    }
  },
);

t.test(
  'a preflight gets the same of its origin, is answered 204 by the gateway, and never reaches the upstream',
  async (t) => {
    for (const { says, cors, origin, allowed } of rows.filter((row) => row.origin !== '')) {
      const plane = planeOf(cors);
      const { client } = preflightOf(plane, origin, 'GET');
      t.same([client.status, client.body, plane.sent.length], [204, '', 0], says);
      t.same(valuesOf(client, 'access-control-allow-origin'), allowed === undefined ? [] : [allowed], says);
      t.same(valuesOf(client, 'access-control-allow-methods'), allowed === undefined ? [] : ['GET, HEAD'], says);
      t.match(valuesOf(client, 'vary'), [/Access-Control-Request-Method, Access-Control-Request-Headers/], says);
      t.equal(/Origin/.test(valuesOf(client, 'vary').join()), !cors.includes('"*"'), says);
      t.same(valuesOf(client, 'content-length'), [], says);
    }
  },
);

t.test('a preflight says what is allowed, whatever it asks for; methods are told apart by case', async (t) => {
  const plane = planeOf(`origins: ["${SHOP}"], methods: [GET, PATCH], headers: [X-A, content-type], maxAge: 10m`);
  for (const method of ['GET', 'PATCH', 'patch', 'DELETE', 'GARBAGE']) {
    const { client } = preflightOf(plane, SHOP, method, 'x-b');
    t.equal(client.status, 204, method);
    t.same(valuesOf(client, 'access-control-allow-methods'), ['GET, HEAD, PATCH'], method);
    t.same(valuesOf(client, 'access-control-allow-headers'), ['X-A, content-type'], method);
    t.same(valuesOf(client, 'access-control-max-age'), ['600'], method);
  }
  t.same(valuesOf(preflightOf(planeOf('origins: ["*"]'), SHOP, 'GET').client, 'access-control-max-age'), []);
  t.same(valuesOf(preflightOf(planeOf('origins: ["*"], maxAge: 0'), SHOP, 'GET').client, 'access-control-max-age'), [
    '0',
  ]);
});

t.test('without methods they are those of the route that is asked for, and never of another one', async (t) => {
  const routes = `    routes:
      read: { match: GET /orders }
      write: { match: POST /orders, policies: [cors: { origins: ["https://admin.example"] }] }
      any: { match: "ANY /any" }
      put: { match: PUT /any, policies: [cors: { origins: ["https://admin.example"] }] }`;
  const plane = planeOf(`origins: ["${SHOP}"]`, routes);
  const told = (path: string, method: string, origin = SHOP) => {
    const { client } = preflightOf(plane, origin, method, '', path);
    return [client.status, ...valuesOf(client, 'access-control-allow-methods')];
  };
  t.same(told('/orders', 'GET'), [204, 'GET, HEAD']);
  t.same(told('/orders', 'HEAD'), [204, 'GET, HEAD']);
  t.same(told('/orders', 'POST'), [204], "the route's own takes the place of its service's");
  t.same(told('/orders', 'POST', 'https://admin.example'), [204, 'POST']);
  t.same(told('/any', 'DELETE'), [204, 'DELETE']);
  t.same(told('/any', 'PUT'), [204]);
  t.same(told('/any', 'PUT', 'https://admin.example'), [204, 'PUT']);
});

t.test('with credentials nothing is a *: headers are those that are asked for, and the answer says so', async (t) => {
  const plane = planeOf(`origins: ["${SHOP}"], credentials: true, exposeHeaders: [X-Request-Id, RateLimit]`);
  const { client } = preflightOf(plane, SHOP, 'GET', 'authorization,x-token');
  t.same(valuesOf(client, 'access-control-allow-credentials'), ['true']);
  t.same(valuesOf(client, 'access-control-allow-headers'), ['authorization,x-token']);
  t.same(valuesOf(client, 'access-control-expose-headers'), []);
  for (const asked of ['a b', 'a,,b', 'x'.repeat(5_000), 'a;b']) {
    t.same(
      valuesOf(preflightOf(plane, SHOP, 'GET', asked).client, 'access-control-allow-headers'),
      [],
      asked.slice(0, 9),
    );
  }
  const actual = plane.request('GET /orders', { headers: ['origin', SHOP] });
  answer(plane.sent[0]);
  t.same(valuesOf(actual.client, 'access-control-allow-credentials'), ['true']);
  t.same(valuesOf(actual.client, 'access-control-expose-headers'), ['X-Request-Id, RateLimit']);
  t.same(valuesOf(actual.client, 'access-control-allow-methods'), []);
});

t.test('without credentials * is said as it is, with Authorization, which it does not cover', async (t) => {
  const { client } = preflightOf(planeOf('origins: ["*"], exposeHeaders: ["*"]'), SHOP, 'GET', 'x-a');
  t.same(valuesOf(client, 'access-control-allow-headers'), ['*, Authorization']);
  t.same(valuesOf(client, 'access-control-allow-credentials'), []);
  t.same(
    valuesOf(
      preflightOf(planeOf('origins: ["*"], headers: []'), SHOP, 'GET', 'x-a').client,
      'access-control-allow-headers',
    ),
    [],
  );
});

t.test('private networks are told of where they are asked for and allowed', async (t) => {
  const ask = (cors: string, value = 'true') => {
    const headers = ['origin', SHOP, 'access-control-request-method', 'GET'];
    const plane = planeOf(`origins: ["${SHOP}"]${cors}`);
    return plane.request('OPTIONS /orders', { headers: [...headers, 'access-control-request-private-network', value] })
      .client;
  };
  t.same(valuesOf(ask(', privateNetwork: true'), 'access-control-allow-private-network'), ['true']);
  t.match(valuesOf(ask(', privateNetwork: true'), 'vary'), [/Access-Control-Request-Private-Network$/]);
  t.same(valuesOf(ask(''), 'access-control-allow-private-network'), []);
  t.same(valuesOf(ask(', privateNetwork: true', 'false'), 'access-control-allow-private-network'), []);
});

t.test('a preflight comes before 405, auth and limits; what is none goes on as ever', async (t) => {
  const guards = 'method: { allow: [GET] }, auth: { any: [api-key] }, rate-limit: { limit: 1/min, burst: 1, by: ip }';
  const plane = planeOf(`origins: ["${SHOP}"]`, undefined, guards);
  for (let n = 0; n < 3; n++) t.equal(preflightOf(plane, SHOP, 'GET').client.status, 204);
  const headers = ['origin', SHOP];
  const refused = plane.request('GET /orders', { headers }).client;
  t.same([refused.status, JSON.parse(refused.body).code], [401, 'UNAUTHENTICATED']);
  t.same(valuesOf(refused, 'access-control-allow-origin'), [SHOP], "the gateway's own refusals can be read");
  const limited = plane.request('GET /orders', { headers }).client;
  t.same([limited.status, ...valuesOf(limited, 'access-control-allow-origin')], [429, SHOP]);
  const plain = plane.request('OPTIONS /orders', { headers }).client;
  t.same(
    [plain.status, JSON.parse(plain.body).code],
    [405, 'METHOD_NOT_ALLOWED'],
    'without the method that it asks for',
  );
  const asked = ['access-control-request-method', 'GET'];
  t.equal(plane.request('OPTIONS /orders', { headers: asked }).client.status, 405, 'without an origin');
  t.equal(plane.request('OPTIONS /nowhere', { headers: [...headers, ...asked] }).client.status, 404);
});

t.test('addresses that are not let in get no preflight', async (t) => {
  const plane = planeOf(`origins: ["${SHOP}"]`, undefined, 'ip: { deny: [192.0.2.1] }');
  const { client } = preflightOf(plane, SHOP, 'GET');
  t.same([client.status, JSON.parse(client.body).code], [403, 'IP_DENIED']);
});

t.test('a route without cors, and one in shadow mode, answer OPTIONS as if there were no such policy', async (t) => {
  const routes = '    routes: { a: { match: GET /orders }, b: { match: OPTIONS /own } }';
  const shadowed = planeOf(`origins: ["${SHOP}"], reject: true, mode: shadow`, routes);
  t.equal(preflightOf(shadowed, SHOP, 'GET').client.status, 405);
  const { x, client } = shadowed.request('GET /orders', { headers: ['origin', 'https://x.example'] });
  answer(shadowed.sent[0]);
  t.same([client.status, x.shadowRejections], [200, ['ORIGIN_REFUSED@shop.cors.1']]);
  t.same(valuesOf(client, 'vary'), []);
  const other = planeOf(
    `origins: ["${SHOP}"]`,
    '    routes: { a: { match: GET /orders }, b: { match: OPTIONS /own } }',
  );
  t.equal(preflightOf(other, SHOP, 'PUT', '', '/own').client.status, 204, 'of the only route that the path has');
});

t.test('with reject, other origins are refused, preflights included; its own host is no other', async (t) => {
  const plane = planeOf(`origins: ["${SHOP}"], reject: true`, undefined, 'headers: { security: true }');
  const send = (origin: string) =>
    plane.request('GET /orders', { headers: ['origin', origin], authority: 'api.example' });
  const refused = send('https://x.example').client;
  t.same([refused.status, JSON.parse(refused.body).code], [403, 'ORIGIN_REFUSED']);
  t.same(valuesOf(refused, 'access-control-allow-origin'), []);
  t.equal(send('null').client.status, 403);
  t.equal(send('https://api.example').client.status, 0);
  t.equal(send(SHOP).client.status, 0);
  t.equal(plane.request('GET /orders').client.status, 0, 'without an origin');
  t.equal(preflightOf(plane, 'https://x.example', 'GET').client.status, 403);
  t.equal(plane.sent.length, 3);
});

t.test("the upstream's own CORS headers are not passed on, and its Vary is", async (t) => {
  const plane = planeOf(`origins: ["${SHOP}"]`);
  const { client } = plane.request('GET /orders', { headers: ['origin', SHOP] });
  const own = [
    'Access-Control-Allow-Origin',
    '*',
    'access-control-expose-headers',
    'X-A',
    'ACCESS-CONTROL-MAX-AGE',
    '1',
  ];
  plane.sent[0]?.handler.onHead(
    headOf(200, ['vary', 'Accept', ...own, 'x-kept', '1', 'access-control-allow-methodx', 'y']),
  );
  plane.sent[0]?.handler.onEnd();
  t.same(valuesOf(client, 'access-control-allow-origin'), [SHOP]);
  t.same(valuesOf(client, 'access-control-expose-headers'), []);
  t.same(valuesOf(client, 'access-control-max-age'), []);
  t.same(valuesOf(client, 'vary').sort(), ['Accept', 'Origin']);
  t.same([...valuesOf(client, 'x-kept'), ...valuesOf(client, 'access-control-allow-methodx')], ['1', 'y']);
});

t.test('two Origin headers are no origin of the list', async (t) => {
  const plane = planeOf(`origins: ["${SHOP}"]`);
  const { client } = plane.request('GET /orders', { headers: ['origin', SHOP, 'origin', SHOP] });
  answer(plane.sent[0]);
  t.same([valuesOf(client, 'access-control-allow-origin'), valuesOf(client, 'vary')], [[], ['Origin']]);
});

t.test('an explanation says what became of the origin', async (t) => {
  const plane = planeOf(`origins: ["${SHOP}"]`);
  for (const [origin, said] of [
    [SHOP, 'allowed'],
    ['https://x.example', 'not allowed'],
    ['', 'none'],
  ] as const) {
    const { x } = plane.request('GET /orders', { headers: origin === '' ? [] : ['origin', origin] });
    t.same(x.route?.steps[0]?.explain?.(x), { origin: said });
  }
});

const originOf = fc.constantFrom(
  SHOP,
  'https://a.shop.example',
  'null',
  'https://x.example',
  'HTTPS://shop.example',
  '*',
  'a b',
);

t.test(
  'whatever is configured, sent and answered, no * goes with credentials and no header is there twice',
  async () => {
    const property = fc.property(
      fc.subarray(['"https://shop.example"', '"https://*.shop.example"', '"null"', "{ regex: 'https://x.*' }"], {
        minLength: 1,
      }),
      fc.boolean(),
      fc.boolean(),
      originOf,
      fc.constantFrom('GET', 'POST', 'get', 'DELETE'),
      fc.constantFrom([], ['access-control-allow-origin', '*'], ['Access-Control-Allow-Credentials', 'true']),
      (list, isAny, credentials, origin, method, upstream) => {
        const origins = isAny && !credentials ? '"*"' : list.join(', ');
        const plane = planeOf(`origins: [${origins}], credentials: ${credentials}`);
        const actual = plane.request('GET /orders', { headers: ['origin', origin] }).client;
        plane.sent[0]?.handler.onHead(headOf(200, [...upstream]));
        plane.sent[0]?.handler.onEnd();
        for (const client of [actual, preflightOf(plane, origin, method, 'x-a').client]) {
          const allowed = valuesOf(client, 'access-control-allow-origin');
          const hasCredentials = valuesOf(client, 'access-control-allow-credentials').length > 0;
          if (allowed.length > 1 || valuesOf(client, 'access-control-allow-headers').length > 1) return false;
          if (allowed.length > 0 && allowed[0] !== '*' && allowed[0] !== origin) return false;
          if (hasCredentials && client.headers.some((text) => text === '*' || text.startsWith('*,'))) return false;
          if (hasCredentials && (!credentials || allowed.length === 0)) return false;
        }
        return true;
      },
    );
    fc.assert(property, { numRuns: 60 });
  },
);

t.test('what cannot be right is refused where it is configured', async (t) => {
  const issues = (cors: string) => issuesOf(shop(`    policies: [cors: { ${cors} }]`));
  for (const [cors, message] of [
    ['', /origins: is missing/],
    ['origins: []', /origins/],
    ['origins: ["*"], credentials: true', /credentials: cannot be true with origins: \["\*"\]/],
    ['origins: ["*", "null"]', /origins: has \* and others/],
    ['origins: ["*"], reject: true', /reject: refuses nobody/],
    ['origins: ["https://a.example"], headers: ["*", a]', /headers: has \* and others/],
    ['origins: ["https://a.example"], credentials: true, exposeHeaders: ["*"]', /exposeHeaders: has \*/],
    ['origins: ["https://a.example/"]', /origins\[0\].*expected an origin such as/],
    ['origins: ["a.example"]', /origins\[0\]/],
    ['origins: ["https://*"]', /origins\[0\]/],
    ['origins: ["https://a.*.example"]', /origins\[0\]/],
    ['origins: ["https://user@a.example"]', /origins\[0\]/],
    ["origins: [{ regex: '(a' }]", /is no regular expression: .*not closed/],
    ["origins: [{ regex: 'a)|(b' }]", /is no regular expression/],
    ['origins: ["*"], methods: [get]', /methods\[0\]/],
    ['origins: ["*"], headers: ["a b"]', /headers\[0\]/],
    ['origins: ["*"], maxAge: 25h', /maxAge/],
  ] as const) {
    t.match(issues(cors), [message], cors);
  }
  const twice = issuesOf(shop('    policies: [cors: { origins: ["*"] }, cors: { origins: ["*"] }]'));
  t.match(twice, [/policies\[1\]: this list has a cors policy already/]);
});
