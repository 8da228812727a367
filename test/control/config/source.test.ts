import fc from 'fast-check';
import t from 'tap';
import { err, ok } from '../../../src/base/result.ts';
import { configOf, issuesOf, read, shop } from './read.ts';

const OPEN = { anonymous: 'none', metrics: 'open', allowedHosts: [] } as const;

t.test('${NAME} is filled in, with its default when it is not set or empty', async (t) => {
  const text = 'version: 1\ngateway: { admin: "${HOST:-127.0.0.1}:${PORT}" }';
  t.same(configOf(text, { PORT: '1' }).gateway.admin, { ...OPEN, host: '127.0.0.1', port: 1 });
  t.same(configOf(text, { PORT: '1', HOST: '' }).gateway.admin, { ...OPEN, host: '127.0.0.1', port: 1 });
  t.same(configOf(text, { PORT: '1', HOST: '[::1]' }).gateway.admin, { ...OPEN, host: '::1', port: 1 });
});

t.test('numbers and switches may come from the environment', async (t) => {
  const text = `${shop('    stripPath: "${STRIP}"')}gateway:\n  workers: \${WORKERS}\n`;
  const config = configOf(text, { STRIP: 'true', WORKERS: '3' });
  t.equal(config.services[0]?.stripPath, true);
  t.equal(config.gateway.workers, 3);
});

t.test('what is filled in stays text', async (t) => {
  const env = { SECRET: '12345678', LIST: '[":1", ":2"]' };
  t.equal(
    configOf('version: 1\nconsumers: { a: { keys: [{ id: a, secret: "${SECRET}" }] } }', env).consumers.length,
    1,
  );
  t.match(issuesOf('version: 1\ngateway: { listen: "${LIST}" }', env), [
    /gateway.listen: is not valid.*found "\$\{LIST\}"/,
  ]);
});

t.test('a variable that is not set, or a ${ that starts nothing, is told once and with its place', async (t) => {
  t.same(issuesOf(shop('    path: /${NOPE}'), {}), [
    '6:11 services.shop.path: the environment variable NOPE is not set',
  ]);
  t.match(issuesOf(shop('    path: /${no-pe}')), [/^6:11 services.shop.path: a \$\{ starts no/]);
  t.match(issuesOf(shop('    path: /${toString}')), [/toString is not set/]);
});

t.test('$${ stands for a plain ${', async (t) => {
  const [consumer] = configOf('version: 1\nconsumers: { a: { keys: [{ id: a, secret: "$${NAME}xx" }] } }').consumers;
  const [same] = configOf('version: 1\nconsumers: { a: { keys: [{ id: a, secret: "${X}" }] } }', {
    X: '${NAME}xx',
  }).consumers;
  t.equal(consumer?.keys[0]?.sha256, same?.keys[0]?.sha256);
});

t.test('no issue tells a secret, a password in a URL, or a value of the environment', async (t) => {
  const env = { V: 'hush-hush', P: '/hush-hush', B: 'x{hush-hush', M: 'GET /hush-hush/{a}/{a}' };
  const texts = [
    'version: "${V}"',
    'version: 1\ngateway: { listen: "${V}", admin: "${V}:x", workers: "${V}", trustedProxies: ["${V}"] }',
    'version: 1\ngateway: { limits: { bodyBytes: "${V}" }, drainTimeout: "${V}" }',
    'version: 1\nupstreams: { a: { targets: ["ftp://${V}", "http://user:hush-hush@host", "http://user:a/hush-hush@host"], connections: "${V}" } }',
    'version: 1\nconsumers: { a: { keys: [{ id: "hush-hush !", secret: "hush-hush\\t" }, hush-hush] } }',
    'version: 1\nconsumers: { a: { keys: hush-hush }, b: hush-hush, c: { keys: [{ id: c, secret: hushh }] } }',
    'version: 1\nconsumers: { a: { keys: [{ id: c, secret: { x: hush-hush } }] } }',
    'version: 1\nconsumers: { a: { keys: [{ id: c, secret: "hush-hush" hush-hush }] } }',
    'version: 1\nconsumers:\n  a: { keys: [{ id: c, secret: &hush hush-hush\u00fc }] }\ngateway: { admin: *hush }',
    'version: 1\ngateway: { redis: "http://:hush-hush@host" }',
    'version: 1\ngateway: { redis: "redis://:hush-hush@" }',
    shop('    upstream2: "${V}"\n    policies: ["${V}"]'),
    shop('    hosts: ["${V}", "${V}"]\n    routes: { a: { match: GET /x }, b: { match: GET /x } }'),
    shop('    path: "${P}"\n    routes: { a: { match: GET /x }, b: { match: GET /x } }'),
    shop('    path: "/${B}"\n    routes: { a: { match: "GET /${B}" }, b: { match: "${M}" }, c: { match: "${V}" } }'),
    shop('    policies: [rate-limit: { limit: "${V}", by: "${V}", burst: "${V}", scope: "${V}" }]'),
    shop('    policies: [auth: { any: ["${V}", { api-key: { header: "${V} !" } }] }]').replace('main\n', '"${V}"\n'),
  ];
  for (const text of texts) {
    const issues = issuesOf(text, env);
    t.ok(issues.length > 0, text);
    t.notMatch(issues.join('\n'), /hush-hush|hushh/, text);
  }
});

t.test('problems of syntax are told with their place', async (t) => {
  t.match(issuesOf('version: 1\ngateway: [1'), [/^2:\d+: /]);
  t.match(issuesOf('version: 1\nversion: 1'), ['2:1 version: this key stands twice']);
  t.match(issuesOf('version: 1\n\tgateway: 1'), [/^2:1: /]);
  t.match(issuesOf('version: 1\n---\nversion: 1'), [
    '2:1: a file holds one YAML document, and a second one starts here',
  ]);
  t.match(issuesOf('version: !number 1'), [/^1:10: this tag/]);
  t.match(issuesOf('version: *one'), ['1:10 version: no anchor of this name stands before this alias']);
  t.match(issuesOf('version: 1\nservices: &s { a: *s }'), [
    /^2:19 services.a: this alias stands for a value that contains it/,
  ]);
  t.match(issuesOf('version: 1\n[a]: 1'), ['2:1: a key must be a single word']);
  t.match(issuesOf('%YAML 1.1\n---\nversion: 1'), ['1:1: the file must be YAML 1.2']);
  t.match(issuesOf(''), ['1:1: is not valid; expected a map; found nothing']);
});

t.test('aliases stand for what they name, also inside each other', async (t) => {
  const text = shop(`    policies: &p [rate-limit: &r { limit: 1/s }]
    routes:
      a: { match: GET /a, policies: *p }
      b: { match: GET /b, policies: [rate-limit: *r] }`);
  const [service] = configOf(text).services;
  t.same(
    service?.routes.map((route) => route.policies),
    [service?.policies, service?.policies],
  );
});

t.test('aliases that multiply are bounded', async (t) => {
  const levels = Array.from({ length: 30 }, (_, level) => `x${level}: &x${level} [${`*x${level - 1}, `.repeat(10)}]`);
  levels[0] = 'x0: &x0 [a]';
  t.match(issuesOf(levels.join('\n')).join('\n'), /the aliases of this file stand for too many values/);
});

t.test('nesting without end is an issue, not the end of the process', async (t) => {
  for (const open of ['[', '{a: ', '- ', '? ']) {
    t.match(issuesOf(open.repeat(100_000)), [/^1:\d+: maps and lists are nested too deeply$/]);
  }
});

t.test('a file of more than 16 MiB is refused', async (t) => {
  t.same(issuesOf(`# ${'x'.repeat(16 * 1024 * 1024)}`), ['1:1: the file is larger than 16MiB']);
});

t.test('keys that objects inherit are keys like others', async (t) => {
  for (const key of ['__proto__', 'constructor', 'toString']) {
    t.match(issuesOf(`version: 1\n${key}: {}`), [/^2:1 .*: unknown key/], key);
  }
  t.match(issuesOf('version: 1\nservices: { __proto__: { upstream: a } }'), [/services.__proto__: is no name to use/]);
  t.match(issuesOf(shop('').replace('upstream: main', 'upstream: toString')), [/there is no such upstream/]);
});

const valid = `version: 1
gateway: { listen: [":8080", { address: ":8081", engine: node }], limits: { bodyBytes: 1MiB } }
upstreams: { main: { targets: ["http://127.0.0.1:9001", { url: "http://127.0.0.1:9002", weight: 2 }] } }
consumers: { alice: { keys: [{ id: alice-1, secret: "\${SECRET:-only-for-trying}" }] } }
services:
  shop:
    hosts: [shop.example]
    path: /shop
    upstream: main
    policies:
      - auth: { any: [api-key] }
      - rate-limit: { limit: 1000/s, by: ip }
    routes:
      get-order:
        match: GET /orders/{id}
        policies: [concurrency: { max: 5 }]
`;

/** Either a configuration, or issues that all have a place. */
function isRead(text: string): boolean {
  const result = read(text);
  if (result.ok) return true;
  return (
    result.error.length > 0 &&
    result.error.every((issue) => issue.line >= 1 && issue.column >= 1 && issue.message !== '')
  );
}

t.test('any text reads, or yields issues with places', async () => {
  const yamlish = fc
    .array(fc.constantFrom(...'{}[]:-?,#&*!|>%@`"\'\n\t $ax1'), { maxLength: 60 })
    .map((parts) => parts.join(''));
  fc.assert(fc.property(fc.oneof(fc.string({ unit: 'binary', maxLength: 60 }), yamlish), isRead), { numRuns: 500 });
});

t.test('any change of a valid file reads, or yields issues with places', async (t) => {
  t.ok(read(valid).ok);
  const piece = fc.oneof(
    fc.string({ maxLength: 8 }),
    fc.constantFrom('null', '1', '-1', '{}', '[]', '*a', '&a ', '${X}', ': ', '\n'),
  );
  const at = fc.nat(valid.length);
  const change = fc.tuple(at, fc.nat(20), piece);
  const changed = fc
    .array(change, { minLength: 1, maxLength: 3 })
    .map((changes) =>
      changes.reduce((text, [start, cut, put]) => text.slice(0, start) + put + text.slice(start + cut), valid),
    );
  fc.assert(fc.property(changed, isRead), { numRuns: 500 });
});

t.test('any value in the place of another reads, or yields issues with places', async () => {
  const lines = valid.split('\n');
  const value = fc.jsonValue({ maxDepth: 3 }).map((json) => JSON.stringify(json));
  const property = fc.property(fc.nat(lines.length - 1), value, (index, json) => {
    const line = (lines[index] ?? '').replace(/(:|-) .*$/, (_, sign: string) => `${sign} ${json}`);
    return isRead(lines.with(index, line).join('\n'));
  });
  fc.assert(property, { numRuns: 500 });
});

t.test('${file:PATH} is filled in with a file, without the line feed at its end, and never shown', async (t) => {
  const texts: Readonly<Record<string, string>> = { './key': 'a secret of its own\n', 'two lines': 'one\ntwo\n\n' };
  const files = {
    read: (path: string, bytesMax?: number) => {
      t.equal(bytesMax, 64 * 1024);
      const text = texts[path];
      return text === undefined ? err('there is no such file') : ok(text);
    },
  };
  const keyOf = (secret: string) =>
    configOf(`version: 1\nconsumers: { a: { keys: [{ id: a, secret: "${secret}" }] } }`, {}, files).consumers[0]
      ?.keys[0];
  t.equal(keyOf('${file:./key}')?.sha256, keyOf('a secret of its own')?.sha256);
  t.same(issuesOf(shop('    path: "/${file:nope}"'), {}, files), [
    '6:11 services.shop.path: the file nope cannot be used: there is no such file',
  ]);
  t.match(issuesOf(shop('    path: "${file:two lines}"'), {}, files), [
    /services.shop.path: is not valid.*found "\$\{file:two lines\}"$/,
  ]);
});
