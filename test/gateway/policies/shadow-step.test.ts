import fc from 'fast-check';
import t from 'tap';
import type { PolicyUse } from '../../../src/control/config/config.ts';
import { errors, type Verdict } from '../../../src/gateway/pipeline/errors.ts';
import { type Exchange, Phase } from '../../../src/gateway/pipeline/exchange.ts';
import { definePolicyRun } from '../../../src/gateway/policies/policy-run.ts';
import { buildConfig, buildConsumer, buildRoute, buildService } from '../../support/build-config.ts';
import { answer, TestPlane } from '../../support/plane.ts';
import { publishLimits } from '../../support/publish-limits.ts';

const by = (kind: string) => (kind === 'header' ? { kind, name: 'x-tenant' } : { kind });
const auth: PolicyUse = {
  policy: 'auth',
  config: { methods: [{ kind: 'api-key', in: 'header', name: 'x-api-key' }], needsAll: false },
};
const limit = (kind: string, burst: number): PolicyUse => ({
  policy: 'rate-limit',
  config: { limit: { count: 1, periodSeconds: 1 }, burst, by: by(kind) },
});
const concurrency = (kind: string, max: number): PolicyUse => ({
  policy: 'concurrency',
  config: { max, by: by(kind) },
});
const inShadow = (use: PolicyUse): PolicyUse => ({ ...use, isShadow: true });

/** A plane with a route `ANY /orders` under these policies, and alice, who has a key. */
function planeWith(policies: readonly PolicyUse[], rig = new TestPlane(), epoch = 1): TestPlane {
  const config = buildConfig({
    consumers: [buildConsumer('alice', 'alice-secret')],
    services: [buildService('shop', { routes: [buildRoute('orders', 'ANY /orders', policies)] })],
  });
  publishLimits(rig, config, epoch);
  return rig;
}

const alice = { headers: ['x-api-key', 'alice-secret'] };

t.test('what a policy in shadow mode would refuse is admitted, counted under its place, and noted', async (t) => {
  const rig = planeWith([inShadow(limit('route', 1)), inShadow(concurrency('route', 1))]);
  const first = rig.request('GET /orders');
  const second = rig.request('GET /orders');
  t.equal(rig.sent.length, 2);
  t.equal(first.x.shadowRejections, undefined);
  t.same(second.x.shadowRejections, [
    'RATE_LIMITED@shop.orders.rate-limit.1',
    'TOO_MANY_IN_FLIGHT@shop.orders.concurrency.1',
  ]);
  answer(rig.sent[0]);
  answer(rig.sent[1]);
  t.same([first.client.status, second.client.status], [200, 200]);
  t.same(second.client.headers, ['x-request-id', second.x.requestId]);
  const counts = new Map(rig.shm.shadow.counts().map(({ place, errorId, count }) => [place, [errorId, count]]));
  t.same([...counts].sort(), [
    ['shop.orders.concurrency.1', [errors.TOO_MANY_IN_FLIGHT.id, 1]],
    ['shop.orders.rate-limit.1', [errors.RATE_LIMITED.id, 1]],
  ]);
  t.equal(rig.shm.series.rejections(errors.RATE_LIMITED.id), 0, 'it is no rejection');
});

t.test(
  'of an auth in shadow mode the upstream learns nothing: the credential goes on, the name does not',
  async (t) => {
    const rig = planeWith([inShadow(auth)]);
    const known = rig.request('GET /orders', alice);
    const unknown = rig.request('GET /orders', { headers: ['x-api-key', 'wrong'] });
    t.equal(known.x.consumer?.name, 'alice', 'log, traces and limits know');
    t.same(unknown.x.shadowRejections, ['UNAUTHENTICATED@shop.orders.auth.1']);
    t.match(rig.sent[0]?.request.headerLines, 'x-api-key: alice-secret\r\n');
    t.match(rig.sent[1]?.request.headerLines, 'x-api-key: wrong\r\n');
    for (const { request } of rig.sent) t.notMatch(request.headerLines, 'x-consumer-id');
  },
);

t.test('limits by consumer pass over callers whom an auth in shadow mode let in', async (t) => {
  const rig = planeWith([inShadow(auth), limit('consumer', 1)]);
  const statusOf = (fields: Partial<Exchange>) => rig.request('GET /orders', fields).client.status;
  t.same([statusOf({}), statusOf({}), statusOf({})], [0, 0, 0], 'strangers share no key');
  t.same([statusOf(alice), statusOf(alice)], [0, 429], 'an enforced limit holds for those who are known');
});

t.test('a limit that comes into force goes on with what it counted in shadow mode', async (t) => {
  const rig = planeWith([inShadow(limit('ip', 3))]);
  for (let n = 0; n < 2; n++) rig.request('GET /orders');
  planeWith([limit('ip', 3)], rig, 2);
  t.equal(rig.request('GET /orders').client.status, 0);
  t.equal(rig.request('GET /orders').client.status, 429, 'two were counted before');
});

t.test('a concurrency limit in shadow mode counts what it would have let in', async (t) => {
  const rig = planeWith([inShadow(concurrency('route', 2))]);
  const requests = [1, 2, 3, 4].map(() => rig.request('GET /orders'));
  t.same(
    requests.map(({ x }) => x.shadowRejections?.length ?? 0),
    [0, 0, 1, 1],
  );
  answer(rig.sent[3]);
  t.equal(rig.request('GET /orders').x.shadowRejections?.length, 1, 'one that had no permit gives none back');
  answer(rig.sent[0]);
  t.equal(rig.request('GET /orders').x.shadowRejections, undefined);
});

t.test(
  'a value with a limit of its own in shadow mode stands in no header, an enforced limit beside it does',
  async (t) => {
    const ofValues: PolicyUse = {
      policy: 'rate-limit',
      config: {
        limit: { count: 1, periodSeconds: 1 },
        burst: 1,
        by: by('header'),
        values: new Map([['acme', { limit: { count: 9, periodSeconds: 1 }, burst: 9 }]]),
      },
    };
    const policyOf = (use: PolicyUse): unknown => {
      const rig = planeWith([use, limit('ip', 5)]);
      const { client } = rig.request('GET /orders', { headers: ['x-tenant', 'acme'] });
      answer(rig.sent[0]);
      return client.headers[client.headers.indexOf('ratelimit-policy') + 1];
    };
    t.equal(policyOf(inShadow(ofValues)), '"shop.orders.rate-limit.2";q=1;w=1');
    t.match(policyOf(ofValues), '"shop.orders.rate-limit.1#1";q=9;w=1');
  },
);

/** Stands for `concurrency`: waits for a decision, and says what a refusal would. */
const waiting = definePolicyRun<unknown>({
  name: 'concurrency',
  prepare: () => ({
    run: (x: Exchange): Verdict => {
      x.detail = 'somebody else decides';
      x.retryAfterSeconds = 9;
      return x.plane.parking.park(x, 'key', 50, errors.DECISION_TIMEOUT.id);
    },
  }),
});

t.test('a policy in shadow mode may wait, and whatever the decision is, the exchange goes on', async (t) => {
  for (const [name, decide, code] of [
    ['refused', (rig: TestPlane) => rig.plane.parking.wake('key', errors.RATE_LIMITED.id), 'RATE_LIMITED'],
    ['too late', (rig: TestPlane) => rig.pass(80), 'DECISION_TIMEOUT'],
    ['admitted', (rig: TestPlane) => rig.plane.parking.wake('key', 0), undefined],
  ] as const) {
    const rig = planeWith([inShadow(concurrency('route', 1)), limit('ip', 5)], new TestPlane([waiting]));
    const { x, client } = rig.request('GET /orders');
    t.equal(x.phase, Phase.PARKED, name);
    decide(rig);
    t.equal(rig.sent.length, 1, name);
    answer(rig.sent[0]);
    t.same(x.shadowRejections, code === undefined ? undefined : [`${code}@shop.orders.concurrency.1`], name);
    t.match(client, { status: 200, body: 'fine' }, name);
    t.notOk(client.headers.includes('retry-after'), name);
    t.equal(x.detail, '', name);
    t.equal(rig.plane.parking.count, 0, name);
    t.equal(rig.plane.inFlight, 0, name);
  }
});

t.test('a policy in shadow mode that finds no place to wait is passed', async (t) => {
  const full = definePolicyRun<unknown>({
    name: 'concurrency',
    prepare: () => ({ run: () => errors.PARKING_FULL.id }),
  });
  const rig = planeWith([inShadow(concurrency('route', 1))], new TestPlane([full]));
  const { x } = rig.request('GET /orders');
  t.same(x.shadowRejections, ['PARKING_FULL@shop.orders.concurrency.1']);
  t.equal(rig.sent.length, 1);
});

t.test('a client that leaves while a policy in shadow mode waits is forgotten', async (t) => {
  const rig = planeWith([inShadow(concurrency('route', 1))], new TestPlane([waiting]));
  const { x } = rig.request('GET /orders');
  rig.plane.parking.leave(x);
  t.equal(rig.plane.parking.wake('key', errors.RATE_LIMITED.id), 0);
  t.same(rig.shm.shadow.counts(), []);
});

const kind = fc.constantFrom('ip', 'route', 'header');
const originUse = fc.oneof(
  fc.tuple(kind, fc.integer({ min: 1, max: 3 })).map(([k, n]) => limit(k, n)),
  fc.tuple(kind, fc.integer({ min: 1, max: 3 })).map(([k, n]) => concurrency(k, n)),
);
const shadowUse = fc.oneof(
  originUse,
  fc.integer({ min: 1, max: 2 }).map((n) => limit('consumer', n)),
  fc.integer({ min: 1, max: 2 }).map((n) => concurrency('consumer', n)),
);
const request = fc.record({
  key: fc.constantFrom('', 'alice-secret', 'wrong'),
  tenant: fc.constantFrom('', 'a', 'b'),
  peerAddress: fc.constantFrom('192.0.2.1', '192.0.2.2'),
  isAnswered: fc.boolean(),
  passMs: fc.constantFrom(0, 0, 400),
});

t.test('with policies in shadow mode beside it, a route answers and forwards as it does without them', async (t) => {
  const stack = fc.record({
    enforced: fc.array(originUse, { maxLength: 3 }),
    hasAuth: fc.boolean(),
    shadow: fc.array(shadowUse, { minLength: 1, maxLength: 5 }),
    hasShadowAuth: fc.boolean(),
    requests: fc.array(request, { minLength: 1, maxLength: 12 }),
  });
  let shadowed = 0;
  let refused = 0;
  const law = fc.property(stack, ({ enforced, hasAuth, shadow, hasShadowAuth, requests }) => {
    const own = hasAuth ? [auth, ...enforced] : enforced;
    const beside = [...(hasAuth || !hasShadowAuth ? [] : [auth]), ...shadow].map(inShadow);
    const rigs = [planeWith(own), planeWith([...own, ...beside])] as const;
    for (const [n, { key, tenant, peerAddress, isAnswered, passMs }] of requests.entries()) {
      const headers = ['x-request-id', `request-${n}`, ...(key === '' ? [] : ['x-api-key', key])];
      if (tenant !== '') headers.push('x-tenant', tenant);
      const [plain, shaded] = rigs.map((rig) => {
        const { x, client } = rig.request('GET /orders', { headers: [...headers], peerAddress });
        if (isAnswered && client.status === 0) answer(rig.sent.at(-1));
        rig.pass(passMs);
        shadowed += x.shadowRejections?.length ?? 0;
        if (x.errorId !== 0) refused++;
        const { told: calls, status, headers: got, body } = client;
        return JSON.stringify([calls, status, got, body, rig.sent.at(-1)?.request, rig.sent.length, x.errorId]);
      });
      if (plain !== shaded) throw new Error(`${plain}\n${shaded}`);
    }
    return true;
  });
  t.doesNotThrow(() => fc.assert(law, { numRuns: 60 }));
  t.ok(shadowed > 50 && refused > 50, `${shadowed} admitted in shadow mode, ${refused} refused`);
});
