import t from 'tap';
import type { Exchange } from '../../../../src/gateway/pipeline/exchange.ts';
import { configOf, issuesOf, shop } from '../../../control/config/read.ts';
import { TestPlane } from '../../../support/plane.ts';

const routes = '    routes: { any: { match: "ANY /{rest*}", policies: [] } }';

/** @returns sends a request; its code, or '' when it goes upstream, and its detail */
function guardOf(rules: string) {
  const plane = new TestPlane();
  plane.publish(configOf(shop(`    policies: [request-guard: ${rules}]\n${routes}`)), 1);
  const send = (line: string, fields: Partial<Exchange> = {}): string => {
    const { body } = plane.request(line, fields).client;
    return body === '' ? '' : JSON.parse(body).code;
  };
  const detail = (line: string, fields: Partial<Exchange> = {}): unknown =>
    JSON.parse(plane.request(line, fields).client.body).detail;
  return { plane, send, detail };
}

t.test('headers: required with a value, forbidden, so many, so long, of a form', async (t) => {
  const { send, detail } = guardOf(
    "{ headers: { required: [X-Tenant], forbidden: [x-debug], count: 3, valueBytes: 8B, match: { x-tenant: '^[a-z]+$' } } }",
  );
  const withHeaders = (...headers: string[]) => send('GET /a', { headers });
  t.equal(withHeaders('x-tenant', 'a'), '');
  t.equal(withHeaders(), 'BAD_REQUEST');
  t.equal(withHeaders('x-tenant', ''), 'BAD_REQUEST');
  t.equal(withHeaders('x-tenant', 'A1'), 'BAD_REQUEST');
  t.equal(withHeaders('x-tenant', 'a', 'x-tenant', '1'), 'BAD_REQUEST', 'each value counts');
  t.equal(withHeaders('x-tenant', 'a', 'x-debug', '1'), 'REQUEST_REFUSED');
  t.equal(withHeaders('x-tenant', 'a', 'b', '12345678', 'c', ''), '');
  t.equal(withHeaders('x-tenant', 'a', 'b', '123456789'), 'HEADERS_TOO_LARGE');
  t.equal(withHeaders('x-tenant', 'a', 'b', '', 'c', '', 'd', ''), 'HEADERS_TOO_LARGE');
  t.equal(detail('GET /a'), 'the header x-tenant is missing');
  t.equal(detail('GET /a', { headers: ['x-debug', '1'] }), 'the header x-debug is not taken here');
});

t.test('path and query: so long, so many parameters, nothing of a form, however it is spelled', async (t) => {
  const rules = `{ path: { length: 24, forbidden: ['[.]php$', '^/internal/', '<'] },
      query: { length: 30, parameters: 2, forbidden: ['(^|&)debug=', '<script', '\\x00'] } }`;
  const { send } = guardOf(rules);
  const cases: Readonly<Record<string, string>> = {
    '/a?x=1&y=2': '',
    [`/${'a'.repeat(23)}`]: '',
    [`/${'a'.repeat(24)}`]: 'URI_TOO_LONG',
    '/a/./././././././././././b': 'URI_TOO_LONG',
    [`/a?${'x'.repeat(30)}`]: '',
    [`/a?${'x'.repeat(31)}`]: 'URI_TOO_LONG',
    '/a?x=1&y=2&z=3': 'URI_TOO_LONG',
    '/a?x=1&&y=2&': '',
    '/a.php': 'REQUEST_REFUSED',
    '/a.%70hp': 'REQUEST_REFUSED',
    '/a.phpx': '',
    '/x/../internal/a': 'REQUEST_REFUSED',
    '/%3Ca': 'REQUEST_REFUSED',
    '/a?debug=1': 'REQUEST_REFUSED',
    '/a?d%65bug=1': 'REQUEST_REFUSED',
    '/a?xdebug=1': '',
    '/a?x=%3Cscript%3E': 'REQUEST_REFUSED',
    '/a?x=%3cscr%69pt': 'REQUEST_REFUSED',
    '/a?x=%ff%3Cscript': 'REQUEST_REFUSED',
  };
  for (const [target, code] of Object.entries(cases)) t.equal(send(`GET ${target}`), code, target);
});

t.test('a query that is too long for a pattern to be looked for is refused', async (t) => {
  const { send } = guardOf("{ query: { forbidden: ['evil'] } }");
  t.equal(send(`GET /a?${'x'.repeat(4_096)}`), '');
  t.equal(send(`GET /a?${'x'.repeat(4_097)}`), 'REQUEST_REFUSED');
});

t.test('bodies: of the types that are taken, and none that does not say its type', async (t) => {
  const types = '[application/json, image/*, "application/*+json", multipart/form-data]';
  const { send, plane, detail } = guardOf(`{ contentTypes: ${types} }`);
  const post = (...headers: string[]) => send('POST /a', { bodyLength: 1, bodyEnded: true, headers });
  for (const type of [
    ...['application/json', 'APPLICATION/JSON; charset=utf-8', 'application/json;charset=x', 'image/png'],
    ...['application/problem+json', 'multipart/form-data; boundary=x'],
  ]) {
    t.equal(post('content-type', type), '', type);
  }
  for (const type of [
    'text/plain',
    'application/jsonx',
    'image',
    'image/',
    'application/+json',
    'a/b, image/png',
    '',
  ]) {
    t.equal(post('content-type', type), 'UNSUPPORTED_MEDIA_TYPE', type);
  }
  t.equal(post(), 'UNSUPPORTED_MEDIA_TYPE');
  const twice = ['content-type', 'application/json; a=b', 'content-type', 'text/html'];
  t.equal(post(...twice), 'UNSUPPORTED_MEDIA_TYPE', 'an upstream may take the other one');
  t.equal(send('GET /a'), '', 'no body');
  t.equal(send('POST /a', { bodyLength: -1, bodyEnded: true }), 'UNSUPPORTED_MEDIA_TYPE', 'in chunks');
  const refused = plane.request('POST /a', { bodyLength: 1, bodyEnded: true }).client;
  t.equal(refused.status, 415);
  t.match(detail('POST /a', { bodyLength: 1, bodyEnded: true }), /^it is one of application\/json, image/);
  const untyped = guardOf('{ contentTypes: [application/json], untypedBodies: accept }');
  t.equal(untyped.send('POST /a', { bodyLength: 1, bodyEnded: true }), '');
});

t.test('programs: by parts of their name in any case, or by a regular expression', async (t) => {
  const { send } = guardOf(
    "{ userAgent: { deny: [Bot, curl/, { regex: '^Scrapy/[0-9]' }], except: [Googlebot], required: true } }",
  );
  const from = (...agents: string[]) => send('GET /a', { headers: agents.flatMap((agent) => ['user-agent', agent]) });
  for (const agent of ['Mozilla/5.0', 'Googlebot/2.1', 'scrapy/1', 'curlew']) t.equal(from(agent), '', agent);
  for (const agent of ['EvilBOT', 'curl/8', 'Scrapy/2', '']) t.equal(from(agent), 'REQUEST_REFUSED', agent);
  t.equal(from(), 'REQUEST_REFUSED');
  t.equal(from('Mozilla/5.0', 'evilbot'), 'REQUEST_REFUSED');
  const only = guardOf('{ userAgent: { allow: [myapp/] } }');
  t.equal(only.send('GET /a', { headers: ['user-agent', 'MyApp/1'] }), '');
  t.equal(only.send('GET /a', { headers: ['user-agent', 'other'] }), 'REQUEST_REFUSED');
  t.equal(only.send('GET /a'), 'REQUEST_REFUSED', 'none is none of them');
  t.equal(guardOf('{ userAgent: { deny: [bot] } }').send('GET /a'), '');
});

t.test('preflights are no requests of their page: only what they ask about is', async (t) => {
  const plane = new TestPlane();
  const policies = 'cors: { origins: ["*"] }, request-guard: { headers: { required: [x-tenant] } }';
  plane.publish(configOf(shop(`    policies: [${policies}]\n${routes}`)), 1);
  const headers = ['origin', 'https://a.example', 'access-control-request-method', 'PUT'];
  t.equal(plane.request('OPTIONS /a', { headers }).client.status, 204);
  const { client } = plane.request('PUT /a', { headers: headers.slice(0, 2) });
  t.same([client.status, client.headers.includes('access-control-allow-origin')], [400, true]);
});

t.test('in shadow mode it only counts; an explanation says what it looked at', async (t) => {
  const plane = new TestPlane();
  plane.publish(configOf(shop(`    policies: [request-guard: { path: { length: 1 }, mode: shadow }]\n${routes}`)), 1);
  const { x, client } = plane.request('GET /ab?a=1&b', { headers: ['a', 'b'] });
  t.same([client.status, x.shadowRejections], [0, ['URI_TOO_LONG@shop.request-guard.1']]);
  t.same(x.route?.steps[0]?.explain?.(x), { headers: 1, pathChars: 3, queryChars: 5, parameters: 2 });
});

t.test('what cannot be right is refused where it is configured', async (t) => {
  const issues = (rules: string) => issuesOf(shop(`    policies: [request-guard: ${rules}]\n${routes}`));
  for (const [rules, message] of [
    ['{}', /does nothing/],
    ["{ path: { forbidden: ['(a'] } }", /path.forbidden\[0\]: is no regular expression/],
    ["{ query: { forbidden: ['a(?=b)'] } }", /cannot be matched in linear time/],
    ['{ contentTypes: [json] }', /a media type/],
    ['{ contentTypes: ["*/*"] }', /a media type/],
    ['{ contentTypes: [] }', /contentTypes/],
    ['{ headers: { count: 91 } }', /count/],
    ['{ headers: { required: ["a b"] } }', /the name of a header/],
    ['{ headers: { match: { a: "[" } } }', /is no regular expression/],
    ['{ userAgent: { except: [a] } }', /except: is for those that deny names/],
    ['{ userAgent: { deny: [""] } }', /deny\[0\]/],
  ] as const) {
    t.match(issues(rules), [message], rules);
  }
});
