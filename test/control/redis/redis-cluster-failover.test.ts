// A real cluster of three masters, each with one of three limits' keys, of which one is killed: its replica, which lacks what the
// master gave away last, takes over. No limit is over, and the others do not notice.

import t from 'tap';
import { leaseKeys } from '../../../src/control/quota/leases/ask-store.ts';
import { keySlot } from '../../../src/control/redis/key-slot.ts';
import { type ClusterNode, startRedisCluster, untilDone } from '../../support/redis-cluster.ts';
import { BURST, countOf, excessOf, Instance, LIMIT, offerUntil, PREFIX } from '../quota/leases/demanding-instances.ts';

const SLOTS_PER_MASTER = 16_384 / 3;

const cluster = await startRedisCluster(3, 1);
t.teardown(() => cluster.stop());

/** A key that the master of this place has. */
function keyAt(place: number): string {
  for (let n = 0; ; n++) {
    const slot = keySlot(leaseKeys(PREFIX, LIMIT, `key-${n}`, true).record);
    if (Math.floor(slot / SLOTS_PER_MASTER) === place) return `key-${n}`;
  }
}

async function runIdOf({ client }: ClusterNode): Promise<string> {
  return /run_id:(\S+)/.exec(await client.info('server'))?.[1] ?? '';
}

t.test(
  'a master that is killed, and a replica that lacks its last second: no window is over on any shard',
  async (t) => {
    const [master, replica] = [cluster.masters[0], cluster.replicas[0]] as [ClusterNode, ClusterNode];
    const groups = [0, 1, 2].map((place) => {
      const key = keyAt(place);
      return {
        keys: leaseKeys(PREFIX, LIMIT, key, true),
        instances: ['a', 'b'].map((name) => new Instance(cluster.url, name, key)),
      };
    });
    const [struck, ...spared] = groups as [(typeof groups)[number], ...typeof groups];
    const all = groups.flatMap(({ instances }) => instances);
    t.teardown(() => {
      for (const { connection } of all) connection.close();
    });
    const idOf = ({ connection }: Instance, { record }: { readonly record: string }): string =>
      connection.serverIdOf(record);
    const [masterId, replicaId] = [await runIdOf(master), await runIdOf(replica)];
    await untilDone(async () => {
      if (!struck.instances.every((instance) => idOf(instance, struck.keys) === masterId))
        throw new Error('not up yet');
    });
    // A shard that has been there for a minute has a full burst to give.
    const { marker } = struck.keys;
    await master.client.set(marker, `${masterId}:${(Date.now() - 60_000) * 1_000}`);
    await master.client.wait(1, 20_000);
    // From now on the replica hears nothing: the master does not know the password that it comes with.
    await replica.client.config('SET', 'masterauth', 'wrong');
    await master.client.call('CLIENT', 'KILL', 'TYPE', 'replica');
    await offerUntil(all, () => groups.every(({ instances }) => countOf(instances) >= 5 * BURST));
    await replica.client.call('READONLY');
    t.match(await replica.client.get(marker), new RegExp(`^${masterId}:`), 'it would be believed');
    t.equal(await replica.client.exists(struck.keys.record), 0, 'and knows nothing of what was given');

    const sparedBefore = spared.map(({ instances }) => countOf(instances));
    for (const { outcomes } of all) outcomes.clear();
    await master.server.kill();
    // What is held goes on.
    await offerUntil(all, () => struck.instances.every((instance) => idOf(instance, struck.keys) === ''));
    await untilDone(() => replica.client.call('CLUSTER', 'FAILOVER', 'TAKEOVER'));
    await offerUntil(all, () => struck.instances.every((instance) => idOf(instance, struck.keys) === replicaId));
    await offerUntil(all, () => struck.instances.every(({ outcomes }) => outcomes.has('recovering')));
    for (const { outcomes } of struck.instances) outcomes.clear();
    await offerUntil(all, () => struck.instances.every(({ outcomes }) => outcomes.has('answered')));
    const after = countOf(struck.instances);
    await offerUntil(all, () => countOf(struck.instances) >= after + 5 * BURST);

    for (const [place, { instances }] of groups.entries()) {
      t.ok(excessOf(instances) <= 0, `shard ${place}: ${excessOf(instances)} over of ${countOf(instances)}`);
    }
    for (const [index, { instances }] of spared.entries()) {
      t.notOk(
        instances.some(({ outcomes }) => outcomes.has('recovering')),
        'another shard has lost nothing',
      );
      t.ok(countOf(instances) > (sparedBefore[index] ?? 0) + 5 * BURST, 'and went on all the time');
    }
  },
);
