// Several instances in one process, each with a connection of its own, against a real Redis that loses its scripts, its data and
// itself. Windows are judged by one monotonic clock. What is asserted of time is that no window is over, never that something
// was fast.

import { setTimeout as wait } from 'node:timers/promises';
import t from 'tap';
import { KEPT_KEY_COUNT_MAX, LeaseKeeper } from '../../../../src/control/quota/leases/lease-keeper.ts';
import { TOKEN } from '../../../../src/control/quota/leases/lease-terms.ts';
import { ShareBucket } from '../../../../src/control/quota/leases/share-bucket.ts';
import { RedisConnection } from '../../../../src/control/redis/redis-connection.ts';
import { script } from '../../../../src/control/redis/script.ts';
import { redisBinary, startOwnServer } from '../../../support/redis-server.ts';
import { BURST, clock, countOf, excessOf, Instance, offerUntil } from './demanding-instances.ts';

const scriptFlush = script('script-flush', "return redis.call('SCRIPT', 'FLUSH')");
const flushAll = script('flush-all', "return redis.call('FLUSHALL')");

t.test('keys without a share are forgotten, and there are never too many', async (t) => {
  const connection = new RedisConnection({ url: 'redis://127.0.0.1:1' });
  t.teardown(() => connection.close());
  const virtual = { us: 1e9, nowUs: () => virtual.us };
  const keeper = new LeaseKeeper(connection, virtual, { prefix: 'test', holder: 'a', onOutcome: () => {} });
  const open = (key: number) => keeper.open('a1', `${key}`, TOKEN, TOKEN, () => new ShareBucket());
  for (let key = 0; key < KEPT_KEY_COUNT_MAX; key++) open(key);
  t.equal(open(-1), undefined);
  t.equal(open(0), open(0));
  for (let tick = 0; tick < 60; tick++) keeper.tick();
  t.equal(keeper.keyCount, 0);
  t.ok(open(-1));
});

t.test('in a cluster, a key that was never answered waits for its own bucket to have been silent', async (t) => {
  const virtual = { us: 1e9, nowUs: () => virtual.us };
  for (const [url, seenUs] of [
    ['redis://127.0.0.1:1', 1e9],
    ['redis-cluster://127.0.0.1:1', 2e9],
  ] as const) {
    virtual.us = 1e9;
    const connection = new RedisConnection({ url });
    t.teardown(() => connection.close());
    const keeper = new LeaseKeeper(connection, virtual, { prefix: 'test', holder: 'a', onOutcome: () => {} });
    const kept = keeper.open('a1', 'key', TOKEN, TOKEN, () => new ShareBucket());
    t.ok(kept);
    if (kept === undefined) return;
    virtual.us = 2e9;
    kept.waitingCount = 1;
    keeper.starve(kept);
    while (keeper.failureCount === 0) await wait(1);
    t.equal(keeper.seenUs(kept), seenUs, url);
  }
});

t.test('four instances share one limit over a Redis that fails in every way, and no window is over', async (t) => {
  const server = await startOwnServer(redisBinary(), ['--appendonly', 'yes']);
  const instances = ['a', 'b', 'c', 'd'].map((name) => new Instance(server.url, name));
  const left: Instance[] = [];
  t.teardown(async () => {
    for (const instance of [...instances, ...left]) instance.connection.close();
    await server.stop();
  });
  const all = (): Instance[] => [...instances, ...left];
  const more = (count: number) => {
    const from = countOf(all());
    return () => countOf(all()) >= from + count;
  };
  await offerUntil(instances, more(200));
  const first = instances[0] as Instance;
  t.ok(
    all().some(({ outcomes }) => outcomes.has('recovering')),
    'a store without a marker has to settle first',
  );

  // A pause fills all buckets; what is in them is the burst, and no more.
  await wait(400);
  await offerUntil(instances, more(BURST * 4));
  await first.connection.run(scriptFlush, [], []);
  await offerUntil(instances, more(200));

  // What is held goes on while the store settles; what it forgot comes back when no lease can be left.
  for (const { outcomes } of instances) outcomes.clear();
  await first.connection.run(flushAll, [], []);
  const flushedUs = clock.nowUs();
  const isNoticed = () => instances.some(({ outcomes }) => outcomes.has('recovering'));
  // With the next report; on a busy machine that may be a while.
  await offerUntil(instances, () => isNoticed() || clock.nowUs() > flushedUs + 5_000_000);
  t.ok(isNoticed(), 'the loss is noticed');
  left.push(instances.shift() as Instance);
  await left[0]?.leave();
  await offerUntil(instances, more(300));

  const serverId = first.connection.serverIdOf('') || instances[0]?.connection.serverIdOf('');
  const restarted = server.restart();
  const isBack = ({ connection }: Instance): boolean => !['', serverId].includes(connection.serverIdOf(''));
  await offerUntil(instances, () => instances.every(isBack));
  await restarted;
  instances.push(new Instance(server.url, 'e'));
  for (const { outcomes } of instances) outcomes.clear();
  await offerUntil(instances, () => instances.every(({ outcomes }) => outcomes.has('answered')));
  await offerUntil(instances, more(300));

  t.ok(excessOf(all()) <= 0, `${excessOf(all())} over`);
  const commands = all().reduce((sum, { keeper }) => sum + keeper.commandCount, 0);
  t.comment(`${countOf(all())} admitted, ${commands} commands, excess ${excessOf(all())}`);
  for (const instance of instances) await instance.leave();
  t.ok(instances.every(({ keeper }) => keeper.keyCount === 0));
});
