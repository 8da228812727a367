import { unpack } from 'msgpackr';
import t from 'tap';
import type { LimitIndex, TargetIndex, WorkerIndex } from '../../../src/base/ids.ts';
import type { Config } from '../../../src/control/config/config.ts';
import type { PublishedSnapshot } from '../../../src/control/releases/publisher.ts';
import { Arena } from '../../../src/shm/arena.ts';
import { ARENA_COUNT } from '../../../src/shm/control-block.ts';
import { buildConfig, buildConsumer, buildRoute, buildService, buildUpstream } from '../../support/build-config.ts';
import { answer } from '../../support/plane.ts';
import { PublisherRig } from '../../support/publisher-rig.ts';

/** Its upstream tells its number; its limit admits so many calls a second. */
function configOf(number: number, perSecond = 100, routeCount = 1): Config {
  const limit = { limit: { count: perSecond, periodSeconds: 1 }, burst: perSecond, by: { kind: 'route' } };
  const routes = Array.from({ length: routeCount }, (_, i) => buildRoute(`orders-${i}`, `GET /orders/${i}`));
  const service = buildService('shop', { policies: [{ policy: 'rate-limit', config: limit }], routes });
  return buildConfig({ upstreams: [buildUpstream('main', `v${number}:80`)], services: [service] });
}

/** Where a request goes now. */
function originNow(rig: PublisherRig, worker = 0): string | undefined {
  const { plane } = rig.workers[worker] as PublisherRig['workers'][number];
  plane.request('GET /orders/0');
  const sent = plane.sent.at(-1);
  answer(sent);
  return sent?.origin;
}

function limitOf(rig: PublisherRig): LimitIndex {
  return new Arena((rig.publisher.snapshots()[0] as PublishedSnapshot).buffer).limitOf(0) as LimitIndex;
}

t.test('a publication raises the epoch, and every worker serves it', async (t) => {
  const rig = new PublisherRig(configOf(1));
  t.match(await rig.publish(), { ok: true, value: { epoch: 1, summary: { serviceCount: 1 } } });
  t.equal(rig.shm.control.epoch(), 1);
  t.same([originNow(rig, 0), originNow(rig, 1)], ['http://v1:80', 'http://v1:80']);
  t.match(await rig.publish(configOf(2)), { ok: true, value: { epoch: 2 } });
  t.same([originNow(rig, 0), originNow(rig, 1)], ['http://v2:80', 'http://v2:80']);
});

t.test('when a worker is late, nothing of the new snapshot applies, and the old one goes on', async (t) => {
  const rig = new PublisherRig(configOf(1));
  await rig.publish();
  const [old] = rig.publisher.snapshots();
  const limit = limitOf(rig);
  (rig.workers[1] as { isHung: boolean }).isHung = true;
  const result = await rig.publish(configOf(2, 7));
  t.match(result, { ok: false, error: [/worker 1 did not take the new snapshot in time/] });
  t.equal(rig.shm.control.epoch(), 1);
  t.equal(rig.publisher.epoch, 1);
  t.same(rig.publisher.snapshots(), [old]);
  t.equal(originNow(rig), 'http://v1:80');
  t.equal(rig.limits.pendingCount, 0, 'the limit does not change');
  t.ok(rig.limits.isReferred(limit));
  rig.wake(1);
  t.equal(originNow(rig, 1), 'http://v1:80');
});

t.test('a late worker finds the bytes that it was sent, whatever was published since', async (t) => {
  const rig = new PublisherRig(configOf(1));
  await rig.publish();
  (rig.workers[1] as { isHung: boolean }).isHung = true;
  t.notOk((await rig.publish(configOf(2))).ok);
  t.notOk((await rig.publish(configOf(3))).ok);
  t.doesNotThrow(() => rig.wake(1));
  t.ok((await rig.publish(configOf(4))).ok);
  t.same([originNow(rig, 0), originNow(rig, 1)], ['http://v4:80', 'http://v4:80']);
  rig.tick();
  const pinned = Array.from({ length: ARENA_COUNT }, (_, arena) => rig.shm.control.isPinned(arena));
  t.equal(pinned.filter(Boolean).length, 1, 'nothing of the discarded ones is left');
});

t.test(
  'a configuration that cannot be compiled, or may not be published, changes nothing and holds nothing',
  async (t) => {
    const rig = new PublisherRig(configOf(1));
    await rig.publish();
    for (let i = 0; i < 2 * ARENA_COUNT; i++) {
      rig.answer = () => Promise.resolve({ ok: false, problems: ['wrong', 'wrong, too'] });
      t.same(await rig.publish(), { ok: false, error: ['wrong', 'wrong, too'] });
      rig.answer = () => Promise.reject(new Error('the thread ended'));
      t.match(await rig.publish(), { ok: false, error: [/could not be compiled: Error: the thread ended/] });
      rig.answer = undefined;
      rig.config = configOf(2);
      t.same(await rig.publisher.publish(() => ['not now']), { ok: false, error: ['not now'] });
    }
    t.equal(rig.shm.control.epoch(), 1);
    t.equal(originNow(rig), 'http://v1:80');
    t.ok((await rig.publish()).ok);
    t.equal(rig.buffers.size, 2);
  },
);

t.test('limits that have no room in shared memory are a problem, not a partial publication', async (t) => {
  const rig = new PublisherRig(configOf(1));
  await rig.publish();
  const limit = { limit: { count: 1e15, periodSeconds: 1 }, burst: 1e15, by: { kind: 'route' } };
  const service = buildService('shop', {
    policies: [{ policy: 'rate-limit', config: limit }],
    routes: [buildRoute('orders-0', 'GET /orders/0')],
  });
  const result = await rig.publish(buildConfig({ services: [service] }));
  t.match(result, { ok: false, error: [/^limit shop\.rate-limit/] });
  t.equal(originNow(rig), 'http://v1:80');
});

t.test('1,000 publications use a handful of arenas, and give back every limit but the last', async (t) => {
  const rig = new PublisherRig(configOf(0));
  for (let number = 0; number < 1_000; number++) {
    if (!(await rig.publish(configOf(number, 100 + (number % 5)))).ok) t.fail(`publication ${number}`);
    rig.tick();
    rig.clock.us += 100_000;
  }
  t.ok(rig.buffers.size <= 4, `${rig.buffers.size} buffers`);
  t.ok(rig.publisher.arenaBytes <= 4 * 64 * 1024);
  t.equal(rig.limits.limitCount, 1);
  t.equal(originNow(rig), 'http://v999:80');
});

t.test('an exchange that outlives many publications keeps its snapshot, and only that', async (t) => {
  const rig = new PublisherRig(configOf(0));
  await rig.publish();
  const { plane } = rig.workers[0] as PublisherRig['workers'][number];
  const { client } = plane.request('GET /orders/0');
  const [sent] = plane.sent;
  for (let number = 1; number <= 200; number++) {
    await rig.publish(configOf(number));
    rig.tick();
  }
  t.ok(rig.buffers.size <= 5, `${rig.buffers.size} buffers`);
  answer(sent);
  t.match(client, { status: 200, body: 'fine' });
});

t.test('when every arena is in use the publication is refused, and comes through once one is free', async (t) => {
  const rig = new PublisherRig(configOf(0));
  const { plane } = rig.workers[0] as PublisherRig['workers'][number];
  let result = await rig.publish();
  let count = 0;
  for (; result.ok && count < 100; count++) {
    // One exchange stays on each snapshot.
    plane.request('GET /orders/0');
    rig.tick();
    result = await rig.publish(configOf(count));
  }
  t.equal(count, ARENA_COUNT);
  t.match(result, { ok: false, error: [/every arena is in use/] });
  answer(plane.sent[0]);
  t.ok((await rig.publish()).ok);
});

t.test('a snapshot that has outgrown its arena gets a larger one', async (t) => {
  const rig = new PublisherRig(configOf(0));
  await rig.publish();
  const small = rig.publisher.arenaBytes;
  for (let number = 1; number <= 4; number++) {
    t.ok((await rig.publish(configOf(number, 100, 2_000))).ok);
    rig.tick();
  }
  t.ok(rig.publisher.arenaBytes > small);
  t.equal(originNow(rig), 'http://v4:80');
  t.ok(rig.buffers.size <= 4);
});

t.test('a limit that is in no snapshot any more is not referred to, once nobody uses its last one', async (t) => {
  const rig = new PublisherRig(configOf(1));
  await rig.publish();
  const limit = limitOf(rig);
  await rig.publish(buildConfig());
  t.ok(rig.limits.isReferred(limit), 'workers may still use it');
  rig.tick();
  await rig.publish(buildConfig());
  t.notOk(rig.limits.isReferred(limit));
});

t.test('a worker that starts while a snapshot is published is given both', async (t) => {
  const rig = new PublisherRig(configOf(1));
  await rig.publish();
  let during: readonly number[] = [];
  rig.onAttach = () => {
    during = rig.publisher.snapshots().map(({ epoch }) => epoch);
  };
  await rig.publish(configOf(2));
  t.same(during, [1, 2]);
  t.same(
    rig.publisher.snapshots().map(({ epoch }) => epoch),
    [2],
  );
});

t.test('keys keep their places over reloads, and have their names', async (t) => {
  const [alice, bob] = [buildConsumer('alice', 'old', 'new'), buildConsumer('bob', 'other')];
  const rig = new PublisherRig({ ...configOf(1), consumers: [alice, bob] });
  await rig.publish();
  const names = () => [0, 1, 2, 3, 4, 5].map((index) => rig.publisher.callerName(index)?.replaceAll('\n', ' ').trim());
  t.same(names(), [undefined, undefined, 'alice alice-0', 'alice alice-1', 'bob bob-0', undefined]);
  await rig.publish({ ...configOf(1), consumers: [buildConsumer('carol', 'hers'), bob, alice] });
  t.same(names(), [undefined, undefined, 'alice alice-0', 'alice alice-1', 'bob bob-0', 'carol carol-0']);
  const { plane } = rig.workers[0] as (typeof rig.workers)[number];
  const { x } = plane.request('GET /orders/0');
  t.equal(x.snapshot.consumers.byApiKey('other')?.caller, 4);
  t.equal(rig.publisher.routeName(1), 'shop\norders-0');
  t.equal(rig.publisher.routeName(0), undefined);
});

t.test('a target that was away is new when it comes back, and one that stays is not', async (t) => {
  const rig = new PublisherRig(configOf(1));
  await rig.publish();
  const { targets } = rig.shm;
  const first = 0 as TargetIndex;
  targets.countFailure(first, 0);
  targets.enter(first, 0 as WorkerIndex);
  await rig.publish();
  t.ok(targets.isOut(first, 1), 'it stays what it was');
  await rig.publish(configOf(2));
  rig.tick();
  await rig.publish(configOf(2));
  await rig.publish(configOf(1));
  t.notOk(targets.isOut(first, 1));
  t.equal(targets.inFlight(first), 1, 'but for what is under way');
});

t.test('series and targets keep their places over reloads; only targets of now are told', async (t) => {
  const rig = new PublisherRig(configOf(1));
  await rig.publish();
  t.same(unpack(rig.publisher.seriesNames()), [['shop\norders-0', 1]]);
  t.same([...rig.publisher.targets()], [['main\nhttp://v1:80', 0]]);
  await rig.publish(configOf(2, 100, 2));
  t.same(unpack(rig.publisher.seriesNames()), [
    ['shop\norders-0', 1],
    ['shop\norders-1', 2],
  ]);
  t.same([...rig.publisher.targets()], [['main\nhttp://v2:80', 1]]);
  await rig.publish(configOf(1));
  t.same([...rig.publisher.targets()], [['main\nhttp://v1:80', 0]]);
});

t.test('the end of each publication is told, with what is published then', async (t) => {
  const rig = new PublisherRig(configOf(1));
  await rig.publish();
  rig.answer = () => Promise.resolve({ ok: false, problems: ['wrong'] });
  await rig.publish();
  rig.answer = undefined;
  await rig.publish(configOf(2));
  t.same(rig.settled, [
    [1, true],
    [1, false],
    [3, true],
  ]);
});
t.test(
  'an upstream keeps its place over reloads, its circuit with it; one that takes over a place starts afresh',
  async (t) => {
    const named = (...names: readonly string[]) =>
      buildConfig({
        upstreams: names.map((name) => buildUpstream(name, 'a:1')),
        services: [buildService('shop', { upstream: names[0] ?? '', routes: [buildRoute('orders', 'GET /orders')] })],
      });
    const rig = new PublisherRig(named('first', 'second'));
    await rig.publish();
    const places = () => rig.publisher.upstreams().map(({ name, index }) => [name, index]);
    t.same(places(), [
      ['first', 0],
      ['second', 1],
    ]);
    await rig.publish(named('third', 'second'));
    t.same(places(), [
      ['third', 2],
      ['second', 1],
    ]);
    await rig.publish(named('second', 'first'));
    t.same(places(), [
      ['second', 1],
      ['first', 0],
    ]);
  },
);
