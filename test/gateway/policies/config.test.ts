import t from 'tap';
import type { ClusterLimitDefinition } from '../../../src/gateway/limiter/cluster-limit.ts';
import { authConfig } from '../../../src/gateway/policies/auth/config.ts';
import { concurrencyConfig } from '../../../src/gateway/policies/concurrency/config.ts';
import { configRegistry, findPolicyConfig, laterPolicies } from '../../../src/gateway/policies/config-registry.ts';
import type { CompileContext } from '../../../src/gateway/policies/policy-config.ts';
import { rateLimitConfig } from '../../../src/gateway/policies/rate-limit/config.ts';
import type { LimitDefinition } from '../../../src/gateway/snapshot.ts';

/** What a compilation adds to its route. */
function recordingContext(parts: Partial<CompileContext> = {}) {
  const limits: LimitDefinition[] = [];
  const clusterLimits: ClusterLimitDefinition[] = [];
  const credentials: string[] = [];
  const rateLimitPolicies: string[] = [];
  const context: CompileContext = {
    service: 'shop',
    route: 'get-order',
    method: 'GET',
    path: '/shop/orders/{id}/{rest*}',
    place: 'shop.get-order.rate-limit.1',
    isServiceLevel: false,
    hasStore: false,
    timeZone: 'UTC',
    addClusterLimit: (definition) => void clusterLimits.push(definition),
    addAddressSet: () => 0,
    addLimit: (definition) => limits.push(definition) - 1,
    needConsumerNames: () => {},
    addCredential: ({ in: place, name }) => void credentials.push(`${place} ${name}`),
    upstreamIndex: () => 0,
    addRateLimitPolicy: (item) => rateLimitPolicies.push(item),
    ...parts,
  };
  return { context, limits, clusterLimits, credentials, rateLimitPolicies };
}

function compileRateLimit(config: unknown, parts: Partial<CompileContext> = {}) {
  const recorded = recordingContext(parts);
  return { ...recorded, plan: rateLimitConfig.compile(rateLimitConfig.schema.parse(config), recorded.context) };
}

t.test('the registry names each policy once, and none of a later version', async (t) => {
  const names = configRegistry.map((policy) => policy.name);
  t.same(names, [
    ...['ip', 'method', 'size', 'cors', 'headers', 'request-guard'],
    ...['auth', 'access', 'permissions', 'rate-limit', 'concurrency', 'fault'],
  ]);
  t.equal(new Set([...names, ...laterPolicies]).size, names.length + laterPolicies.length);
  for (const policy of configRegistry) t.equal(findPolicyConfig(policy.name), policy);
  t.equal(findPolicyConfig('toString'), undefined);
});

t.test(
  'auth compiles to lower-case headers, keeps credentials from the upstream, and challenges with the service',
  async (t) => {
    const recorded = recordingContext();
    const places = [{ header: 'X-Token' }, { query: 'api_key' }, { cookie: 'key' }];
    const config = authConfig.schema.parse({ any: ['api-key', ...places.map((place) => ({ 'api-key': place }))] });
    t.equal(authConfig.stage(config), 'authenticate');
    t.match(authConfig.compile(config, recorded.context), {
      methods: [
        { kind: 'api-key', plan: { in: 'header', name: 'x-api-key' } },
        { kind: 'api-key', plan: { in: 'header', name: 'x-token' } },
        { kind: 'api-key', plan: { in: 'query', name: 'api_key' } },
        { kind: 'api-key', plan: { in: 'cookie', name: 'key' } },
      ],
      needsAll: false,
      challenge: 'ApiKey realm="shop"',
    });
    t.same(recorded.credentials, ['header x-api-key', 'header x-token', 'query api_key', 'cookie key']);
    const all = authConfig.schema.parse({ all: ['api-key', { 'api-key': { query: 'key' } }] });
    t.match(authConfig.compile(all, recordingContext().context), { needsAll: true });
  },
);

t.test(
  'auth without a method, with a method twice, or with a header that is needed otherwise is refused',
  async (t) => {
    const wrong = [
      {},
      { any: [] },
      { any: ['api-key', { 'api-key': {} }] },
      { any: [{ 'api-key': { header: 'Host' } }] },
    ];
    for (const config of [...wrong, { any: [{ 'api-key': { header: 'a b' } }] }, { any: [{}] }, { any: 'api-key' }]) {
      t.notOk(authConfig.schema.safeParse(config).success, JSON.stringify(config));
    }
  },
);

t.test('a rate limit compiles to tokens per second, a burst, and an item of RateLimit-Policy', async (t) => {
  const { plan, limits, rateLimitPolicies } = compileRateLimit({ limit: '6000/min', burst: 20, by: 'header.X-Tenant' });
  t.match(plan, { limit: 0, by: { kind: 'header', name: 'x-tenant' }, label: 'shop.get-order.rate-limit.1' });
  t.same([plan.idLow, plan.idHigh], [limits[0]?.idLow, limits[0]?.idHigh]);
  t.match(limits, [{ name: 'shop.get-order.rate-limit.1', tokensPerSecond: 100, burst: 20 }]);
  t.same(rateLimitPolicies, ['"shop.get-order.rate-limit.1";q=6000;w=60']);
});

t.test("a rate limit's burst is one second's worth by default, at least 1", async (t) => {
  t.match(compileRateLimit({ limit: '100/s' }).limits, [{ burst: 100 }]);
  t.match(compileRateLimit({ limit: '90/min' }).limits, [{ burst: 1 }]);
  t.match(compileRateLimit({ limit: '5/min' }).limits, [{ burst: 1 }]);
  t.match(compileRateLimit({ limit: '1000000/s' }).limits, [{ burst: 1_000_000 }]);
});

t.test('a rate over more than a minute needs a burst', async (t) => {
  for (const limit of ['1000/day', '500/h']) {
    t.notOk(rateLimitConfig.schema.safeParse({ limit }).success);
    t.ok(rateLimitConfig.schema.safeParse({ limit, burst: 10 }).success);
  }
  t.ok(rateLimitConfig.schema.safeParse({ limit: '6000/min' }).success);
});

t.test('rates beyond 1,000,000 a second and values of later versions are refused', async (t) => {
  const wrong = ['1000001/s', '60000001/min', '0/s'].map((limit) => ({ limit, burst: 1 }));
  const later = [
    { limit: '1/s', by: 'claim.' },
    { limit: '1/s', scope: 'world' },
    { limit: '1/s', onStoreLoss: 'ignore' },
  ];
  for (const config of [...wrong, ...later, { limit: '1/s', by: 'header.' }, { limit: '1/s', burst: 0 }]) {
    t.notOk(rateLimitConfig.schema.safeParse(config).success, JSON.stringify(config));
  }
});

t.test('where there is a store, a limit by consumer is over the cluster, and any other where it says so', async (t) => {
  const hasStore = true;
  const byConsumer = compileRateLimit({ limit: '100/s', by: 'consumer', onStoreLoss: 'closed' }, { hasStore });
  t.match(byConsumer.plan, { cluster: { burst: 100, onStoreLoss: 'closed' } });
  t.match(byConsumer.clusterLimits, [{ tokensPerSecond: 100, burst: 100, onStoreLoss: 'closed' }]);
  t.same(byConsumer.limits, [], 'it needs no place in the table of this node');
  const { idLow, idHigh } = byConsumer.plan;
  t.match(byConsumer.clusterLimits, [{ idLow, idHigh }]);
  t.match(compileRateLimit({ limit: '1/s', scope: 'cluster' }, { hasStore }).plan, {
    cluster: { onStoreLoss: 'local-share' },
  });
  for (const [config, parts] of [
    [{ limit: '1/s' }, { hasStore }],
    [{ limit: '1/s', by: 'consumer', scope: 'node' }, { hasStore }],
    [{ limit: '1/s', by: 'consumer', scope: 'cluster' }, {}],
  ] as const) {
    const { plan, limits, clusterLimits } = compileRateLimit(config, parts);
    t.equal(plan.cluster, undefined, JSON.stringify(config));
    t.equal(limits.length, 1);
    t.same(clusterLimits, []);
  }
});

t.test(
  'what is about the caller is over the cluster by default, each value with a limit of its own there',
  async (t) => {
    const hasStore = true;
    for (const by of ['consumer', 'key', 'claim.tenant']) {
      t.ok(compileRateLimit({ limit: '1/s', by }, { hasStore }).plan.cluster, by);
      t.equal(rateLimitConfig.stage(rateLimitConfig.schema.parse({ limit: '1/s', by })), 'limit-identity', by);
    }
    const values = { alice: '9/s' };
    const { plan, limits, clusterLimits } = compileRateLimit({ limit: '1/s', by: 'consumer', values }, { hasStore });
    t.match(plan.values, [['alice', { label: `${plan.label}#1`, quota: 9, cluster: { burst: 9 } }]]);
    t.same(new Set(clusterLimits.map(({ tokensPerSecond }) => tokensPerSecond)), new Set([1, 9]));
    t.same(limits, []);
  },
);

t.test('windows are counted by node: the cluster is refused, and not the default', async (t) => {
  for (const [own, message] of [
    [{ algorithm: 'fixed-window' }, 'cluster is of gcra only: fixed-window is counted by node'],
    [{ algorithm: 'sliding-window' }, 'cluster is of gcra only: sliding-window is counted by node'],
  ] as const) {
    const config = { limit: '1/s', by: 'consumer', ...own };
    const { error } = rateLimitConfig.schema.safeParse({ ...config, scope: 'cluster' });
    t.match(error?.issues, [{ path: ['scope'], params: { message } }]);
    t.equal(error?.issues.length, 1);
    for (const scope of [{}, { scope: 'node' }]) {
      const { plan, clusterLimits } = compileRateLimit({ ...config, ...scope }, { hasStore: true });
      t.equal(plan.cluster, undefined, JSON.stringify(own));
      t.same(clusterLimits, []);
    }
  }
  const when = "header.x-tier = 'free'";
  const { plan } = compileRateLimit({ limit: '1/s', scope: 'cluster', algorithm: 'gcra', when }, { hasStore: true });
  t.ok(plan.cluster);
  t.ok(plan.when);
  const byPath = compileRateLimit({ limit: '1/s', by: 'path.id', scope: 'cluster' }, { hasStore: true });
  t.match(byPath.plan, { by: { kind: 'path', segment: 2 }, cluster: {} });
});

t.test('limits by consumer run once the consumer is known, all others before', async (t) => {
  const rate = (by: string) => rateLimitConfig.stage(rateLimitConfig.schema.parse({ limit: '1/s', by }));
  const concurrency = (by: string) => concurrencyConfig.stage(concurrencyConfig.schema.parse({ max: 1, by }));
  for (const stage of [rate, concurrency]) {
    t.equal(stage('consumer'), 'limit-identity');
    for (const by of ['ip', 'route', 'header.X-Tenant']) t.equal(stage(by), 'limit-origin');
  }
});

t.test("a service's limit is the same for all its routes, but by route one for each", async (t) => {
  const onService = (route: string, by: string) =>
    compileRateLimit({ limit: '1/s', by }, { route, place: 'shop.rate-limit.1', isServiceLevel: true }).limits[0];
  t.same(onService('a', 'ip'), onService('b', 'ip'));
  t.equal(onService('a', 'route')?.name, 'shop.rate-limit.1@a');
  t.not(onService('a', 'route')?.idLow, onService('b', 'route')?.idLow);
});

t.test('the identity of a limit depends on its place alone', async (t) => {
  const [slow] = compileRateLimit({ limit: '1/s' }).limits;
  const [fast] = compileRateLimit({ limit: '9/s', by: 'route' }).limits;
  t.same([slow?.idLow, slow?.idHigh], [fast?.idLow, fast?.idHigh]);
  const config = concurrencyConfig.schema.parse({ max: 5 });
  const here = concurrencyConfig.compile(config, recordingContext({ place: 'shop.get-order.concurrency.1' }).context);
  const there = concurrencyConfig.compile(config, recordingContext({ place: 'shop.get-order.concurrency.2' }).context);
  t.match(here, { max: 5, by: { kind: 'route' } });
  t.notSame([here.idLow, here.idHigh], [there.idLow, there.idHigh]);
});
