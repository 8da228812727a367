// Exchanges that wait for a place at their upstream, in a whole data plane on real shared memory.

import t from 'tap';
import type { LoadIndex, WorkerIndex } from '../../../../src/base/ids.ts';
import type { LoadConfig } from '../../../../src/control/config/config.ts';
import { errors } from '../../../../src/gateway/pipeline/errors.ts';
import { receiveBody } from '../../../../src/gateway/pipeline/receive-body.ts';
import { onClientGone, refuse } from '../../../../src/gateway/pipeline/respond.ts';
import { ShedCause } from '../../../../src/shm/load-table.ts';
import { buildConfig, buildConsumer, buildRoute, buildService, buildUpstream } from '../../../support/build-config.ts';
import { answer, TestPlane } from '../../../support/plane.ts';

const A = 0 as LoadIndex;
const one: LoadConfig = { adaptive: false, min: 1, max: 1, queueMs: 50, queueLength: 10 };

function configOf(concurrency: LoadConfig | undefined, priority = 0) {
  const auth = {
    policy: 'auth',
    config: { methods: [{ kind: 'api-key', in: 'header', name: 'x-api-key' }], needsAll: false },
  };
  return buildConfig({
    upstreams: [{ ...buildUpstream('main', '127.0.0.1:9001'), ...(concurrency && { concurrency }) }],
    consumers: [
      { ...buildConsumer('gold', 'gold-secret'), priority: 10 },
      { ...buildConsumer('free', 'free-secret'), priority: 0 },
      buildConsumer('none', 'none-secret'),
    ],
    services: [
      buildService('shop', {
        routes: [
          { ...buildRoute('orders', 'ANY /orders'), priority },
          { ...buildRoute('keyed', 'ANY /keyed', [auth]), priority },
        ],
      }),
    ],
  });
}

function planeWith(concurrency: LoadConfig | undefined, priority = 0): TestPlane {
  const test = new TestPlane();
  test.publish(configOf(concurrency, priority), 1);
  return test;
}

const inFlight = (test: TestPlane) => test.shm.loads.read(A, 'inFlight');
const waiting = (test: TestPlane) => test.shm.loads.read(A, 'waiting');

t.test('an upstream without concurrency holds no places', async (t) => {
  const test = planeWith(undefined);
  const { x } = test.request('GET /orders');
  t.equal(x.load, undefined);
  t.equal(inFlight(test), 0);
});

t.test('a place is held from the first try to the end of the answer, and then the next one goes', async (t) => {
  const test = planeWith(one);
  const first = test.request('GET /orders');
  const second = test.request('GET /orders');
  t.same([test.sent.length, inFlight(test), waiting(test)], [1, 1, 1]);
  test.pass(10);
  t.equal(test.sent.length, 1);
  answer(test.sent[0]);
  t.equal(first.client.status, 200);
  test.pass(10);
  t.same([test.sent.length, inFlight(test), waiting(test)], [2, 1, 0]);
  answer(test.sent[1]);
  t.equal(second.client.status, 200);
  t.equal(inFlight(test), 0);
});

t.test('a retry on a fresh connection keeps the place; a failure gives it back', async (t) => {
  const test = planeWith(one);
  const { client } = test.request('GET /orders');
  test.sent[0]?.handler.onFailure('reset');
  t.same([test.sent.length, inFlight(test)], [2, 1]);
  test.sent[1]?.handler.onFailure('reset');
  t.same([client.status, inFlight(test)], [502, 0]);
});

t.test('however an exchange ends, its place is given back once', async (t) => {
  const ends: Record<string, (test: TestPlane, x: ReturnType<TestPlane['request']>['x']) => void> = {
    'its client leaves': (_test, x) => onClientGone(x),
    'the upstream is late': (test) => test.pass(5_100),
    'it is refused': (_test, x) => refuse(x, errors.INTERNAL.id),
    'the answer breaks off': (test) => {
      test.sent[0]?.handler.onHead({ status: 200, length: -1, isAscii: true, relayedLines: () => '' } as never);
      test.sent[0]?.handler.onFailure('reset');
    },
  };
  for (const [name, end] of Object.entries(ends)) {
    const test = planeWith(one);
    const { x } = test.request('GET /orders');
    t.equal(inFlight(test), 1);
    end(test, x);
    t.equal(inFlight(test), 0, name);
    t.equal(test.shm.loads.read(A, 'ended'), 1, name);
  }
});

t.test('a request that is answered before its body came gives its place back at once', async (t) => {
  const test = planeWith(one);
  const { x } = test.request('POST /orders', { bodyLength: 10 });
  refuse(x, errors.UPSTREAM_TIMEOUT.id);
  t.equal(inFlight(test), 0, 'though the rest of the body is still read');
  receiveBody(x, Buffer.alloc(10), true);
  t.equal(test.shm.loads.read(A, 'ended'), 1);
});

t.test('a client that leaves while it waits leaves the queue', async (t) => {
  const test = planeWith(one);
  test.request('GET /orders');
  const { x } = test.request('GET /orders');
  onClientGone(x);
  t.same([waiting(test), inFlight(test), test.plane.inFlight], [0, 1, 1]);
  answer(test.sent[0]);
  test.pass(20);
  t.equal(test.sent.length, 1, 'nobody is sent in its name');
});

t.test('who has waited its time is answered 503 with Retry-After', async (t) => {
  const test = planeWith(one);
  test.request('GET /orders');
  const { client } = test.request('GET /orders');
  test.pass(80);
  t.equal(client.status, 503);
  t.match(client.body, /UPSTREAM_OVERLOADED/);
  t.notMatch(client.body, /127\.0\.0\.1|main/);
  const at = client.headers.indexOf('retry-after');
  t.ok(Number(client.headers[at + 1]) >= 1);
  t.equal(test.shm.loads.sheds(A, ShedCause.QUEUE_TIME), 1);
});

t.test('a body that comes while its request waits is kept, its client paused, and all of it sent on', async (t) => {
  const test = planeWith(one);
  test.request('GET /orders');
  const { x, client } = test.request('POST /orders', { bodyLength: 6 });
  receiveBody(x, Buffer.from('abc'), false);
  t.same(client.told, ['pause']);
  t.equal(test.plane.keptBodyBytes, 3);
  answer(test.sent[0]);
  test.pass(10);
  t.equal(test.sent[1]?.body, 'abc');
  receiveBody(x, Buffer.from('def'), true);
  t.equal(test.sent[1]?.body, 'abcdef');
  t.same(client.told, ['pause', 'resume']);
  t.equal(test.plane.keptBodyBytes, 0);
});

t.test('bodies of those who wait are bounded for the whole worker', async (t) => {
  const test = planeWith(one);
  test.request('GET /orders');
  const { x, client } = test.request('POST /orders', { bodyLength: 6 });
  test.plane.keptBodyBytes = 64 * 1024 * 1024;
  receiveBody(x, Buffer.from('abc'), false);
  t.match(client.body || 'PARKING_FULL', /PARKING_FULL/);
  t.equal(waiting(test), 0);
});

t.test("the consumer's priority decides, else the route's", async (t) => {
  const test = planeWith(one, 5);
  test.request('GET /orders');
  const order: string[] = [];
  for (const name of ['free', 'none', 'gold']) {
    test.request(`GET /keyed?${name}`, { headers: ['x-api-key', `${name}-secret`] });
  }
  for (let n = 0; n < 3; n++) {
    answer(test.sent.at(-1));
    test.pass(10);
    order.push(test.sent.at(-1)?.request.path.split('?')[1] ?? '');
  }
  t.same(order, ['gold', 'none', 'free']);
});

t.test('a worker that drains serves those who wait, and closes their connections behind the answers', async (t) => {
  const test = planeWith(one);
  test.request('GET /orders');
  const refused = test.request('GET /orders');
  test.shm.control.startDraining();
  test.pass(80);
  t.same([refused.client.status, refused.client.told], [503, ['respond close']]);
  const served = test.request('GET /orders');
  answer(test.sent[0]);
  test.pass(10);
  answer(test.sent[1]);
  t.equal(served.client.status, 200);
  t.equal(test.plane.inFlight, 0);
});

t.test('the queue outlives a reload, and the new limit holds for whoever comes after it', async (t) => {
  const test = planeWith(one);
  test.request('GET /orders');
  const waits = test.request('GET /orders');
  test.publish(configOf({ ...one, max: 3 }), 2);
  test.request('GET /orders');
  test.request('GET /orders');
  t.same([test.sent.length, inFlight(test)], [1, 1], 'those who came before go first');
  answer(test.sent[0]);
  test.pass(10);
  t.equal(inFlight(test), 3);
  for (const sent of test.sent.slice(1)) answer(sent);
  t.equal(waits.client.status, 200);
  t.equal(inFlight(test), 0);
});

t.test("a worker that has ended leaves its places to the others'", async (t) => {
  const test = planeWith(one);
  const other = new TestPlane([], test.shm, 1);
  other.publish(configOf(one), 1, 1);
  test.request('GET /orders');
  const { client } = other.request('GET /orders');
  t.equal(other.sent.length, 0);
  test.shm.loads.zeroWorker(0 as WorkerIndex);
  other.pass(10);
  t.equal(other.sent.length, 1);
  answer(other.sent[0]);
  t.equal(client.status, 200);
});

t.test('WebSockets take no places', async (t) => {
  const test = planeWith(one);
  test.request('GET /orders');
  const { client } = test.request('GET /orders', { isHandshake: true });
  t.equal(client.status, 403, 'refused for another reason: this route takes none');
  t.same([inFlight(test), waiting(test)], [1, 0]);
});
