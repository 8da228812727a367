import t from 'tap';
import { concurrencyConfig } from '../../../../src/gateway/policies/concurrency/config.ts';
import { buildConfig, buildConsumer, buildRoute, buildService } from '../../../support/build-config.ts';
import { answer, TestPlane } from '../../../support/plane.ts';
import { publishLimits } from '../../../support/publish-limits.ts';

/** One route GET /a with this limit. */
function rigWith(limit: object, mode: { readonly isShadow?: boolean } = {}): TestPlane {
  const rig = new TestPlane();
  const policies = [
    {
      policy: 'auth',
      config: { methods: [{ kind: 'api-key', in: 'header', name: 'x-api-key' }], needsAll: false },
    },
    { policy: 'concurrency', config: concurrencyConfig.schema.parse(limit), ...mode },
  ];
  const config = buildConfig({
    consumers: [buildConsumer('alice', 'alice-secret'), buildConsumer('bob', 'bob-secret')],
    services: [buildService('shop', { routes: [buildRoute('a', 'GET /a', policies)] })],
  });
  publishLimits(rig, config, 1);
  return rig;
}

function request(rig: TestPlane, target: string, name = 'alice', headers: readonly string[] = []) {
  return rig.request(`GET ${target}`, { headers: ['x-api-key', `${name}-secret`, ...headers] });
}

t.test('a condition says which requests it is for; the others take no place and give none back', async (t) => {
  const rig = rigWith({ max: 1, when: "query.heavy = 'yes' and consumer = 'alice'" });
  for (const target of ['/a', '/a?heavy=no', '/a']) t.equal(request(rig, target).client.status, 0);
  t.equal(request(rig, '/a?heavy=yes', 'bob').client.status, 0);
  t.equal(request(rig, '/a?heavy=yes').client.status, 0, 'none of these has taken the place');
  t.equal(request(rig, '/a?heavy=yes').client.status, 429);
  t.equal(request(rig, '/a').client.status, 0);
  for (const sent of rig.sent.slice(0, 4)) answer(sent);
  t.equal(request(rig, '/a?heavy=yes').client.status, 429, 'nor given it back');
  answer(rig.sent[4]);
  t.equal(request(rig, '/a?heavy=yes').client.status, 0);
});

t.test('values have a maximum of their own, which the answer names', async (t) => {
  const rig = rigWith({ max: 1, by: 'consumer', values: { alice: 3 } });
  const statuses = (name: string) => [1, 2, 3, 4].map(() => request(rig, '/a', name).client.status);
  t.same(statuses('alice'), [0, 0, 0, 429]);
  t.same(statuses('bob'), [0, 429, 429, 429]);
  t.match(request(rig, '/a', 'alice').client.body, /3 requests are under way already/);
  t.match(request(rig, '/a', 'bob').client.body, /1 requests are under way already/);
  answer(rig.sent[0]);
  t.equal(request(rig, '/a', 'alice').client.status, 0);
});

t.test('in shadow mode its condition and its values decide what is counted', async (t) => {
  const rig = rigWith(
    { max: 1, by: 'header.x-app', when: "query.heavy = '1'", values: { gold: 2 } },
    { isShadow: true },
  );
  const rejected = (target: string, app: string) =>
    request(rig, target, 'bob', ['x-app', app]).x.shadowRejections?.length ?? 0;
  const counts = (target: string, app: string) => [1, 2, 3].map(() => rejected(target, app));
  t.same(counts('/a?heavy=1', 'gold'), [0, 0, 1]);
  t.same(counts('/a?heavy=1', 'tin'), [0, 1, 1]);
  t.same(counts('/a', 'tin'), [0, 0, 0]);
});

t.test('what cannot be is refused, and says where', async (t) => {
  const many = Object.fromEntries(Array.from({ length: 1_001 }, (_, n) => [`v${n}`, 1]));
  for (const [limit, path, message] of [
    [{ max: 1, values: { a: 2 } }, ['values'], 'none to tell apart'],
    [{ max: 1, by: 'ip', values: many }, ['values'], 'more than 1000'],
    [{ max: 1, by: 'ip', values: { a: 0 } }, ['values', 'a'], 'a whole number from 1'],
    [{ max: 1, by: 'ip', values: { '': 1 } }, ['values', ''], 'Invalid key'],
    [{ max: 1, when: 'query.a = ' }, ['when'], 'is no condition'],
  ] as const) {
    const { error } = concurrencyConfig.schema.safeParse(limit);
    t.same(error?.issues[0]?.path, path);
    t.match(JSON.stringify(error?.issues), message);
  }
  const { error } = concurrencyConfig.schema.safeParse({
    max: 1,
    by: 'ip',
    values: Object.fromEntries(Object.entries(many).slice(1)),
  });
  t.equal(error, undefined, 'a thousand may be');
});

t.test('it runs once the consumer is known where its condition names it, else before', async (t) => {
  const stageOf = (when: string) => concurrencyConfig.stage(concurrencyConfig.schema.parse({ max: 1, when }));
  t.equal(stageOf("consumer = 'alice'"), 'limit-identity');
  t.equal(stageOf('query.x = 1'), 'limit-origin');
});
