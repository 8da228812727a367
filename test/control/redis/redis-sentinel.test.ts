// A real sentinel that makes a replica the master: the connection follows it, and a limit is not over though the replica lacks
// what the master gave away last.

import { Redis } from 'ioredis';
import t from 'tap';
import { RedisConnection } from '../../../src/control/redis/redis-connection.ts';
import { script } from '../../../src/control/redis/script.ts';
import { untilDone } from '../../support/redis-cluster.ts';
import { MASTER_NAME, startWatchedRedis } from '../../support/redis-sentinel.ts';
import { BURST, countOf, excessOf, Instance, offerUntil } from '../quota/leases/demanding-instances.ts';

const get = script('get', "return redis.call('GET', KEYS[1])");
const write = script('write', "return redis.call('SET', KEYS[1], 'x')");

const MARKER = 'test:marker';

const watched = await startWatchedRedis();
t.teardown(() => watched.stop());

async function until(isDone: () => boolean): Promise<void> {
  await untilDone(async () => {
    if (!isDone()) throw new Error(`never: ${isDone}`);
  });
}

async function runIdOf(client: Redis): Promise<string> {
  return /run_id:(\S+)/.exec(await client.info('server'))?.[1] ?? '';
}

t.test('what the sentinels do not know is not there, and nothing waits for it', async (t) => {
  const connection = new RedisConnection({ url: watched.url.replace(MASTER_NAME, 'another') });
  t.teardown(() => connection.close());
  await until(() => connection.state.error !== undefined);
  t.match(await connection.run(get, ['k'], []), { ok: false });
  t.equal(connection.serverIdOf('k'), '');
  await until(() => /knows no master of this name/.test(connection.state.error?.message ?? ''));
});

t.test('a failover to a replica that lacks the last second: no window is over', async (t) => {
  const master = new Redis(watched.master.url, { retryStrategy: () => null });
  const replica = new Redis(watched.replica.url);
  for (const client of [master, replica]) client.on('error', () => {});
  const instances = ['a', 'b'].map((name) => new Instance(watched.url, name));
  const [first] = instances as [Instance];
  t.teardown(() => {
    for (const { connection } of instances) connection.close();
    for (const client of [master, replica]) client.disconnect();
  });
  await until(() => instances.every(({ connection }) => connection.state.status === 'up'));
  const [masterId, replicaId] = [await runIdOf(master), await runIdOf(replica)];
  t.equal(first.connection.serverIdOf(''), masterId);
  // A store that has been there for a minute has a full burst to give.
  await master.set(MARKER, `${masterId}:${(Date.now() - 60_000) * 1_000}`);
  await master.wait(1, 20_000);
  // From now on the replica hears nothing: the master does not want the password that it comes with.
  await replica.config('SET', 'masterauth', 'wrong');
  await master.call('CLIENT', 'KILL', 'TYPE', 'replica');
  await offerUntil(instances, () => countOf(instances) >= 5 * BURST);
  t.match(await replica.get(MARKER), new RegExp(`^${masterId}:`), 'it would be believed, if it were the master');
  t.equal(await replica.dbsize(), 1, 'and knows nothing of what was given');
  await watched.master.kill();
  for (const { outcomes } of instances) outcomes.clear();
  // What is held goes on, and ends; then there are shares again.
  await offerUntil(instances, () => instances.every(({ connection }) => connection.serverIdOf('') === replicaId));
  await offerUntil(instances, () => instances.every(({ outcomes }) => outcomes.has('recovering')));
  t.match(await replica.get(MARKER), new RegExp(`^${replicaId}:`));
  for (const { outcomes } of instances) outcomes.clear();
  await offerUntil(instances, () => instances.every(({ outcomes }) => outcomes.has('answered')));
  const after = countOf(instances);
  await offerUntil(instances, () => countOf(instances) >= after + 5 * BURST);
  t.ok(excessOf(instances) <= 0, `${excessOf(instances)} over`);
  t.comment(`${countOf(instances)} admitted, excess ${excessOf(instances)}`);
});

t.test('a master that comes back as a replica is left', async (t) => {
  const connection = new RedisConnection({ url: watched.url, commandTimeoutMs: 5_000 });
  t.teardown(() => connection.close());
  await until(() => connection.state.status === 'up');
  const before = connection.serverIdOf('');
  // It is demoted under the connection: the sentinel, which sees that its master is none, puts it right.
  const client = new Redis(watched.replica.url);
  t.teardown(() => client.disconnect());
  await client.replicaof('127.0.0.1', 1);
  t.match(await connection.run(write, ['k'], []), { ok: false, error: { kind: 'readonly' } });
  await until(() => connection.state.status === 'failing');
  t.equal(connection.serverIdOf(''), '', 'a replica is none to talk to');
  await client.replicaof('NO', 'ONE');
  await until(() => connection.serverIdOf('') === before);
  t.match(await connection.run(write, ['k'], []), { ok: true });
});
