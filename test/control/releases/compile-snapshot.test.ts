import { unpack } from 'msgpackr';
import t from 'tap';
import type { Config, PolicyUse, UpstreamConfig } from '../../../src/control/config/config.ts';
import { compileSnapshot, routeEntries } from '../../../src/control/releases/compile-snapshot.ts';
import type { RateLimitPlan } from '../../../src/gateway/limiter/limit-plans.ts';
import { stages } from '../../../src/gateway/pipeline/stages.ts';
import type { GatewayPlan, PolicyPlan, RoutePlan } from '../../../src/gateway/snapshot.ts';
import {
  buildConfig,
  buildConsumer,
  buildGateway,
  buildRoute,
  buildService,
  buildUpstream,
} from '../../support/build-config.ts';
import { compile } from '../../support/plane.ts';
import { sealKey } from '../../support/seal-key.ts';

function limit(kind: string, count = 10): PolicyUse {
  return { policy: 'rate-limit', config: { limit: { count, periodSeconds: 1 }, burst: count, by: { kind } } };
}

const auth: PolicyUse = {
  policy: 'auth',
  config: { methods: [{ kind: 'api-key', in: 'header', name: 'x-key' }], needsAll: false },
};
const concurrency: PolicyUse = { policy: 'concurrency', config: { max: 3, by: { kind: 'route' } } };

function routePlans(config: Config): readonly RoutePlan[] {
  const { arena } = compile(config, 1);
  return Array.from({ length: arena.get('routeCount') }, (_, route) => unpack(arena.routePlan(route)) as RoutePlan);
}

t.test('routes lie in the order of services and routes, and their names with them', async (t) => {
  const config = buildConfig({
    services: [
      buildService('b', { path: '/b', routes: [buildRoute('two', 'GET /2'), buildRoute('one', 'ANY /1')] }),
      buildService('a', { path: '/a', hosts: ['a.example'], routes: [buildRoute('one', 'GET /{x*}')] }),
    ],
  });
  const { summary, arena } = compile(config, 7);
  t.match(summary, {
    epoch: 7,
    routeNames: [
      ['b', 'two'],
      ['b', 'one'],
      ['a', 'one'],
    ],
    serviceCount: 2,
    consumerCount: 0,
  });
  t.equal(arena.get('epoch'), 7);
  t.same(
    routePlans(config).map(({ service, route }) => [service, route]),
    summary.routeNames,
  );
  t.same(routeEntries(config)[2], {
    hosts: ['a.example'],
    method: 'GET',
    path: '/a/{x*}',
    routeIndex: 2,
    name: 'a.one',
  });
});

t.test('a route says all that its service and the gateway say of it', async (t) => {
  const { limits } = buildGateway();
  const [plan] = routePlans(
    buildConfig({
      gateway: buildGateway({ limits: { ...limits, bodyBytes: 77 } }),
      upstreams: [buildUpstream('main', 'a:1'), buildUpstream('other', 'b:2')],
      services: [
        buildService('shop', {
          path: '/shop',
          upstream: 'other',
          stripPath: true,
          preserveHost: true,
          routes: [{ ...buildRoute('orders', 'GET /orders'), allowSemicolons: true }],
        }),
      ],
    }),
  );
  t.match(plan, {
    upstream: 1,
    stripSegments: 1,
    preserveHost: true,
    allowSemicolons: true,
    allowEncodedSlashes: false,
    bodyBytesMax: 77,
    policies: [],
    credentialHeaders: [],
    credentialQueries: [],
    credentialCookies: [],
    rateLimitPolicy: '',
  });
});

t.test('the gateway plan holds upstreams and trusted proxies, targets in the order of their names', async (t) => {
  const config = buildConfig({
    gateway: buildGateway({ trustedProxies: ['10.0.0.0/8'] }),
    upstreams: [buildUpstream('main', 'a:1', ['b:2', 5]), buildUpstream('other', 'a:1')],
  });
  const { arena, summary } = compile(config, 1);
  const plan = unpack(arena.gatewayPlan()) as GatewayPlan;
  t.same(plan.trustedProxies, ['10.0.0.0/8']);
  t.match(plan.upstreams[0], { name: 'main', connectTimeoutMs: 1_000, responseTimeoutMs: 5_000, connectionsMax: 8 });
  t.match(plan.upstreams[0]?.targets[1], { origin: 'http://b:2', authority: 'b:2', weight: 5 });
  t.same(summary.targetNames, [
    ['main', 'http://a:1'],
    ['main', 'http://b:2'],
    ['other', 'http://a:1'],
  ]);
  t.equal(arena.get('targetCount'), 3);
});

t.test('an upstream says how its connections are made and kept, and a socket is named as it is written', async (t) => {
  const tls = { ca: 'CA', cert: 'CERT', key: 'KEY', serverName: 'a.test', verify: false };
  const socket = { origin: 'unix:/run/a', authority: 'localhost', socketPath: '/run/a', weight: 1 };
  const upstream: UpstreamConfig = {
    ...buildUpstream('main'),
    targets: [
      { ...socket, basePath: '' },
      { ...socket, basePath: '/base' },
    ],
    keepAlive: { idleTimeoutMs: 9_000, min: 3 },
    pipelining: 16,
    http2: true,
    tls,
  };
  const { arena, summary } = compile(buildConfig({ upstreams: [upstream, buildUpstream('other', 'a:1')] }), 1);
  const plan = unpack(arena.gatewayPlan()) as GatewayPlan;
  t.match(plan.upstreams[0], { connectionsMin: 3, keepAliveMs: 9_000, pipelining: 16, http2: true, tls });
  t.match(plan.upstreams[0]?.targets[1], { origin: 'unix:/run/a', socketPath: '/run/a', basePath: '/base' });
  t.same(plan.upstreams[1]?.tls, undefined);
  t.same(summary.targetNames, [
    ['main', 'unix:/run/a'],
    ['main', 'unix:/run/a:/base'],
    ['other', 'http://a:1'],
  ]);
  t.notMatch(JSON.stringify(summary), /KEY/, 'the key goes no other way than through the arena');
});

t.test('what an upstream does when it fails stands in its plan, in the units of a request', async (t) => {
  const on = { connect: true, reset: true, timeout: true, open: true, statuses: [503] };
  const main: UpstreamConfig = {
    ...buildUpstream('main', 'a:1'),
    circuit: { errors: 0.25, slow: { aboveMs: 2, share: 0.8 }, callsMin: 9, withinMs: 1_000, openMs: 2_000, trials: 3 },
    retries: {
      attempts: 2,
      budgetShare: 0.2,
      minPerSecond: 10,
      burst: 100,
      perTryMs: 0,
      on,
      backoffMs: 25,
      backoffMsMax: 250,
    },
    fallback: { upstream: 'other', on },
  };
  const { arena, summary } = compile(buildConfig({ upstreams: [main, buildUpstream('other', 'b:1')] }), 1);
  const [plan, other] = (unpack(arena.gatewayPlan()) as GatewayPlan).upstreams;
  t.match(plan?.circuit, { failedShare: 0.25, slowUs: 2_000, slowShare: 0.8, windowMs: 1_000, trialMs: 6_000 });
  t.match(plan?.retries, { depositUnits: 20_000, savedUnitsMax: 10_000_000, perTryMs: Number.POSITIVE_INFINITY });
  t.match(plan?.fallback, { kind: 'upstream', upstream: 1, on });
  for (const part of ['circuit', 'retries', 'fallback']) t.notOk(part in (other ?? {}), 'nothing is said of the other');
  t.match(summary.upstreams, [
    { name: 'main', hasCircuit: true, hasRetries: true, fallback: 'upstream' },
    { name: 'other', hasCircuit: false, hasRetries: false, fallback: undefined },
  ]);
  t.equal(arena.get('upstreamCount'), 2);
});

t.test('policies stand in the order of stages; within a stage the service before the route, as written', async (t) => {
  const config = buildConfig({
    services: [
      buildService('shop', {
        policies: [limit('consumer', 1), auth, limit('ip', 2)],
        routes: [buildRoute('orders', 'GET /orders', [limit('consumer', 3), concurrency, limit('route', 4)])],
      }),
    ],
  });
  const [plan] = routePlans(config);
  const labels = plan?.policies.map((use: PolicyPlan) => (use.plan as Partial<RateLimitPlan>).label ?? use.policy);
  t.same(labels, [
    'shop.rate-limit.2',
    'concurrency',
    'shop.orders.rate-limit.2',
    'auth',
    'shop.rate-limit.1',
    'shop.orders.rate-limit.1',
  ]);
  t.ok(stages.indexOf('limit-origin') < stages.indexOf('authenticate'));
  t.same(plan?.credentialHeaders, ['x-key']);
});

t.test("a service's limit is one for all its routes; by route it is one for each", async (t) => {
  const routes = [buildRoute('a', 'GET /a'), buildRoute('b', 'GET /b')];
  const shared = compile(buildConfig({ services: [buildService('shop', { policies: [limit('ip')], routes })] }), 1);
  t.same(
    shared.summary.limits.map(({ name }) => name),
    ['shop.rate-limit.1'],
  );
  const each = compile(buildConfig({ services: [buildService('shop', { policies: [limit('route')], routes })] }), 1);
  t.same(
    each.summary.limits.map(({ name }) => name),
    ['shop.rate-limit.1@a', 'shop.rate-limit.1@b'],
  );
  t.equal(each.arena.get('limitCount'), 2);
});

t.test('a limit keeps its identity when routes before it come and go, or its figures change', async (t) => {
  const idOf = (routes: Parameters<typeof buildService>[1]['routes']) => {
    const { summary } = compile(buildConfig({ services: [buildService('shop', { routes })] }), 1);
    const found = summary.limits.find(({ name }) => name === 'shop.b.rate-limit.1');
    return `${found?.idLow} ${found?.idHigh}`;
  };
  const alone = idOf([buildRoute('b', 'GET /b', [limit('ip')])]);
  t.equal(idOf([buildRoute('a', 'GET /a', [limit('ip')]), buildRoute('b', 'GET /b', [limit('ip', 99)])]), alone);
  t.not(alone, 'undefined undefined');
});

t.test('consumers are found by the digests of their keys, and no secret lies in the arena', async (t) => {
  const config = buildConfig({
    consumers: [buildConsumer('alice', 'secret-a'), buildConsumer('bob', 'secret-b', 'secret-c')],
  });
  const { arena, summary } = compile(config, 1);
  t.equal(summary.consumerCount, 2);
  const digest = Buffer.from(config.consumers[1]?.keys[1]?.sha256 ?? '', 'hex');
  t.same(unpack(arena.consumerPlan(arena.findKey(digest))), { name: 'bob', keyIds: ['bob-0', 'bob-1'], firstKey: 1 });
  t.notOk(Buffer.from(new Uint8Array(arena.buffer)).includes('secret-'));
});

t.test('routes that clash are issues, all at once, and no snapshot', async (t) => {
  const config = buildConfig({
    services: [
      buildService('shop', {
        routes: [buildRoute('a', 'GET /{x}'), buildRoute('b', 'GET /{y}'), buildRoute('c', 'GET /{z}')],
      }),
    ],
  });
  let isTaken = false;
  const result = compileSnapshot(
    config,
    1,
    (bytes) => {
      isTaken = true;
      return new SharedArrayBuffer(bytes);
    },
    sealKey,
  );
  t.notOk(result.ok);
  t.notOk(isTaken, 'nothing is written into an arena');
  if (!result.ok) t.equal(result.error.length, 2);
});

t.test('a snapshot in a used arena is the same as in a fresh one', async (t) => {
  const config = buildConfig({ consumers: [buildConsumer('alice', 'key')] });
  const used = new SharedArrayBuffer(256 * 1_024);
  new Uint8Array(used).fill(0xff);
  const result = compileSnapshot(config, 3, () => used, sealKey);
  t.ok(result.ok);
  if (!result.ok) return;
  const { arena } = result.value;
  // The main thread writes these before anybody reads them.
  for (const table of ['seriesAt', 'targetsAt', 'upstreamsAt', 'callersAt'] as const) arena.writeIndexes(table, [0]);
  const fresh = new Uint8Array(compile(config, 3).arena.buffer);
  const bytes = arena.get('usedBytes');
  const holes = new Uint8Array(used)
    .subarray(0, bytes)
    .reduce((sum, byte, at) => sum + (byte === fresh[at] ? 0 : 1), 0);
  // Between packed plans lie up to three bytes that nobody reads.
  t.ok(holes <= 3 * 3, `${holes} bytes differ`);
});
