import t from 'tap';
import { configOf, issuesOf, read, shop } from './read.ts';

t.test('a file with nothing but its version has every default', async (t) => {
  t.same(configOf('version: 1'), {
    gateway: {
      listen: [{ host: '', port: 8080, engine: 'uws', chunked: 'accept' }],
      admin: { host: '127.0.0.1', port: 9080, anonymous: 'none', metrics: 'open', allowedHosts: [] },
      workers: 0,
      data: './data',
      redis: '',
      encryptionKeys: [],
      timeZone: 'UTC',
      limitKeys: 65_536,
      trustedProxies: [],
      limits: {
        headerBytes: 16_384,
        bodyBytes: 10_485_760,
        messageBytes: 1_048_576,
        connections: 20_000,
        connectionsPerAddress: 0,
        minBodyRate: 240,
        headerTimeoutMs: 10_000,
        idleTimeoutMs: 60_000,
      },
      drainTimeoutMs: 30_000,
      overload: { loopDelayMs: 500, memory: { share: 0.9 } },
    },
    upstreams: [],
    plans: [],
    consumers: [],
    services: [],
  });
});

t.test('upstreams, consumers, services and routes are normalised', async (t) => {
  const config = configOf(`version: 1
upstreams:
  orders: { targets: ["http://127.0.0.1:9001/base/", { url: "https://Orders.example", weight: 2 }], timeouts: { total: 30s } }
consumers:
  alice: { keys: [{ id: alice-1, secret: alice-secret }] }
services:
  shop:
    hosts: [Shop.example, "*.shop.example", "[::1]"]
    path: /
    upstream: orders
    allowSemicolons: true
    policies: [auth: { any: [api-key] }]
    routes:
      get-order: { match: "GET /orders/{id}", websocket: true, allowSemicolons: false, allowEncodedSlashes: true }
      all: { match: "ANY /all/{rest*}" }
`);
  t.same(config.upstreams, [
    {
      name: 'orders',
      targets: [
        { origin: 'http://127.0.0.1:9001', authority: '127.0.0.1:9001', socketPath: '', basePath: '/base', weight: 1 },
        { origin: 'https://orders.example', authority: 'orders.example', socketPath: '', basePath: '', weight: 2 },
      ],
      timeouts: { connectMs: 1_000, responseMs: 60_000, idleMs: 60_000, totalMs: 30_000 },
      connections: 256,
      keepAlive: { idleTimeoutMs: 4_000, min: 0 },
      pipelining: 1,
      http2: false,
      balance: { by: 'round-robin' },
      slowStart: 0,
    },
  ]);
  t.same(config.consumers, [
    {
      name: 'alice',
      keys: [
        {
          id: 'alice-1',
          uses: ['api-key'],
          sha256: '0c848abb03307b06cf70cd4e29c157dc81af5e94ab3eb1d0c59a120269572376',
        },
      ],
    },
  ]);
  t.same(config.services, [
    {
      name: 'shop',
      hosts: ['shop.example', '*.shop.example', '[::1]'],
      path: '',
      upstream: 'orders',
      stripPath: false,
      preserveHost: false,
      priority: 0,
      serverTiming: false,
      websocket: false,
      allowEncodedSlashes: false,
      allowSemicolons: true,
      policies: [
        {
          policy: 'auth',
          config: { methods: [{ kind: 'api-key', in: 'header', name: 'x-api-key' }], needsAll: false },
        },
      ],
      routes: [
        {
          name: 'get-order',
          method: 'GET',
          path: '/orders/{id}',
          priority: 0,
          websocket: true,
          allowEncodedSlashes: true,
          allowSemicolons: false,
          policies: [],
        },
        {
          name: 'all',
          method: 'ANY',
          path: '/all/{rest*}',
          priority: 0,
          websocket: false,
          allowEncodedSlashes: false,
          allowSemicolons: true,
          policies: [],
        },
      ],
    },
  ]);
});

t.test('all problems are told at once, in the order of the file, whatever else is broken', async (t) => {
  const text = `version: 2
gateway: { workers: 65, listen: [":99999"] }
upstreams:
  a: { targets: [] }
services:
  one: { upstream: b, routes: { x: { match: "GET x" }, y: { match: "GTE /y", bogus: 1 } } }
  two: 5
  three:
    upstream: aa
    hosts: ["a b"]
    policies: [concurency, rate-limit: { limit: fast }]
    routes: []
`;
  t.same(
    issuesOf(text).map((issue) => issue.split(';')[0]),
    [
      '1:10 version: is not valid',
      '2:21 gateway.workers: is not valid',
      '2:34 gateway.listen[0]: is not valid',
      '4:17 upstreams.a.targets: is not valid',
      '6:20 services.one.upstream: there is no such upstream',
      '6:45 services.one.routes.x.match: is not valid',
      '6:68 services.one.routes.y.match: is not valid',
      '6:78 services.one.routes.y.bogus: unknown key',
      '7:8 services.two: is not valid',
      '9:15 services.three.upstream: there is no such upstream',
      '10:13 services.three.hosts[0]: is not valid',
      '11:16 services.three.policies[0]: unknown policy',
      '11:49 services.three.policies[1].rate-limit.limit: is not valid',
      '12:13 services.three.routes: is not valid',
    ],
  );
});

t.test('an unknown key is told with the known ones and the nearest', async (t) => {
  t.same(issuesOf(shop('    upstrem: main')), [
    '6:5 services.shop.upstrem: unknown key; expected one of hosts, path, upstream, steer, mirror, stripPath, preserveHost, priority, ' +
      'websocket, allowEncodedSlashes, allowSemicolons, serverTiming, plans, policies, routes; did you mean upstream?',
  ]);
});

t.test('a missing key is told where it is missing', async (t) => {
  t.match(issuesOf('version: 1\nupstreams:\n  a: {}\nservices:\n  s: { routes: { r: {} } }'), [
    '3:3 upstreams.a.targets: is missing; expected a list',
    '5:3 services.s.upstream: is missing; expected a name of at most 64 letters, digits, - and _',
    /^5:18 services\.s\.routes\.r\.match: is missing; expected METHOD \/path, such as GET \/orders\/\{id\}/,
  ]);
});

t.test('a name that does not exist is told with the nearest that does', async (t) => {
  t.match(issuesOf(shop('').replace('upstream: main', 'upstream: mian')), [
    '5:15 services.shop.upstream: there is no such upstream; expected a name from upstreams; found "mian"; did you mean main?',
  ]);
  t.match(issuesOf(shop('    policies: [rate-limt: { limit: 1/s }]')), [/unknown policy; .*did you mean rate-limit\?/]);
});

t.test('a broken upstream is no reason to call it unknown', async (t) => {
  t.match(issuesOf('version: 1\nupstreams: { a: 1 }\nservices: { s: { upstream: a } }'), [/upstreams.a: is not valid/]);
});

t.test('an access log has a file, and every default besides', async (t) => {
  const accessLog = (value: string) => `version: 1\ngateway: { accessLog: ${value} }`;
  t.equal(configOf('version: 1').gateway.accessLog, undefined);
  t.same(configOf(accessLog('{ file: ./logs/access.log }')).gateway.accessLog, {
    file: './logs/access.log',
    sampleShare: 1,
    errors: 'all',
  });
  t.same(configOf(accessLog('{ file: "-", sample: 0.5%, errors: sampled }')).gateway.accessLog, {
    file: '-',
    sampleShare: 0.005,
    errors: 'sampled',
  });
  const issues: readonly (readonly [string, RegExp])[] = [
    ['{}', /accessLog.file: is missing/],
    ['{ file: "" }', /accessLog.file: is not valid; expected the path of a file, or - for standard output/],
    ['{ file: "a\\0b" }', /accessLog.file: is not valid/],
    ['{ file: a, sample: 101% }', /accessLog.sample: is not valid; expected a percentage from 0% to 100%/],
    [
      '{ file: a, errors: some }',
      /accessLog.errors: is not valid; expected one of all, sampled, none|expected all, sampled or none/,
    ],
    ['{ file: a, headers: true }', /accessLog.headers: unknown key; expected one of file, sample, errors, query/],
    ['{ file: a, query: true }', /accessLog.query: is not valid; expected none or masked/],
  ];
  for (const [value, message] of issues) t.match(issuesOf(accessLog(value)), [message], value);
});

const laterKeys: readonly (readonly [text: string, key: string])[] = [
  ['version: 1\nplans: { a: { price: 1 } }', 'price'],
  ['version: 1\nfunctions: {}', 'functions'],
  ['version: 1\nenvironments: {}', 'environments'],
  ...['params', 'backend', 'response'].map(
    (key) => [shop(`    routes: { r: { match: GET /, ${key}: {} } }`), key] as const,
  ),
  ...['map', 'validate', 'cache', 'jwt'].map((name) => [shop(`    policies: [${name}: {}]`), name] as const),
];

t.test('what later versions will know is refused as such', async (t) => {
  for (const [text, name] of laterKeys) {
    const issues = issuesOf(text);
    t.equal(issues.length, 1, text);
    t.match(issues[0], new RegExp(`: ${name} is not in this version of Sluice$`));
  }
});

t.test('gateway.redis is an address or nothing, and a limit over the cluster without it is warned of', async (t) => {
  const redis = (address: string) => issuesOf(`version: 1\ngateway: { redis: "${address}" }`);
  for (const good of ['', '${NONE:-}', 'redis://a', 'rediss://u:p@a.example:6380/1']) t.same(redis(good), [], good);
  for (const bad of ['a:6379', 'http://a', 'redis://', 'redis://a:0', 'redis://a/x', 'redis://a b']) {
    t.match(redis(bad), [/gateway\.redis: .*redis:/], bad);
  }
  for (const good of ['redis-cluster://a,b:7000', 'rediss-sentinel://u:p@a,[::1]:1/m/2?sentinelPassword=x']) {
    t.same(redis(good), [], good);
  }
  t.match(redis('redis-cluster://:hush@a,b:0'), [/no port from 1 to 65535 behind the colon of its host 2$/]);
  t.match(redis('redis-sentinel://:hush@a'), [/it needs the master's name as its path/]);
  t.notMatch(redis('redis-sentinel://:hush@a').join(), /hush/);
  const limits = '    policies: [concurrency: { max: 1 }, rate-limit: { limit: 1/s, scope: cluster }]';
  t.match(issuesOf(shop(limits)), [/policies\[1\].*scope: warning: has no effect without gateway.redis/]);
  t.same(issuesOf(shop(limits).replace('version: 1', 'version: 1\ngateway: { redis: "redis://a" }')), []);
});

t.test('a limit by consumer needs an auth policy', async (t) => {
  const limit = 'rate-limit: { limit: 1/s, by: consumer }';
  const auth = 'auth: { any: [api-key] }';
  const routes = (a: string, b: string) =>
    `    routes: { a: { match: GET /a, policies: [${a}] }, b: { match: GET /b, policies: [${b}] } }`;
  t.match(issuesOf(shop(routes(limit, auth))), [
    /^6:\d+ services.shop.routes.a.policies\[0\]: needs to know the consumer/,
  ]);
  t.match(issuesOf(shop(`    policies: [${limit}]\n${routes(auth, '')}`)), [
    /^6:16 services.shop.policies\[0\]: needs to know the consumer; .*its route b/,
  ]);
  t.match(issuesOf(shop(`    policies: ["concurrency": { max: 1, by: consumer }]`)), [/needs to know the consumer/]);
  t.same(issuesOf(shop(`    policies: [${limit}]\n${routes(auth, auth)}`)), []);
  t.same(issuesOf(shop(`    policies: [${limit}, ${auth}]\n${routes(limit, '')}`)), []);
});

t.test('a route has one auth policy at most', async (t) => {
  const auth = 'auth: { any: [api-key] }';
  const route = `    routes: { a: { match: GET /a, policies: [${auth}] } }`;
  t.match(issuesOf(shop(`    policies: [${auth}]\n${route}`)), [/^7:\d+ .*: the service has an auth policy already/]);
  t.match(issuesOf(shop(`    policies: [${auth}, ${auth}]`)), [/^6:42 .*: this list has an auth policy already/]);
});

t.test('a service says for its routes whether they take WebSockets, unless they do themselves', async (t) => {
  const config = configOf(
    shop(
      '    websocket: true\n    routes: { a: { match: GET /a }, b: { match: GET /b, websocket: false }, c: { match: POST /c } }',
    ),
  );
  t.same(
    config.services[0]?.routes.map(({ websocket }) => websocket),
    [true, false, true],
  );
});

t.test('a route that does not answer GET cannot ask for WebSockets', async (t) => {
  const routes = (match: string) => shop(`    routes: { a: { match: "${match}", websocket: true } }`);
  t.same(issuesOf(routes('POST /a')), [
    '6:49 services.shop.routes.a.websocket: a WebSocket is asked for with GET, which this route does not answer; expected a route for GET or ANY',
  ]);
  for (const match of ['GET /a', 'ANY /a']) t.same(issuesOf(routes(match)), []);
});

t.test('messages of WebSockets have 1KiB to 64MiB', async (t) => {
  const limits = (bytes: string) => `version: 1\ngateway: { limits: { messageBytes: ${bytes} } }`;
  t.equal(configOf(limits('64MiB')).gateway.limits.messageBytes, 67_108_864);
  for (const bytes of ['0', '1023B', '65MiB']) t.match(issuesOf(limits(bytes)), [/limits.messageBytes: is not valid/]);
});

t.test('routes that answer the same requests are told where the second is written', async (t) => {
  const routes = '    routes:\n      a: { match: "GET /x/{id}" }\n      b: { match: "GET /x/{name}" }';
  t.match(issuesOf(shop(routes)), [
    /^8:19 services.shop.routes.b.match: shop.b .* and shop.a .* answer the same requests/,
  ]);
});

t.test('routes are compared although something else is wrong', async (t) => {
  const routes = '    routes: { a: { match: GET /x }, b: { match: GET /x }, c: { match: GET } }';
  t.match(issuesOf(shop(routes)), [/routes.b.match: .*answer the same/, /routes.c.match: is not valid/]);
});

t.test('what is wrong with the path of a route is told', async (t) => {
  const issue = (match: string) => issuesOf(shop(`    routes: { a: { match: "${match}" } }`))[0];
  t.match(issue('GET /a{b}'), /its path 'a\{b\}' mixes text and parameters/);
  t.match(issue('GET /{a}/{a}'), /two parameters named 'a'/);
  t.match(issue('GET /{a*}/b'), /must be the last segment/);
  t.match(issue('GET /a/../b'), /dot segment/);
  t.match(issue('get /a'), /expected METHOD \/path.*found "get \/a"/);
});

t.test('the path of a service is literal and normal', async (t) => {
  for (const path of ['shop', '/shop/', '/a//b', '/a/{b}', '/a*', '/a/../b', '/%61', '/a%2Fb', '/a;b', '/ü', '/a?b']) {
    t.match(issuesOf(shop(`    path: "${path}"`)), [/services.shop.path: is not valid/], path);
  }
  for (const path of ['', '/', '/shop', '/shop/v1', '/%C3%BC']) t.same(issuesOf(shop(`    path: "${path}"`)), [], path);
});

t.test('hosts are names without port', async (t) => {
  for (const host of ['a:80', '*', 'a.*', '*.*.a', '-a', 'a..b', 'a.', 'ü.example', '[::1', '[1.2.3.4]', '']) {
    t.match(issuesOf(shop(`    hosts: ["${host}"]`)), [/services.shop.hosts\[0\]: is not valid/], host);
  }
});

t.test('targets are plain URLs', async (t) => {
  const wrong = [
    'http://',
    'ftp://a',
    'a:80',
    'http:/a',
    'http://u:p@a',
    'http://a?b',
    'http://a#b',
    'http://a:0',
    'http://a:99999',
  ];
  for (const url of [...wrong, 'http://a\\\\b', ' http://a', 'http://a b']) {
    t.match(issuesOf(`version: 1\nupstreams: { a: { targets: ["${url}"] } }`), [/targets\[0\]: is not valid/], url);
  }
});

t.test('listeners have addresses of their own', async (t) => {
  const issue = (listen: string, admin = '127.0.0.1:9080') =>
    issuesOf(`version: 1\ngateway: { listen: ${listen}, admin: "${admin}" }`);
  t.match(issue('[":80", "127.0.0.1:80"]'), [/listen\[1\]: this address is listened on already/]);
  t.match(issue('["[::1]:80", "[::1]:80"]'), [/listen\[1\]: this address/]);
  t.match(issue('":9080"'), [/gateway.admin: gateway.admin and gateway.listen/]);
  t.same(issue('[":0", ":0", "127.0.0.1:80", "127.0.0.2:80", "0.0.0.0:81", "[::1]:81"]', ':0'), []);
  t.match(issue('[]'), [/gateway.listen: is not valid; expected at least 1/]);
  for (const wrong of ['"8080"', '8080', '":70000"', '"300.1.1.1:80"', '"[::g]:80"', '"::1:80"', '{ engine: uws }']) {
    t.match(issue(wrong), [/^2:\d+ gateway.listen/], wrong);
  }
});

t.test('trusted proxies are addresses and blocks', async (t) => {
  const text = (block: string) => `version: 1\ngateway: { trustedProxies: ["${block}"] }`;
  for (const block of ['10.0.0.0/8', '::1', 'fd00::/8', '1.2.3.4']) t.same(issuesOf(text(block)), [], block);
  for (const block of ['10.0.0.0/33', '::/129', '10.0.0/8', 'localhost', '', 'fe80::1%eth0', '1.2.3.4/']) {
    t.equal(issuesOf(text(block)).length, 1, block);
  }
});

t.test('two timers for the one of uws are a warning, where both are written and differ', async (t) => {
  const text = (limits: string, engine = 'uws') => `version: 1
gateway: { listen: { address: ":80", engine: ${engine} }, limits: { ${limits} } }`;
  const result = read(text('headerTimeout: 5s, idleTimeout: 60s'));
  t.match(result, {
    ok: true,
    value: { warnings: [{ severity: 'warning', path: 'gateway.limits.idleTimeout', line: 2 }] },
  });
  t.same(issuesOf(text('headerTimeout: 5s')), []);
  t.same(issuesOf(text('headerTimeout: 60s, idleTimeout: 1m')), []);
  t.same(issuesOf(text('headerTimeout: 5s, idleTimeout: 60s', 'node')), []);
});

t.test('the secret of a jwt is not told when it is wrong', async (t) => {
  for (const jwt of ['secret: too-short-to-sign', 'secret: [too-short-to-sign]', 'keys: too-short-to-sign']) {
    const issues = issuesOf(shop(`    policies: [auth: { any: [{ jwt: { issuer: x, audience: y, ${jwt} } }] }]`));
    t.ok(issues.length > 0);
    t.notMatch(issues.join(), /too-short/);
  }
});

t.test('no two keys share an id or a secret, and neither secret is told', async (t) => {
  const issues = issuesOf(`version: 1
consumers:
  alice: { keys: [{ id: a, secret: correct-horse }] }
  bob: { keys: [{ id: a, secret: battery-staple }, { id: b, secret: correct-horse }] }
`);
  t.same(issues, [
    '4:23 consumers.bob.keys[0].id: has the same id as consumers.alice.keys[0]',
    '4:69 consumers.bob.keys[1].secret: has the same secret as consumers.alice.keys[0]',
  ]);
});
