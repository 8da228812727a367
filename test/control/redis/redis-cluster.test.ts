// Leases over a real cluster of three masters, one of them with a replica: keys are spread, a shard that fails takes its own keys
// with it and no others, and one that comes back, or whose replica takes over, has new markers.

import t from 'tap';
import { askStore, type LeaseKeys, leaseKeys, leaseMarkers } from '../../../src/control/quota/leases/ask-store.ts';
import { ClusterLimits } from '../../../src/control/quota/leases/cluster-limits.ts';
import { TOKEN } from '../../../src/control/quota/leases/lease-terms.ts';
import { keySlot } from '../../../src/control/redis/key-slot.ts';
import { RedisConnection } from '../../../src/control/redis/redis-connection.ts';
import { script } from '../../../src/control/redis/script.ts';
import type { StoreState } from '../../../src/control/redis/store-state.ts';
import { LeaseTable } from '../../../src/shm/lease-table.ts';
import { type ClusterNode, startRedisCluster, untilDone } from '../../support/redis-cluster.ts';

const RECOVERING = 2;
const GRANTED = 0;
const PREFIX = 'sluice';
const get = script('get', "return redis.call('GET', KEYS[1])");
const scriptFlush = script('script-flush', "return redis.call('SCRIPT', 'FLUSH')");

const cluster = await startRedisCluster(3, 1);
const states: StoreState[] = [];
const connection = new RedisConnection({ url: cluster.url, commandTimeoutMs: 10_000 }, (state) => states.push(state));
t.teardown(async () => {
  connection.close();
  await cluster.stop();
});
const keys = Array.from({ length: 60 }, (_, index) => leaseKeys(PREFIX, 'a1', `key-${index}`, true));
let sequence = 0;

function ask({ record, marker }: LeaseKeys) {
  // So slow that a record outlasts the test: it takes 50 s to say what none would.
  const request = { limitRate: TOKEN, limitBurst: 50 * TOKEN, holder: 'a', heldRate: 0, heldBurst: 0 };
  const wish = { spareBurst: 0, returned: 0, demand: TOKEN, wanted: TOKEN, isLease: false, purchaseUs: 5_000 };
  return askStore(connection, { record, marker }, { ...request, ...wish, sequence: ++sequence });
}

async function statusesOf(asked: readonly LeaseKeys[]): Promise<readonly (number | string)[]> {
  const replies = await Promise.all(asked.map(ask));
  return [...new Set(replies.map((reply) => (reply.ok ? reply.value.status : reply.error.kind)))];
}

async function until(isDone: () => boolean): Promise<void> {
  await untilDone(async () => {
    if (!isDone()) throw new Error(`never: ${isDone}`);
  });
}

async function untilGranted(asked: readonly LeaseKeys[]): Promise<void> {
  await untilDone(async () => {
    const found = await statusesOf(asked);
    if (found.join() !== `${GRANTED}`) throw new Error(`answered with ${found}`);
  });
}

async function markerOf({ marker }: LeaseKeys): Promise<string> {
  const stored = await connection.run(get, [marker], []);
  return stored.ok ? String(stored.value) : stored.error.message;
}

const idsOf = (): readonly string[] => [...new Set(keys.map(({ record }) => connection.serverIdOf(record)))];
const keysOf = (serverId: string) => keys.filter(({ record }) => connection.serverIdOf(record) === serverId);
const runIdOf = async ({ client }: ClusterNode) => /run_id:(\S+)/.exec(await client.info('server'))?.[1] ?? '';

t.test('keys spread over the masters, and each is told the id of its own', async (t) => {
  const [first] = keys as [LeaseKeys];
  t.match(await ask(first), { ok: false, error: { kind: 'down' } }, 'not yet');
  await until(() => connection.state.status === 'up');
  t.match(connection.state, { downCount: 0, error: undefined }, 'up when all have been tried');
  t.same([...idsOf()].sort(), (await Promise.all(cluster.masters.map(runIdOf))).sort());
  t.same(await statusesOf(keys), [RECOVERING], 'markers are new');
  for (const { record, marker } of keys) {
    t.equal(keySlot(record), keySlot(marker));
    t.match(await markerOf({ record, marker }), new RegExp(`^${connection.serverIdOf(record)}:\\d+$`));
  }
  const slots = await (cluster.masters[0] as ClusterNode).client.call('CLUSTER', 'KEYSLOT', keys[0]?.record ?? '');
  t.equal(slots, keySlot(keys[0]?.record ?? ''));
  await connection.run(scriptFlush, [keys[0]?.record ?? ''], []);
  t.same(await statusesOf(keys), [RECOVERING], 'one shard has lost its scripts');
});

t.test('an instance touches every marker, and is ready when the youngest is old enough', async (t) => {
  const clock = { us: 1_000_000, nowUs: () => clock.us };
  const lines: string[] = [];
  const log = (level: string, message: string) => void lines.push(`${level}: ${message}`);
  const workers = { answerLease() {} };
  const options = { url: cluster.url, table: LeaseTable.create(8), clock, log, workers };
  const limits = ClusterLimits.start(options) as ClusterLimits;
  t.teardown(() => limits.close());
  limits.useLimits([{ idLow: 1, idHigh: 2, tokensPerSecond: 1, burst: 1, onStoreLoss: 'closed', relaxed: 0 }]);
  await until(() => limits.status().isUp);
  t.match(limits.notReady(), [/no shares/]);
  const markers = leaseMarkers(PREFIX, true);
  t.equal(new Set(markers).size, 256);
  await untilDone(async () => {
    clock.us += 100_000;
    const stored = await Promise.all(markers.map((marker) => connection.run(get, [marker], [])));
    if (!stored.every((reply) => reply.ok && typeof reply.value === 'string')) throw new Error('not all yet');
  });
  t.match(lines[0], /^info: Redis answers/);
  await until(() => {
    clock.us += 100_000;
    return limits.notReady().length === 0;
  });
});

t.test('a slot that moves is found at its new place, where its marker is new', async (t) => {
  const [from, to] = cluster.masters as [ClusterNode, ClusterNode];
  const [fromId, toId] = [await runIdOf(from), await runIdOf(to)];
  const moving = keysOf(fromId)[0] as LeaseKeys;
  const slot = keySlot(moving.record);
  const [fromNode, toNode] = [await from.client.call('CLUSTER', 'MYID'), await to.client.call('CLUSTER', 'MYID')];
  await to.client.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', String(fromNode));
  await from.client.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', String(toNode));
  t.match(await ask(moving), { ok: true }, 'still there');
  const stored = (await from.client.call('CLUSTER', 'GETKEYSINSLOT', slot, 100)) as string[];
  await from.client.call('MIGRATE', '127.0.0.1', to.port, '', 0, 5_000, 'KEYS', ...stored);
  t.match(await ask(moving), { ok: false, error: { kind: 'moved', message: /^ASK / } }, 'nothing is redirected');
  for (const { client } of [to, from]) await client.call('CLUSTER', 'SETSLOT', slot, 'NODE', String(toNode));
  await until(() => connection.serverIdOf(moving.record) === toId);
  t.match(await markerOf(moving), new RegExp(`^${fromId}:`), 'the marker came along');
  t.match(await ask(moving), { ok: true, value: { status: RECOVERING, moved: 0 } });
  t.match(await markerOf(moving), new RegExp(`^${toId}:`));
  t.equal(connection.state.status, 'up');
});

t.test('a shard that is gone takes its keys with it, and no others, until it is back', async (t) => {
  const gone = cluster.masters[2] as ClusterNode;
  const before = await runIdOf(gone);
  const lost = keysOf(before);
  const kept = keys.filter((key) => !lost.includes(key));
  t.ok(lost.length > 0 && kept.length > 0);
  const place = states.length;
  await gone.server.kill();
  await until(() => connection.state.downCount === 1);
  t.equal(connection.state.status, 'up');
  const startMs = performance.now();
  t.same(await statusesOf(lost), ['down']);
  t.ok(performance.now() - startMs < 5_000, 'nothing waited for a timeout');
  t.match(
    (await Promise.all(kept.map(ask))).filter(({ ok }) => !ok),
    [],
    'all others are answered',
  );
  await gone.server.restart();
  await until(() => connection.state.downCount === 0);
  t.not(connection.serverIdOf(lost[0]?.record ?? ''), before);
  // It answers when it has found the others.
  await untilDone(async () => {
    const found = await statusesOf(lost);
    if (found.join() !== `${RECOVERING}`) throw new Error(`answered with ${found}`);
  });
  t.ok(
    states.slice(place).every(({ status }) => status === 'up'),
    'the store as a whole was up',
  );
});

t.test('a replica that takes over has the markers of its master, and they do not count', async (t) => {
  const master = cluster.masters[0] as ClusterNode;
  const replica = cluster.replicas[0] as ClusterNode;
  const before = await runIdOf(master);
  const lost = keysOf(before);
  await untilGranted(lost);
  await master.client.call('WAIT', 1, 5_000);
  await master.server.kill();
  await untilDone(() => replica.client.call('CLUSTER', 'FAILOVER', 'TAKEOVER'));
  const after = await runIdOf(replica);
  await until(() => lost.every(({ record }) => connection.serverIdOf(record) === after));
  t.match(await markerOf(lost[0] as LeaseKeys), new RegExp(`^${before}:`), 'the marker came along');
  t.same(await statusesOf(lost), [RECOVERING]);
  t.match(await markerOf(lost[0] as LeaseKeys), new RegExp(`^${after}:`));
});

t.test('a master that is silent costs its keys a timeout, and is let go after a second', async (t) => {
  const [, silent] = cluster.masters as [ClusterNode, ClusterNode];
  const quick = new RedisConnection({ url: cluster.url });
  t.teardown(() => quick.close());
  await until(() => quick.state.status === 'up');
  const id = await runIdOf(silent);
  await until(() => keys.some(({ record }) => quick.serverIdOf(record) === id));
  const lost = keys.find(({ record }) => quick.serverIdOf(record) === id) as LeaseKeys;
  silent.server.pause();
  t.teardown(() => silent.server.resume());
  for (let n = 0; n < 3; n++) {
    t.match(await quick.run(get, [lost.record], []), { ok: false, error: { kind: 'timeout' } });
  }
  t.match(quick.state, { status: 'up', downCount: 1 });
  await untilDone(async () => {
    await quick.run(get, [lost.record], []);
    if (quick.serverIdOf(lost.record) !== '') throw new Error('still there');
  });
  silent.server.resume();
  await until(() => quick.serverIdOf(lost.record) === id);
});
