import { createHash } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import type { WorkerIndex } from '../../src/base/ids.ts';
import { compileSnapshot } from '../../src/control/releases/compile-snapshot.ts';
import { errors, type Verdict } from '../../src/gateway/pipeline/errors.ts';
import type { Exchange } from '../../src/gateway/pipeline/exchange.ts';
import { receiveBody } from '../../src/gateway/pipeline/receive-body.ts';
import { onClientGone } from '../../src/gateway/pipeline/respond.ts';
import { definePolicyRun, type PolicyRun } from '../../src/gateway/policies/policy-run.ts';
import { SharedMemory } from '../../src/shm/shared-memory.ts';
import {
  buildConfig,
  buildConsumer,
  buildGateway,
  buildRoute,
  buildService,
  buildUpstream,
} from '../support/build-config.ts';
import { answer, TestPlane } from '../support/plane.ts';
import { sealKey } from '../support/seal-key.ts';

const WORKER = 0 as WorkerIndex;

/** A configuration whose upstream tells which one it is. */
function configOf(number: number) {
  return buildConfig({ upstreams: [buildUpstream('main', `v${number}:80`)] });
}

t.test('a snapshot that is attached serves nobody until its epoch is raised, and then every new request', async (t) => {
  const rig = new TestPlane();
  rig.publish(configOf(1), 1);
  rig.request('GET /orders');
  rig.attach(configOf(2), 2);
  rig.request('GET /orders');
  rig.shm.control.raiseEpoch(2);
  rig.request('GET /orders');
  t.same(
    rig.sent.map(({ origin }) => origin),
    ['http://v1:80', 'http://v1:80', 'http://v2:80'],
  );
  t.equal(rig.shm.control.read(WORKER, 'epoch'), 2);
});

t.test('an exchange stays with its snapshot, which is pinned until its last exchange has ended', async (t) => {
  const rig = new TestPlane();
  rig.publish(configOf(1), 1);
  const first = rig.request('GET /orders');
  const second = rig.request('GET /orders');
  rig.publish(configOf(2), 2);
  rig.request('GET /orders');
  answer(rig.sent[0]);
  t.match(first.client, { status: 200, body: 'fine' });
  t.ok(rig.shm.control.isPinned(1), 'the second is under way');
  t.notOk(rig.transports[0]?.closed);
  answer(rig.sent[1]);
  t.match(second.client, { status: 200, body: 'fine' });
  t.notOk(rig.shm.control.isPinned(1));
  t.ok(rig.transports[0]?.closed);
  t.ok(rig.shm.control.isPinned(2));
});

t.test('an idle worker moves on with its tick, and lets go of the old snapshot', async (t) => {
  const rig = new TestPlane();
  rig.publish(configOf(1), 1);
  rig.pass(10);
  t.equal(rig.shm.control.read(WORKER, 'epoch'), 1);
  rig.publish(configOf(2), 2);
  t.ok(rig.shm.control.isPinned(1));
  rig.pass(10);
  t.notOk(rig.shm.control.isPinned(1));
  t.equal(rig.shm.control.read(WORKER, 'epoch'), 2);
});

t.test('a snapshot that is discarded is unpinned, and its connections are closed', async (t) => {
  const rig = new TestPlane();
  rig.publish(configOf(1), 1);
  rig.request('GET /orders');
  rig.attach(configOf(2), 2);
  rig.plane.discard(2);
  t.notOk(rig.shm.control.isPinned(2));
  t.ok(rig.transports[1]?.closed);
  rig.plane.discard(1);
  rig.plane.discard(7);
  t.ok(rig.shm.control.isPinned(1), 'the one of now cannot be discarded');
  rig.request('GET /orders');
  t.equal(rig.sent.at(-1)?.origin, 'http://v1:80');
});

t.test('a snapshot that was passed over is let go of', async (t) => {
  const rig = new TestPlane();
  rig.publish(configOf(1), 1);
  rig.attach(configOf(2), 2);
  rig.publish(configOf(3), 3);
  rig.pass(10);
  t.same(
    [1, 2, 3].map((arena) => rig.shm.control.isPinned(arena)),
    [false, false, true],
  );
});

t.test('attaching a snapshot twice is attaching it once', async (t) => {
  const rig = new TestPlane();
  rig.publish(configOf(1), 1);
  rig.attach(configOf(1), 1);
  t.equal(rig.transports.length, 1);
});

t.test('an epoch that was raised before it was attached is a bug, and ends the worker', async (t) => {
  const rig = new TestPlane();
  rig.publish(configOf(1), 1);
  rig.pass(10);
  rig.shm.control.raiseEpoch(2);
  t.throws(() => rig.request('GET /orders'), /epoch 2 was raised before worker 0 attached it/);
});

t.test('a worker that starts waits for its snapshot without failing', async (t) => {
  const rig = new TestPlane();
  rig.shm.control.raiseEpoch(4);
  t.doesNotThrow(() => rig.pass(20));
  rig.attach(configOf(4), 4);
  rig.request('GET /orders');
  t.equal(rig.sent.length, 1);
});

t.test('an arena is free only when every worker has moved on', async (t) => {
  const shm = SharedMemory.create(2, 1, 2);
  const workers = [new TestPlane([], shm, 0), new TestPlane([], shm, 1)];
  for (const worker of workers) worker.attach(configOf(1), 1);
  shm.control.raiseEpoch(1);
  for (const worker of workers) worker.pass(10);
  for (const worker of workers) worker.attach(configOf(2), 2);
  shm.control.raiseEpoch(2);
  workers[0]?.pass(10);
  t.ok(shm.control.isPinned(1));
  workers[1]?.pass(10);
  t.notOk(shm.control.isPinned(1));
});

t.test('whatever is published, discarded and requested, exactly what may still be read is pinned', async (t) => {
  const move = fc.oneof(
    fc.constantFrom('attach' as const, 'raise' as const, 'discard' as const, 'tick' as const),
    fc.constantFrom('open' as const, 'end' as const),
  );
  const law = fc.property(fc.array(fc.tuple(move, fc.nat(7)), { maxLength: 50 }), (moves) => {
    const rig = new TestPlane();
    rig.publish(configOf(1), 1);
    rig.pass(10);
    let [attached, current] = [1, 1];
    const pending = new Set<number>();
    const under: { readonly epoch: number; readonly sent: (typeof rig.sent)[number] }[] = [];
    for (const [move, which] of moves) {
      if (move === 'attach') {
        pending.add(++attached);
        rig.attach(configOf(attached), attached);
      } else if (move === 'raise' && pending.size > 0) {
        current = [...pending][which % pending.size] as number;
        rig.shm.control.raiseEpoch(current);
        rig.pass(10);
        for (const epoch of pending) if (epoch <= current) pending.delete(epoch);
      } else if (move === 'discard' && pending.size > 0) {
        const epoch = [...pending][which % pending.size] as number;
        pending.delete(epoch);
        rig.plane.discard(epoch);
      } else if (move === 'tick') {
        rig.pass(10);
      } else if (move === 'open') {
        rig.request('GET /orders');
        under.push({ epoch: current, sent: rig.sent.at(-1) as (typeof rig.sent)[number] });
      } else if (move === 'end' && under.length > 0) {
        answer(under.splice(which % under.length, 1)[0]?.sent);
      }
      const expected = new Set([current, ...pending, ...under.map(({ epoch }) => epoch)]);
      for (let epoch = 1; epoch <= attached; epoch++) {
        if (rig.shm.control.isPinned(epoch) !== expected.has(epoch)) throw new Error(`epoch ${epoch} after ${move}`);
      }
      if (rig.shm.control.read(WORKER, 'inFlight') !== under.length) throw new Error(`in flight after ${move}`);
      if (under.some(({ epoch, sent }) => sent.origin !== `http://v${epoch}:80`)) throw new Error('another snapshot');
    }
  });
  t.doesNotThrow(() => fc.assert(law, { numRuns: 80 }));
});

t.test('the client of a trusted proxy is who the proxy says; of anybody else, the peer', async (t) => {
  const rig = new TestPlane();
  rig.publish(buildConfig({ gateway: buildGateway({ trustedProxies: ['10.0.0.0/8'] }) }), 1);
  const headers = ['x-forwarded-for', '203.0.113.1', 'x-forwarded-for', '10.9.9.9'];
  const trusted = rig.request('GET /orders', { peerAddress: '10.1.1.1', headers });
  t.match(trusted.x, { peerTrusted: true, clientAddress: '203.0.113.1' });
  const other = rig.request('GET /orders', { peerAddress: '11.1.1.1', headers });
  t.match(other.x, { peerTrusted: false, clientAddress: '11.1.1.1' });
});

t.test('an answer of the gateway carries the id of the request, even when nothing matched', async (t) => {
  const rig = new TestPlane();
  rig.publish(configOf(1), 1);
  const { client } = rig.request('GET /nothing', { headers: ['x-request-id', 'mine'] });
  t.equal(client.status, 404);
  t.same(client.headers.slice(0, 2), ['x-request-id', 'mine']);
  t.match(JSON.parse(client.body), { code: 'NO_ROUTE', requestId: 'mine' });
  t.equal(rig.plane.inFlight, 0);
});

/** Stands for `auth`: every exchange waits for `key`, with 503 as its way out. */
function waiting(timeoutMs = 50): PolicyRun {
  const run = (x: Exchange): Verdict => x.plane.parking.park(x, 'key', timeoutMs, errors.DECISION_TIMEOUT.id);
  return definePolicyRun<unknown>({ name: 'auth', prepare: () => ({ run }) });
}

const waitingConfig = buildConfig({
  services: [
    buildService('shop', {
      routes: [
        buildRoute('orders', 'ANY /orders', [
          {
            policy: 'auth',
            config: { methods: [{ kind: 'api-key', in: 'header', name: 'x-api-key' }], needsAll: false },
          },
        ]),
      ],
    }),
  ],
});

function waitingRig(): TestPlane {
  const rig = new TestPlane([waiting()]);
  rig.publish(waitingConfig, 1);
  return rig;
}

t.test('an exchange that waits for too long takes its way out, within a tick', async (t) => {
  const rig = waitingRig();
  const { client } = rig.request('GET /orders');
  rig.pass(50);
  t.same(client.told, []);
  t.equal(rig.shm.control.read(WORKER, 'parked'), 1);
  rig.pass(30);
  t.equal(client.status, 503);
  t.match(JSON.parse(client.body), { code: 'DECISION_TIMEOUT' });
  t.equal(rig.shm.control.read(WORKER, 'parked'), 0);
  t.equal(rig.plane.inFlight, 0);
});

t.test('a waiting exchange that is admitted goes on to its upstream with the body that came meanwhile', async (t) => {
  const rig = waitingRig();
  const { x, client } = rig.request('POST /orders', { bodyLength: 6 });
  receiveBody(x, Buffer.from('abc'), false);
  t.equal(rig.sent.length, 0);
  rig.plane.parking.wake('key', 0);
  receiveBody(x, Buffer.from('def'), true);
  t.equal(rig.sent[0]?.body, 'abcdef');
  t.same(client.told, ['pause', 'resume']);
  t.equal(rig.plane.keptBodyBytes, 0);
  answer(rig.sent[0]);
  t.equal(client.status, 200);
});

t.test('a client that leaves while its exchange waits frees its place, and is not woken', async (t) => {
  const rig = waitingRig();
  const [first, second] = [rig.request('GET /orders'), rig.request('GET /orders')];
  onClientGone(first.x);
  t.equal(rig.plane.parking.count, 1);
  t.equal(rig.plane.parking.wake('key', 0), 1);
  t.same(first.client.told, []);
  answer(rig.sent[0]);
  t.equal(second.client.status, 200);
  t.equal(rig.plane.inFlight, 0);
});

t.test('an exchange that is refused while it waits, for a body that is too large, frees its place', async (t) => {
  const rig = waitingRig();
  const { x, client } = rig.request('POST /orders', { bodyLength: -1 });
  receiveBody(x, Buffer.alloc(1_000_001), false);
  t.equal(client.status, 413);
  t.equal(rig.plane.parking.count, 0);
  t.equal(rig.plane.parking.wake('key', 0), 0);
  t.equal(rig.plane.inFlight, 0);
});

t.test(
  'an upstream without a target answers that it cannot be reached, WebSockets included, until it has one',
  async (t) => {
    const rig = new TestPlane();
    const services = [buildService('shop', { routes: [{ ...buildRoute('all', 'ANY /{rest*}'), websocket: true }] })];
    rig.publish(buildConfig({ upstreams: [buildUpstream('main')], services }), 1);
    for (const { client } of [rig.request('GET /a'), rig.request('GET /b', { isHandshake: true })]) {
      t.match(client, { status: 502 });
      t.match(JSON.parse(client.body), { code: 'UPSTREAM_UNREACHABLE', detail: 'no target of the upstream is known' });
    }
    rig.publish(buildConfig({ upstreams: [buildUpstream('main', 'a:1')], services }), 2);
    const { client } = rig.request('GET /a');
    answer(rig.sent[0]);
    t.match(client, { status: 200 });
  },
);

t.test('a credential is curbed in every snapshot that is older than the curb, and in no other', async (t) => {
  const rig = new TestPlane();
  const config = buildConfig({ consumers: [buildConsumer('alice', 'key')] });
  const digest = createHash('sha256').update('key').digest();
  const attach = (epoch: number, version: number) => {
    const compiled = compileSnapshot(config, epoch, (bytes) => new SharedArrayBuffer(bytes), sealKey, {
      version,
      writtenCount: 0,
    });
    if (!compiled.ok) throw new Error('it does not compile');
    rig.plane.attach(epoch, compiled.value.arena.buffer);
    rig.shm.control.raiseEpoch(epoch);
    return () => rig.request('GET /orders/1').x.snapshot.consumers.byApiKey('key')?.name;
  };
  const first = attach(1, 4);
  t.equal(first(), 'alice');
  rig.plane.curb([[5, digest, 0]]);
  t.equal(first(), undefined, 'the one in use');
  t.equal(attach(2, 4)(), undefined, 'one that was under way');
  t.equal(attach(3, 5)(), 'alice', 'one that was made of what is known now: the key may have come back');
  t.equal(attach(4, 6)(), 'alice');
});
