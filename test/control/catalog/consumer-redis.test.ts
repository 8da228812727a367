// The same records in one Redis and in a cluster of three masters.

import t from 'tap';
import { ConsumerRedis } from '../../../src/control/catalog/redis/consumer-redis.ts';
import { startRedisCluster } from '../../support/redis-cluster.ts';
import { redisBinary, startOwnServer } from '../../support/redis-server.ts';
import { consumer, key } from './stored.ts';

t.setTimeout(90_000);

const stores = {
  'one Redis': () => startOwnServer(redisBinary(), []),
  'a cluster': () => startRedisCluster(3),
};

for (const [name, start] of Object.entries(stores)) {
  t.test(`a change is made once, whole, and seen by all: ${name}`, async (t) => {
    const server = await start();
    const [one, other] = [new ConsumerRedis(server.url), new ConsumerRedis(server.url)];
    t.teardown(async () => {
      one.close();
      other.close();
      await server.stop();
    });
    while (one.serverId === '' || other.serverId === '') await new Promise((resolve) => setTimeout(resolve, 10));
    const put = (redis: ConsumerRedis, who: string, ...ids: readonly string[]) =>
      redis.change(who, () => consumer(who, ids.map(key)), 'id-1');
    t.match(await put(one, 'alice', 'a1'), { before: undefined, after: { rev: Number } });
    t.match(await put(other, 'bob', 'a1'), {
      refusal: { kind: 'conflict', message: /there is a key a1 of consumer alice/ },
    });
    t.match(await put(other, 'bob', 'b1', 'b1'), { refusal: { kind: 'conflict' } });
    // Both add a key at once: neither is lost.
    const add = (redis: ConsumerRedis, id: string) =>
      redis.change('alice', (before) => consumer('alice', [...(before?.keys ?? []), key(id)]), 'id-1');
    await Promise.all([add(one, 'a2'), add(other, 'a3'), add(one, 'a4')]);
    const pulled = await other.pull(0, 10);
    t.match(pulled, { value: { id: 'id-1', records: [{ name: 'alice' }] } });
    const [alice] = pulled.ok ? pulled.value.records : [];
    t.same(alice?.keys.map(({ id }) => id).sort(), ['a1', 'a2', 'a3', 'a4']);
    await one.change('alice', () => ({ ...consumer('alice'), isGone: true }), 'id-1');
    t.notMatch(await put(other, 'bob', 'a1'), { refusal: {} }, 'what was given up is free');
    const since = await one.pull(alice?.rev ?? 0, 10);
    t.match(since, { value: { records: [{ name: 'alice', isGone: true }, { name: 'bob' }] } });
    const older = { ...consumer('bob', [key('old')]), rev: 1 };
    t.same(await one.restore('id-2', [older, { ...consumer('carol', [key('c1')]), rev: 1 }]), { ok: true, value: 1 });
    t.match(await one.pull(0, 10), { value: { id: 'id-1', records: { length: 3 } } });
    one.close();
    t.match(await put(one, 'dora'), { refusal: { kind: 'store' } });
  });
}
