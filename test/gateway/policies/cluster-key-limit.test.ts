import t from 'tap';
import type { PolicyUse } from '../../../src/control/config/config.ts';
import { type Condition, condition } from '../../../src/gateway/conditions/config.ts';
import { Phase } from '../../../src/gateway/pipeline/exchange.ts';
import { LeaseVerdict } from '../../../src/gateway/worker-messages.ts';
import { LeaseLoss } from '../../../src/shm/lease-table.ts';
import { buildConfig, buildGateway, buildRoute, buildService } from '../../support/build-config.ts';
import { answerLease, leaseShare } from '../../support/lease-share.ts';
import { TestPlane } from '../../support/plane.ts';

const RATE = 10;
const BURST = 20;

/** A plane with a limit by route over the cluster; `lease` is the main thread's part. */
function clusterRig(onStoreLoss = 'closed', isShadow = false, when?: Condition, relaxed = 0) {
  const use: PolicyUse = {
    policy: 'rate-limit',
    config: {
      limit: { count: RATE, periodSeconds: 1 },
      burst: BURST,
      by: { kind: 'route' },
      scope: 'cluster',
      onStoreLoss,
      relaxed,
      ...(when !== undefined && { when }),
    },
    isShadow,
  };
  const rig = new TestPlane();
  rig.publish(
    buildConfig({
      gateway: buildGateway({ redis: 'redis://127.0.0.1' }),
      services: [buildService('shop', { routes: [buildRoute('orders', 'GET /orders', [use])] })],
    }),
    1,
  );
  const ask = () => rig.request('GET /orders');
  const lease = (tokens: number, rate = 0) => leaseShare(rig, { ratePerSecond: RATE, burst: BURST }, tokens, rate);
  const answer = (verdict: LeaseVerdict) => answerLease(rig, verdict);
  return { rig, ask, lease, answer };
}

t.test('a request of a new key waits for its share, and goes on when it is there', async (t) => {
  const { rig, ask, lease, answer } = clusterRig();
  const first = ask();
  const second = ask();
  const third = ask();
  t.equal(rig.leaseQuestions.length, 3);
  t.equal(rig.leaseQuestions[0]?.[4], '', 'by route there is one key');
  t.equal(first.x.phase, Phase.PARKED);
  const { slot, bucket } = lease(2);
  rig.shm.leases.announce(slot, rig.clock.us + 60_000, LeaseLoss.NONE);
  answer(LeaseVerdict.AGAIN);
  t.equal(rig.sent.length, 2, 'as many as there are tokens');
  t.equal(third.client.status, 429);
  t.match(third.client.headers, ['x-request-id']);
  t.equal(third.x.retryAfterSeconds, 1);
  t.match(third.client.body, /the limit shop.orders.rate-limit.1 is used up/);
  t.equal(second.x.limitRemaining, 0);
  t.equal(bucket.demandCount, 0, 'who counted as new is not counted again');
  for (let n = 0; n < 5; n++) t.equal(ask().client.status, 429);
  t.equal(rig.leaseQuestions.length, 3, 'what is refused before T asks nothing');
  t.equal(bucket.demandCount, 5, 'and is demand all the same');
});

t.test('a share is spent without a question', async (t) => {
  const { rig, ask, lease, answer } = clusterRig();
  ask();
  lease(10, RATE);
  answer(LeaseVerdict.AGAIN);
  for (let n = 0; n < 9; n++) ask();
  t.equal(rig.sent.length, 10);
  t.equal(rig.leaseQuestions.length, 1);
  rig.pass(120);
  const { x } = ask();
  t.equal(rig.sent.length, 11, 'it refills at its rate');
  t.equal(x.limitRemaining, 0);
  t.equal(x.limitResetSeconds, 2, 'until the whole burst of 20 is there');
});

t.test('a silent store is waited for 50 ms, however often a request looks again', async (t) => {
  for (const [onStoreLoss, status] of [
    ['closed', 503],
    ['local-share', 503],
    ['open', 0],
  ] as const) {
    const { rig, ask, lease, answer } = clusterRig(onStoreLoss);
    const { client } = ask();
    lease(0);
    rig.pass(30);
    answer(LeaseVerdict.AGAIN);
    t.equal(rig.leaseQuestions.length, 2, 'it asks again');
    t.equal(client.status, 0);
    rig.pass(40);
    t.equal(client.status, status, onStoreLoss);
    t.equal(rig.sent.length, onStoreLoss === 'open' ? 1 : 0);
    if (status === 503) t.match(client.body, /STORE_UNAVAILABLE/);
  }
});

t.test('a store that is known to be away costs no wait', async (t) => {
  for (const [loss, status] of [
    [LeaseLoss.REFUSE, 503],
    [LeaseLoss.NONE, 429],
    [LeaseLoss.ADMIT, 0],
  ] as const) {
    const { rig, ask, lease, answer } = clusterRig();
    ask();
    const { slot } = lease(1);
    rig.shm.leases.announce(slot, rig.clock.us + 50_000, loss);
    answer(LeaseVerdict.AGAIN);
    const { client } = ask();
    t.equal(client.status, status);
    t.equal(rig.sent.length, status === 0 ? 2 : 1);
    t.equal(rig.leaseQuestions.length, 1);
  }
});

t.test('a limit that is gone admits, and a table that is full refuses', async (t) => {
  const gone = clusterRig();
  gone.ask();
  gone.answer(LeaseVerdict.NO_LIMIT);
  t.equal(gone.rig.sent.length, 1);
  const full = clusterRig();
  const { client, x } = full.ask();
  full.answer(LeaseVerdict.NO_ROOM);
  t.equal(client.status, 429);
  t.equal(x.retryAfterSeconds, 1);
});

t.test('in shadow mode it waits, admits, and counts', async (t) => {
  const { rig, ask, lease, answer } = clusterRig('closed', true);
  const first = ask();
  const second = ask();
  const { slot } = lease(1);
  rig.shm.leases.announce(slot, rig.clock.us + 60_000, LeaseLoss.NONE);
  answer(LeaseVerdict.AGAIN);
  t.equal(rig.sent.length, 2);
  t.equal(first.x.shadowRejections, undefined);
  t.same(second.x.shadowRejections, ['RATE_LIMITED@shop.orders.rate-limit.1']);
  t.same([second.x.detail, second.x.retryAfterSeconds, second.x.limitLabel], ['', 0, '']);
  rig.pass(60);
  const third = ask();
  rig.pass(70);
  t.same(third.x.shadowRejections, ['STORE_UNAVAILABLE@shop.orders.rate-limit.1']);
  t.same([third.x.detail, third.x.retryAfterSeconds, third.x.limitLabel], ['', 0, '']);
});

t.test('with a condition, others pass, and one that waits is not asked for it again', async (t) => {
  const { rig, lease, answer } = clusterRig(
    'closed',
    false,
    condition().parse("query.heavy = 'yes' and Random() < 0.5"),
  );
  const { random } = Math;
  t.teardown(() => Object.assign(Math, { random }));
  Math.random = () => 0;
  rig.request('GET /orders');
  t.same([rig.sent.length, rig.leaseQuestions.length], [1, 0]);
  const first = rig.request('GET /orders?heavy=yes');
  const second = rig.request('GET /orders?heavy=yes');
  t.equal(rig.leaseQuestions.length, 2);
  const { slot } = lease(1);
  rig.shm.leases.announce(slot, rig.clock.us + 60_000, LeaseLoss.NONE);
  Math.random = () => 0.9;
  answer(LeaseVerdict.AGAIN);
  t.equal(rig.sent.length, 2);
  t.same([first.client.status, second.client.status], [0, 429]);
  Math.random = () => 0;
  rig.pass(60);
  const late = rig.request('GET /orders?heavy=yes');
  rig.pass(70);
  t.equal(late.client.status, 503);
  t.match(late.client.body, /cannot be counted for now/);
});

t.test('a relaxed limit admits on credit what finds nothing, and says so once', async (t) => {
  const { rig, ask, lease, answer } = clusterRig('closed', false, undefined, 2);
  ask();
  const { slot } = lease(0);
  rig.shm.leases.setCreditMax(slot, 2);
  answer(LeaseVerdict.AGAIN);
  t.equal(rig.sent.length, 1, 'nobody has waited for the store');
  t.equal(rig.leaseQuestions.length, 2, 'the main thread hears of it');
  ask();
  t.equal(rig.sent.length, 2);
  t.equal(rig.leaseQuestions.length, 2, 'and looks after what is owed already');
  ask();
  t.equal(rig.sent.length, 2, 'without credit it waits');
  t.equal(rig.leaseQuestions.length, 3);
});
