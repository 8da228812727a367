import t from 'tap';
import { rateLimitConfig } from '../../../../src/gateway/policies/rate-limit/config.ts';
import { buildConfig, buildConsumer, buildRoute, buildService } from '../../../support/build-config.ts';
import { TestPlane } from '../../../support/plane.ts';
import { publishLimits } from '../../../support/publish-limits.ts';

const AUTH = {
  policy: 'auth',
  config: { methods: [{ kind: 'api-key', in: 'header', name: 'x-api-key' }], needsAll: false },
};

/** One route GET /a/{id}/{rest*} with these limits. */
function rigWith(...limits: readonly object[]): TestPlane {
  const rig = new TestPlane();
  const policies = limits.map((limit) => ({ policy: 'rate-limit', config: rateLimitConfig.schema.parse(limit) }));
  const config = buildConfig({
    consumers: [
      { ...buildConsumer('alice', 'alice-secret', 'second-secret'), claims: { tenant: 'acme' } },
      { ...buildConsumer('bob', 'bob-secret'), claims: { tenant: 'acme' } },
      buildConsumer('carol', 'carol-secret'),
    ],
    services: [buildService('shop', { policies: [AUTH], routes: [buildRoute('a', 'GET /a/{id}/{rest*}', policies)] })],
  });
  publishLimits(rig, config, 1);
  return rig;
}

/** @returns how many of so many are admitted */
function admitted(rig: TestPlane, count: number, target: string, headers: readonly string[] = []): number {
  const before = rig.sent.length;
  for (let n = 0; n < count; n++) request(rig, target, headers);
  return rig.sent.length - before;
}

function request(rig: TestPlane, target: string, headers: readonly string[] = []) {
  return rig.request(`GET ${target}`, { headers: ['x-api-key', 'alice-secret', ...headers] }).client;
}

t.test('limits count apart by a query parameter, however it is spelled', async (t) => {
  const rig = rigWith({ limit: '1/min', burst: 2, by: 'query.user' });
  t.equal(admitted(rig, 3, '/a/1/x?user=ann'), 2);
  t.equal(admitted(rig, 3, '/a/1/x?user=%61nn'), 0);
  t.equal(admitted(rig, 3, '/a/1/x?user=ben'), 2);
  t.equal(admitted(rig, 3, '/a/1/x'), 2, 'those without it are one');
});

t.test('limits count apart by a parameter of the path, or by the rest of it', async (t) => {
  const rig = rigWith({ limit: '1/min', burst: 3, by: 'path.id' }, { limit: '1/min', burst: 2, by: 'path.rest' });
  t.equal(admitted(rig, 3, '/a/1/x/y'), 2);
  t.equal(admitted(rig, 3, '/a/1/x/z'), 0, 'path.id has seen those that path.rest refused');
  t.equal(admitted(rig, 3, '/a/2/x/z'), 2);
  t.equal(admitted(rig, 3, '/a/%32/v'), 0);
  t.equal(admitted(rig, 3, '/a/3/v'), 2);
});

t.test('limits count apart by the key that a consumer came with, and by what is known of it', async (t) => {
  const as = (rig: TestPlane, name: string, count: number) => {
    const before = rig.sent.length;
    for (let n = 0; n < count; n++) rig.request('GET /a/1/x', { headers: ['x-api-key', `${name}-secret`] });
    return rig.sent.length - before;
  };
  const byKey = rigWith({ limit: '1/min', burst: 2, by: 'key', values: { 'alice-1': { limit: '1/min', burst: 4 } } });
  t.equal(as(byKey, 'alice', 9), 2);
  t.equal(as(byKey, 'second', 9), 4, 'another key of hers, with a limit of its own');
  t.equal(as(byKey, 'bob', 9), 2);
  const byTenant = rigWith({ limit: '1/min', burst: 3, by: 'claim.tenant' });
  t.equal(as(byTenant, 'alice', 2), 2);
  t.equal(as(byTenant, 'bob', 9), 1, 'they share what their tenant may do');
  t.equal(as(byTenant, 'carol', 9), 3, 'of whom it is not known, share another');
});

t.test('a limit with a condition leaves all other requests alone; one about the consumer waits for auth', async (t) => {
  const when = "query.heavy = 'yes' and consumer = 'alice'";
  const rig = rigWith({ limit: '1/min', burst: 1, by: 'route', when });
  t.equal(admitted(rig, 5, '/a/1/x'), 5);
  t.equal(admitted(rig, 5, '/a/1/x?heavy=yes'), 1);
  t.equal(rateLimitConfig.stage(rateLimitConfig.schema.parse({ limit: '1/s', when })), 'limit-identity');
  t.equal(rateLimitConfig.stage(rateLimitConfig.schema.parse({ limit: '1/s', when: 'query.x = 1' })), 'limit-origin');
});

t.test('values have limits of their own, which the answer names', async (t) => {
  const values = { alice: { limit: '1/min', burst: 4 } };
  const rig = rigWith({ limit: '2/s', by: 'consumer', values });
  t.equal(admitted(rig, 9, '/a/1/x'), 4);
  const { headers } = request(rig, '/a/1/x');
  const text = headers.join();
  t.match(text, 'ratelimit-policy,"shop.a.rate-limit.1";q=2;w=1, "shop.a.rate-limit.1#1";q=1;w=60');
  t.match(text, '"shop.a.rate-limit.1#1";r=0');
  const before = rig.sent.length;
  for (let n = 0; n < 9; n++) rig.request('GET /a/1/x', { headers: ['x-api-key', 'bob-secret'] });
  t.equal(rig.sent.length - before, 2);
});

t.test('windows admit their whole count at once, and then wait for their end', async (t) => {
  for (const algorithm of ['fixed-window', 'sliding-window']) {
    const rig = rigWith({ limit: '40/min', algorithm });
    t.equal(admitted(rig, 50, '/a/1/x'), 40, algorithm);
    const { body, headers } = request(rig, '/a/1/x');
    t.match(body, 'RATE_LIMITED');
    const seconds = Number(headers[headers.indexOf('retry-after') + 1]);
    t.ok(seconds >= 1 && seconds <= 65, `${seconds} s`);
    rig.clock.us += seconds * 1_000_000;
    t.ok(admitted(rig, 50, '/a/1/x') >= 1);
  }
});

t.test(
  'throttling by parameters: a default first, then strategies as they are written; any refusal counts',
  async (t) => {
    const window = { algorithm: 'fixed-window' };
    const rig = rigWith(
      { limit: '20/min', by: 'route', ...window },
      { limit: '5/min', by: 'header.x-app', when: "header.x-tier = 'free'", ...window },
      { limit: '7/min', by: 'query.user', ...window },
    );
    const free = ['x-tier', 'free', 'x-app', 'one'];
    t.equal(admitted(rig, 9, '/a/1/x?user=ann', free), 5, 'by the strategy that applies');
    t.equal(admitted(rig, 4, '/a/1/x?user=ann'), 2, 'seven for ann, five of which are gone');
    t.equal(admitted(rig, 20, '/a/1/x?user=ben'), 7);
    t.equal(admitted(rig, 20, '/a/1/x?user=eve'), 0, 'and twenty in all, which the refused have had, too');
  },
);

t.test('what does not fit together is refused', async (t) => {
  for (const [config, message] of [
    [{ limit: '5/s', burst: 5, algorithm: 'fixed-window' }, 'is of gcra only'],
    [{ limit: '2000000/day', algorithm: 'sliding-window' }, 'is more than the 1048575'],
    [{ limit: '1000/day' }, 'needs a burst'],
    [{ limit: '5/s', by: 'route', values: { a: '1/s' } }, 'none to tell apart'],
    [{ limit: '5/s', by: 'ip', values: { a: { limit: '9/h' } } }, 'needs a burst'],
  ] as const) {
    const parsed = rateLimitConfig.schema.safeParse(config);
    t.match(JSON.stringify(parsed.error?.issues), message);
  }
  t.ok(rateLimitConfig.schema.safeParse({ limit: '1000/day', algorithm: 'fixed-window' }).success);
});
