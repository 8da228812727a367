import t from 'tap';
import { configOf, issuesOf, shop } from '../../../control/config/read.ts';
import { headOf } from '../../../support/header-lines.ts';
import { TestPlane, type ToldClient } from '../../../support/plane.ts';

const routes = (policies = '') => `    routes: { any: { match: "ANY /orders", policies: [${policies}] } }`;

function planeOf(policies: string, ofRoute = '', more = ''): TestPlane {
  const plane = new TestPlane();
  plane.publish(configOf(shop(`    policies: [${policies}]\n${routes(ofRoute)}`, more)), 1);
  return plane;
}

/** The upstream answers with these fields. @returns what the client gets, without what every answer has */
function answered(plane: TestPlane, fields: readonly string[], scheme: 'http' | 'https' = 'https'): string[] {
  const { client } = plane.request('GET /orders', { scheme });
  plane.sent.at(-1)?.handler.onHead(headOf(200, [...fields]));
  plane.sent.at(-1)?.handler.onEnd();
  return told(client);
}

function told({ headers }: ToldClient): string[] {
  const lines: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] !== 'x-request-id') lines.push(`${headers[i]}: ${headers[i + 1]}`);
  }
  return lines;
}

const preset = [
  'strict-transport-security: max-age=31536000',
  'x-content-type-options: nosniff',
  'x-frame-options: DENY',
  "content-security-policy: frame-ancestors 'none'",
  'referrer-policy: no-referrer',
  'permissions-policy: camera=(), geolocation=(), microphone=(), payment=(), usb=()',
  'cross-origin-opener-policy: same-origin',
  'cross-origin-resource-policy: same-origin',
];

t.test('fields are taken out, replaced and added; names in any case, all others as they came', async (t) => {
  const plane = planeOf(
    'headers: { response: { remove: [X-Secret, etag], set: { X-Served-By: sluice, cache-control: no-store }, add: { vary: Accept, link: [<a>, <b>] } } }',
  );
  const upstream = ['X-SECRET', '1', 'ETag', '"a"', 'Cache-Control', 'public', 'Vary', 'Cookie', 'X-Kept', '1'];
  t.same(answered(plane, upstream), [
    ...['Vary: Cookie', 'X-Kept: 1', 'x-served-by: sluice', 'cache-control: no-store'],
    ...['vary: Accept', 'link: <a>', 'link: <b>'],
  ]);
});

t.test("what stands later has the last word: a route's after its service's", async (t) => {
  const service = 'headers: { response: { set: { x-a: one, x-b: one }, add: { x-c: one } } }';
  const route = 'headers: { response: { remove: [x-a, x-c], set: { x-b: two } } }';
  t.same(answered(planeOf(service, route), ['x-c', 'upstream', 'x-d', '1']), ['x-d: 1', 'x-b: two']);
});

t.test('the preset fills in what the upstream does not say, and takes out what it is made of', async (t) => {
  const plane = planeOf('headers: { security: true }');
  t.same(answered(plane, ['Server', 'nginx/1.2', 'X-Powered-By', 'PHP/5']), preset);
  t.same(answered(plane, ['X-Frame-Options', 'SAMEORIGIN', 'content-security-policy', "default-src 'self'"]), [
    ...['X-Frame-Options: SAMEORIGIN', "content-security-policy: default-src 'self'"],
    ...preset.filter((line) => !/^(?:x-frame|content-sec)/.test(line)),
  ]);
});

t.test('HSTS goes over https only, to the gateway or to the trusted proxy before it', async (t) => {
  t.same(answered(planeOf('headers: { security: true }'), [], 'http'), preset.slice(1));
  const behind = planeOf('headers: { security: true }', '', 'gateway: { trustedProxies: ["192.0.2.1"] }');
  const { client } = behind.request('GET /orders', { headers: ['x-forwarded-proto', 'https'] });
  behind.sent[0]?.handler.onHead(headOf(200, []));
  t.same(told(client), preset);
});

t.test('a value that is written takes the place of both, and off leaves the field alone', async (t) => {
  const security = `{ strict-transport-security: off, x-frame-options: SAMEORIGIN, content-security-policy: off,
      permissions-policy: off, cross-origin-embedder-policy: require-corp }`;
  const lines = answered(planeOf(`headers: { security: ${security} }`), [
    'x-frame-options',
    'DENY',
    'content-security-policy',
    'x',
  ]);
  t.same(lines, [
    'content-security-policy: x',
    'x-frame-options: SAMEORIGIN',
    'cross-origin-embedder-policy: require-corp',
    ...preset.filter((line) => /^(?:x-content|referrer|cross)/.test(line)),
  ]);
  const set = planeOf('headers: { security: true, response: { set: { referrer-policy: origin } } }');
  t.same(
    answered(set, ['referrer-policy', 'x']).filter((line) => line.startsWith('referrer')),
    ['referrer-policy: origin'],
  );
  const later = planeOf('headers: { security: true }', 'headers: { security: { x-frame-options: off } }');
  t.notOk(answered(later, []).some((line) => line.startsWith('x-frame')));
});

t.test("the gateway's own answers have the security headers, and nothing of response", async (t) => {
  const policies = 'headers: { security: true, response: { set: { x-a: "1" } } }, method: { allow: [PUT] }';
  const { client } = planeOf(policies).request('GET /orders', { scheme: 'https' });
  t.equal(client.status, 405);
  t.same(told(client), ['content-type: application/problem+json', 'allow: PUT', ...preset]);
});

t.test('a mock that stands in for the upstream is treated as its answer', async (t) => {
  const plane = new TestPlane();
  const text = `version: 1
upstreams:
  main:
    targets: ["http://127.0.0.1:9001"]
    fallback: { mock: { status: 200, headers: { x-frame-options: SAMEORIGIN, Server: mock, access-control-allow-origin: "*" }, body: hi } }
services:
  shop:
    upstream: main
    policies: [headers: { security: true, response: { add: { x-a: "1" } } }, cors: { origins: ["https://a.example"] }]
${routes()}`;
  plane.publish(configOf(text), 1);
  const { client } = plane.request('GET /orders', { headers: ['origin', 'https://a.example'] });
  plane.sent[0]?.handler.onFailure('unreachable');
  t.equal(client.body, 'hi');
  t.same(
    told(client).filter((line) => /^(?:x-|server|access)/.test(line)),
    [
      'access-control-allow-origin: https://a.example',
      ...['x-frame-options: SAMEORIGIN', 'x-a: 1', 'x-content-type-options: nosniff'],
    ],
  );
});

t.test('in shadow mode it does nothing; an explanation counts what it does', async (t) => {
  const shadow = planeOf('headers: { security: true, response: { remove: [server] }, mode: shadow }');
  t.same(answered(shadow, ['server', 'x']), ['server: x']);
  const plane = planeOf('headers: { response: { remove: [a], set: { b: c }, add: { d: [e, f] } } }');
  const { x } = plane.request('GET /orders');
  t.same(x.route?.steps[0]?.explain?.(x), { remove: 1, set: 1, add: 2, security: 0 });
});

t.test('a dollar at the start is written twice: references come later', async (t) => {
  t.same(answered(planeOf('headers: { response: { set: { x-price: $$5 } } }'), []), ['x-price: $5']);
  t.match(issuesOf(shop(`    policies: [headers: { response: { set: { x: $path.id } } }]`)), [
    /a \$ at the start is written \$\$/,
  ]);
});

t.test("framing, hop-by-hop headers, the gateway's own and whatever would split an answer cannot be set", async (t) => {
  const issues = (headers: string) => issuesOf(shop(`    policies: [headers: ${headers}]`));
  const names = ['content-length', 'Transfer-Encoding', 'connection', 'keep-alive', 'upgrade', 'te', 'trailer', 'date'];
  for (const name of [...names, 'X-Request-Id', 'ratelimit', 'access-control-allow-origin', '"a b"', '"a:"', '""']) {
    t.equal(issues(`{ response: { set: { ${name}: x } } }`).length, 1, name);
    t.equal(issues(`{ response: { add: { ${name}: [x] } } }`).length, 1, name);
  }
  for (const value of ['"a\\r\\nb: c"', '"a\\nb"', '""', '" a"', '"ä"', '"\\0"']) {
    t.equal(issues(`{ response: { set: { x: ${value} } } }`).length, 1, value);
  }
  for (const settings of [
    '{}',
    '{ security: false }',
    '{ response: {} }',
    '{ security: { x-frame-options: ALLOW } }',
    '{ security: { strict-transport-security: 1 } }',
    '{ security: { content-security-policy: "a\\nb" } }',
    '{ security: { x-xss-protection: "0" } }',
  ]) {
    t.equal(issues(settings).length, 1, settings);
  }
});
