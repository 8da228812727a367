import fc from 'fast-check';
import t from 'tap';
import type { PolicyUse } from '../../../src/control/config/config.ts';
import { EXPLANATION_BYTES_MAX } from '../../../src/gateway/explain/explanation.ts';
import { errors, type Verdict } from '../../../src/gateway/pipeline/errors.ts';
import type { Exchange } from '../../../src/gateway/pipeline/exchange.ts';
import { RERUN } from '../../../src/gateway/pipeline/parking.ts';
import { refuse } from '../../../src/gateway/pipeline/respond.ts';
import { definePolicyRun } from '../../../src/gateway/policies/policy-run.ts';
import {
  buildConfig,
  buildConsumer,
  buildGateway,
  buildRoute,
  buildService,
  buildUpstream,
} from '../../support/build-config.ts';
import { answer, TestPlane, type ToldClient } from '../../support/plane.ts';
import { publishLimits } from '../../support/publish-limits.ts';

const auth: PolicyUse = {
  policy: 'auth',
  config: { methods: [{ kind: 'api-key', in: 'header', name: 'x-api-key' }], needsAll: false },
};
const limit: PolicyUse = {
  policy: 'rate-limit',
  config: { limit: { count: 60, periodSeconds: 60 }, burst: 2, by: { kind: 'header', name: 'x-tenant' } },
};
const concurrency: PolicyUse = { policy: 'concurrency', config: { max: 5, by: { kind: 'consumer' } } };

function planeWith(policies: readonly PolicyUse[], rig = new TestPlane()): TestPlane {
  const config = buildConfig({
    gateway: buildGateway({ explain: { from: ['192.0.2.1'], secret: '' } }),
    upstreams: [buildUpstream('main', '127.0.0.1:9001', ['127.0.0.1:9002', 2])],
    consumers: [buildConsumer('alice', 'alice-secret')],
    services: [buildService('shop', { routes: [buildRoute('order', 'GET /orders/{id}', policies)] })],
  });
  publishLimits(rig, config, 7);
  return rig;
}

const asking = { explainHeader: '1' };

// biome-ignore lint/suspicious/noExplicitAny: tests look into whatever came
function explanationOf(client: ToldClient): any {
  const at = client.headers.indexOf('x-sluice-explain');
  return at < 0 ? undefined : JSON.parse(client.headers[at + 1] as string);
}

t.test('an explained answer tells the route, each decision with its counter, the target, and the time', async (t) => {
  const rig = planeWith([limit, auth, concurrency]);
  const headers = ['x-api-key', 'alice-secret', 'x-tenant', 'a-tenant'];
  const { client } = rig.request('GET /orders/7', { ...asking, headers });
  rig.clock.us += 1_500;
  answer(rig.sent[0]);
  t.match(client, { status: 200, body: 'fine' });
  const { target, ...told } = explanationOf(client);
  t.same(told, {
    epoch: 7,
    worker: 0,
    route: 'shop.order',
    path: '/orders/{id}',
    consumer: 'alice',
    us: { gateway: 0, upstream: 1_500, total: 1_500 },
    steps: [
      {
        policy: 'rate-limit',
        place: 'shop.order.rate-limit.1',
        verdict: 'admit',
        us: 0,
        by: 'header.x-tenant',
        limit: '60/60s',
        burst: 2,
        remaining: 1,
        resetSeconds: 2,
      },
      { policy: 'auth', place: 'shop.order.auth.1', verdict: 'admit', us: 0, consumer: 'alice' },
      {
        policy: 'concurrency',
        place: 'shop.order.concurrency.1',
        verdict: 'admit',
        us: 0,
        by: 'consumer',
        max: 5,
        inFlight: 1,
      },
    ],
  });
  t.match(target, {
    upstream: 'main',
    origin: rig.sent[0]?.origin,
    why: 'round-robin, 2 of 2 available, 1 under way there',
  });
  t.equal(client.headers.filter((text) => text === 'cache-control').length, 1);
  const text = JSON.stringify(explanationOf(client));
  for (const secret of ['alice-secret', 'a-tenant']) t.notMatch(text, secret);
});

t.test('nobody who does not ask, or may not, is told anything, and the answer is the same', async (t) => {
  const rig = planeWith([auth]);
  const headers = ['x-request-id', 'mine', 'x-api-key', 'alice-secret'];
  const answers = [{}, { explainHeader: '1', peerAddress: '192.0.2.2' }].map((fields) => {
    const { x, client } = rig.request('GET /orders/7', { headers: [...headers], ...fields });
    answer(rig.sent.at(-1));
    t.equal(x.explanation, undefined);
    return [client.status, client.headers, client.body];
  });
  t.same(answers[0], answers[1]);
});

t.test('a refusal is explained, and so is a path that no route has', async (t) => {
  const rig = planeWith([limit, auth]);
  const refused = rig.request('GET /orders/7', asking).client;
  t.equal(refused.status, 401);
  t.match(explanationOf(refused), {
    code: 'UNAUTHENTICATED',
    steps: [{ verdict: 'admit' }, { policy: 'auth', verdict: 'refuse', code: 'UNAUTHENTICATED', consumer: 'none' }],
  });
  t.notOk('target' in explanationOf(refused));
  const lost = rig.request('GET /nowhere/./x?token=hush', { ...asking, host: 'no.example' }).client;
  t.equal(lost.status, 404);
  t.match(explanationOf(lost), {
    code: 'NO_ROUTE',
    noRoute: { host: 'no.example', method: 'GET', path: '/nowhere/x' },
    steps: [],
  });
  t.notMatch(JSON.stringify(explanationOf(lost)), 'hush');
  const failed = rig.request('GET /orders/7', { ...asking, headers: ['x-api-key', 'alice-secret'] }).client;
  rig.sent[0]?.handler.onFailure('unreachable');
  t.match(explanationOf(failed), {
    code: 'UPSTREAM_UNREACHABLE',
    target: { upstream: 'main', origin: rig.sent[0]?.origin },
  });
});

t.test('what a policy in shadow mode would have done stands out', async (t) => {
  const rig = planeWith([{ ...auth, isShadow: true }, limit, { ...concurrency, isShadow: true }]);
  const { client } = rig.request('GET /orders/7', asking);
  answer(rig.sent[0]);
  t.match(explanationOf(client).steps, [
    { policy: 'rate-limit', verdict: 'admit' },
    { place: 'shop.order.auth.1', verdict: 'shadow-refuse', code: 'UNAUTHENTICATED' },
    { policy: 'concurrency', verdict: 'admit', skipped: 'no consumer' },
  ]);
});

t.test('waiting is told: how long, and for what', async (t) => {
  const waits = definePolicyRun<unknown>({
    name: 'concurrency',
    prepare: () => ({
      run: (x: Exchange): Verdict =>
        x.limitLabel === 'granted' ? 0 : x.plane.parking.park(x, 'key', 50, errors.NOT_READY.id),
    }),
  });
  for (const [isShadow, verdict, expected] of [
    [false, 0, [{ verdict: 'admit', waitedUs: 30_000 }]],
    [false, errors.RATE_LIMITED.id, [{ verdict: 'refuse', code: 'RATE_LIMITED', waitedUs: 30_000 }]],
    [true, errors.RATE_LIMITED.id, [{ verdict: 'shadow-refuse', code: 'RATE_LIMITED', waitedUs: 30_000 }]],
    [false, RERUN, [{ verdict: 'wait', waitedUs: 30_000 }, { verdict: 'admit' }]],
  ] as const) {
    const rig = planeWith([{ ...concurrency, isShadow }], new TestPlane([waits]));
    const { x, client } = rig.request('GET /orders/7', asking);
    rig.pass(30);
    if (verdict === RERUN) x.limitLabel = 'granted';
    rig.plane.parking.wake('key', verdict);
    if (rig.sent.length > 0) answer(rig.sent[0]);
    t.match(explanationOf(client).steps, expected);
    t.equal(explanationOf(client).steps.length, expected.length);
  }
});

t.test('whoever decides something may add a note, with its time', async (t) => {
  const rig = planeWith([]);
  const { x, client } = rig.request('GET /orders/7', asking);
  rig.clock.us += 250;
  x.explanation?.note('target', 'least-requests: 3 under way against 7');
  answer(rig.sent[0]);
  t.same(explanationOf(client).notes, [{ us: 250, kind: 'target', text: 'least-requests: 3 under way against 7' }]);
});

t.test(
  'whatever is noted, an explanation is one line of ASCII, at most 8 KiB, and says how much was left out',
  async (t) => {
    const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 400 }), fc.constant('\u0000\r\n"\\'.repeat(80)));
    const asked = fc.record({
      notes: fc.array(fc.tuple(text, text), { maxLength: 90 }),
      host: text,
      path: fc.string({ maxLength: 4_000 }),
      policies: fc.integer({ min: 0, max: 60 }),
    });
    let left = 0;
    const law = fc.property(asked, ({ notes, host, path, policies }) => {
      const rig = planeWith(new Array<PolicyUse>(policies).fill(limit));
      const { x, client } = rig.request('GET /orders/7', { ...asking, headers: ['x-tenant', 'a'] });
      const count = (x.explanation === undefined ? 0 : Math.min(policies, 60)) + notes.length;
      Object.assign(x, { host, path: `/${path}` });
      for (const [kind, said] of notes) x.explanation?.note(kind.slice(0, 8), said);
      refuse(x, errors.NO_ROUTE.id);
      const at = client.headers.indexOf('x-sluice-explain');
      const line = client.headers[at + 1] as string;
      const told = JSON.parse(line);
      left += told.left ?? 0;
      const shown = told.steps.length + (told.notes?.length ?? 0);
      return line.length <= EXPLANATION_BYTES_MAX && /^[\x20-\x7e]+$/.test(line) && shown + (told.left ?? 0) === count;
    });
    t.doesNotThrow(() => fc.assert(law, { numRuns: 40 }));
    t.ok(left > 0);
  },
);

t.test('a request that was steered, and tried again, says which rule, what failed, and where it ended', async (t) => {
  const rig = new TestPlane();
  const on = { connect: true, reset: true, timeout: true, open: true, statuses: [] };
  const retries = {
    attempts: 1,
    budgetShare: 1,
    minPerSecond: 9,
    burst: 9,
    perTryMs: 0,
    on,
    backoffMs: 9,
    backoffMsMax: 9,
  };
  const config = buildConfig({
    gateway: buildGateway({ explain: { from: ['192.0.2.1'], secret: '' } }),
    upstreams: [buildUpstream('main', 'a:1'), { ...buildUpstream('beta', 'b:1', 'c:1'), retries }],
    services: [
      buildService('shop', {
        routes: [buildRoute('order', 'GET /orders')],
        steer: [{ name: 'half', upstream: 'beta', share: 1 }],
      }),
    ],
  });
  rig.publish(config, 1);
  const { client } = rig.request('GET /orders', asking);
  rig.sent[0]?.handler.onFailure('unreachable');
  answer(rig.sent[1]);
  t.match(explanationOf(client), {
    target: { upstream: 'beta', why: /^round-robin, /, tries: 2 },
    notes: [
      { kind: 'steer', text: 'half' },
      { kind: 'try', text: 'unreachable: again in 0 ms' },
    ],
  });
});
