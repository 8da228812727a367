import t from 'tap';
import type { WorkerIndex } from '../../../../src/base/ids.ts';
import { receiveBody } from '../../../../src/gateway/pipeline/receive-body.ts';
import { onClientGone } from '../../../../src/gateway/pipeline/respond.ts';
import { DELAYED_COUNT_MAX } from '../../../../src/gateway/policies/fault/run.ts';
import { configOf, shop } from '../../../control/config/read.ts';
import { answer, TestPlane } from '../../../support/plane.ts';

function planeOf(...policies: string[]): TestPlane {
  const plane = new TestPlane();
  const list = policies.map((policy) => `{ ${policy} }`).join(', ');
  plane.publish(configOf(shop(`    policies: [${list}]\n    routes: { any: { match: "ANY /orders" } }`)), 1);
  return plane;
}

function counts(plane: TestPlane): readonly number[] {
  const fields = ['faultsDelayed', 'faultsAborted', 'faultsSkipped'] as const;
  return fields.map((field) => plane.shm.control.read(0 as WorkerIndex, field));
}

t.test('an abort is answered with its status and a code that no other failure has', async (t) => {
  const plane = planeOf('fault: { abort: { status: 418 } }');
  const { x, client } = plane.request('GET /orders');
  t.equal(client.status, 418);
  t.match(JSON.parse(client.body), {
    type: /\/fault-injected$/,
    status: 418,
    code: 'FAULT_INJECTED',
    title: /on purpose/,
  });
  t.equal(x.status, 418);
  t.same(plane.sent, []);
  t.same(counts(plane), [0, 1, 0]);
});

t.test('without a status it is 503', async (t) => {
  const { client } = planeOf('fault: { abort: {} }').request('GET /orders');
  t.equal(client.status, 503);
});

t.test('a delay lets a request wait, then go on', async (t) => {
  const plane = planeOf('fault: { delay: 200ms }');
  const { client } = plane.request('GET /orders');
  plane.pass(190);
  t.same([plane.sent.length, plane.plane.parking.count], [0, 1]);
  plane.pass(30);
  t.same([plane.sent.length, plane.plane.parking.count], [1, 0]);
  answer(plane.sent[0]);
  t.equal(client.status, 200);
  t.same(counts(plane), [1, 0, 0]);
});

t.test('a delay goes before an abort, and before the next fault', async (t) => {
  const plane = planeOf('fault: { delay: 100ms }', 'fault: { delay: 100ms, abort: { status: 500 } }');
  const { client } = plane.request('GET /orders');
  plane.pass(150);
  t.equal(client.status, 0);
  plane.pass(80);
  t.equal(client.status, 500);
  t.same(counts(plane), [2, 1, 0]);
});

t.test('faults are for the requests that their condition says, and a share of these', async (t) => {
  const plane = planeOf('fault: { when: "query.fail = true", abort: {} }');
  t.equal(plane.request('GET /orders?fail=true').client.status, 503);
  t.equal(plane.request('GET /orders?fail=1').client.status, 0);
  const statuses = (share: string) => {
    const shared = planeOf(`fault: { share: ${share}, abort: {} }`);
    return Array.from({ length: 200 }, () => shared.request('GET /orders').client.status).filter((s) => s === 503)
      .length;
  };
  t.same([statuses('0%'), statuses('100%')], [0, 200]);
  // Six standard deviations.
  t.ok(Math.abs(statuses('50%') - 100) < 43);
});

t.test('faults come after every other policy, wherever they are written', async (t) => {
  const plane = planeOf('fault: { abort: {} }', 'auth: { any: [api-key] }');
  t.equal(plane.request('GET /orders').client.status, 401);
});

t.test('another refusal during a delay keeps its own status', async (t) => {
  const plane = planeOf('fault: { delay: 1s, abort: { status: 418 } }');
  const { x, client } = plane.request('POST /orders', { bodyLength: -1, bodyEnded: false });
  receiveBody(x, Buffer.alloc(11 * 1024 * 1024), false);
  t.equal(client.status, 413);
});

t.test('a client that leaves during a delay gives its place back', async (t) => {
  const plane = planeOf('fault: { delay: 1s }');
  onClientGone(plane.request('GET /orders').x);
  t.same([plane.plane.parking.count, plane.plane.inFlight], [0, 0]);
});

t.test('half of the places are kept for decisions: past them nothing is delayed', async (t) => {
  const plane = planeOf('fault: { delay: 1s }');
  for (let n = 0; n < DELAYED_COUNT_MAX + 2; n++) plane.request('GET /orders');
  t.same(counts(plane), [DELAYED_COUNT_MAX, 0, 2]);
  t.equal(plane.sent.length, 2);
  plane.pass(1_020);
  t.equal(plane.sent.length, DELAYED_COUNT_MAX + 2);
});

t.test('in shadow mode a fault delays and fails nobody; what it would have failed is noted', async (t) => {
  const plane = planeOf('fault: { delay: 200ms, mode: shadow }', 'fault: { delay: 200ms, abort: {}, mode: shadow }');
  const { x, client } = plane.request('GET /orders');
  t.same([plane.sent.length, plane.plane.parking.count], [1, 0]);
  answer(plane.sent[0]);
  t.equal(client.status, 200);
  t.same(x.shadowRejections, ['FAULT_INJECTED@shop.fault.2']);
  t.same(counts(plane), [0, 0, 0]);
});
