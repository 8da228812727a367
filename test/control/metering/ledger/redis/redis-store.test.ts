// The ledger in a real Redis: what the suite says, and what becomes of it when Redis goes, forgets, or is full.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import t from 'tap';
import type { CallerIndex, SeriesIndex, WorkerIndex } from '../../../../../src/base/ids.ts';
import { RedisStore, type RedisStoreOptions } from '../../../../../src/control/metering/ledger/redis/redis-store.ts';
import type { UsageDelta } from '../../../../../src/control/metering/ledger/usage-delta.ts';
import { figure } from '../../../../../src/control/metering/ledger/usage-figures.ts';
import { queryUsage } from '../../../../../src/control/metering/ledger/usage-query.ts';
import { UsageTable } from '../../../../../src/shm/usage-table.ts';
import { redisBinary, startOwnServer } from '../../../../support/redis-server.ts';
import { storeSuite } from '../store.suite.ts';
import { callsBy, deltaOf, total } from '../usage-rig.ts';

interface Ending {
  teardown(end: () => Promise<void>): void;
}

const NOW = Math.floor(Date.now() / 60_000);
const DAY_MS = 86_400_000;
const retention = { minuteMs: 2 * DAY_MS, hourMs: 90 * DAY_MS, dayMs: 730 * DAY_MS, monthMs: 3_650 * DAY_MS };
const DELTAS = 'sluice:{usage}:deltas';
const GROUP = 'roll-up';
const WAIT_MS = 30_000;

const server = await startOwnServer(redisBinary(), ['--appendonly', 'yes']);
const client = new Redis(server.url, { protocol: 2 });
// It is ended on purpose.
client.on('error', () => {});
t.teardown(async () => {
  client.disconnect();
  await server.stop();
});

let consumers = 0;

function folderOf(t: Ending): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-outbox-'));
  t.teardown(async () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function openStore(t: Ending, options: Partial<RedisStoreOptions> = {}): RedisStore {
  const folder = options.folder ?? folderOf(t);
  const store = new RedisStore({
    url: server.url,
    folder,
    consumer: `consumer-${++consumers}`,
    gatherMs: 0,
    ...options,
  });
  t.teardown(() => store.close());
  return store;
}

/** One call in each of some deltas. */
function call(sequence: number, instance = 'one'): UsageDelta {
  return deltaOf(instance, sequence, [{ minute: NOW, consumer: instance }]);
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  for (const endMs = performance.now() + WAIT_MS; !(await isSo()); ) {
    if (performance.now() > endMs) throw new Error(`not within ${WAIT_MS} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Until nothing waits any more, here or in the stream. */
async function settle(store: RedisStore): Promise<void> {
  await until('all is rolled up', async () => {
    while (await store.maintain(retention, NOW));
    const { outboxPackets, streamEntries, trouble } = store.report();
    return outboxPackets === 0 && streamEntries === 0 && trouble === undefined;
  });
}

const calls = async (store: RedisStore): Promise<number> => total(await callsBy(store, 'month'));

storeSuite(async (t) => {
  await client.flushall();
  return openStore(t);
});

t.test(
  'what Redis does not take goes to disk, and there in its order, after a restart of the process too',
  async (t) => {
    await client.flushall();
    const folder = folderOf(t);
    const store = openStore(t, { folder });
    await store.apply(call(1));
    t.equal(store.report().outboxPackets, 0);
    server.pause();
    const startedMs = performance.now();
    for (const sequence of [2, 3, 4]) await store.apply(call(sequence));
    server.resume();
    t.comment(`${Math.round(performance.now() - startedMs)} ms for three while Redis was silent`);
    const { outboxPackets, outboxBytes, trouble } = store.report();
    t.same([outboxPackets, trouble], [3, 'timeout']);
    t.ok(outboxBytes > 0);
    // The process ends; the one after it finds what it left.
    await store.close();
    const next = openStore(t, { folder });
    await next.apply(call(1, 'two'));
    t.equal(next.report().outboxPackets, 0, 'what was left went first');
    await settle(next);
    t.same(await callsBy(next, 'minute'), { [`${NOW} one`]: 4, [`${NOW} two`]: 1 });
  },
);

t.test('a Redis that is full, may not write, or has too much to roll up, refuses; nothing is lost', async (t) => {
  await client.flushall();
  const store = openStore(t, { streamMax: 2 });
  for (const sequence of [1, 2, 3]) await store.apply(call(sequence));
  t.match(store.report(), { outboxPackets: 1, trouble: undefined });
  await settle(store);
  await client.config('SET', 'maxmemory', '1');
  await store.apply(call(4));
  t.match(store.report(), { outboxPackets: 1, trouble: 'oom' });
  await client.config('SET', 'maxmemory', '0');
  await settle(store);
  // No replica has this one's data.
  await client.config('SET', 'min-replicas-to-write', '1');
  await store.apply(call(5));
  t.match(store.report(), { outboxPackets: 1, trouble: 'readonly' });
  await client.config('SET', 'min-replicas-to-write', '0');
  await settle(store);
  t.equal(await calls(store), 5);
});

t.test('entries are rolled up while memory is full', async (t) => {
  await client.flushall();
  const store = openStore(t);
  for (const sequence of [1, 2]) await store.apply(call(sequence));
  await client.config('SET', 'maxmemory', '1');
  t.teardown(() => client.config('SET', 'maxmemory', '0'));
  while (await store.maintain(retention, NOW));
  await client.config('SET', 'maxmemory', '0');
  await settle(store);
  t.equal(await calls(store), 2);
});

t.test('an outbox that is full takes nothing more, until there is room', async (t) => {
  await client.flushall();
  const store = openStore(t, { streamMax: 1, outboxBytesMax: 250 });
  for (const sequence of [1, 2, 3]) await store.apply(call(sequence));
  const { outboxBytes } = store.report();
  await t.rejects(store.apply(call(4)), /the outbox of usage is full: 250 bytes/);
  t.match(store.report(), { outboxPackets: 2, outboxBytes });
  await settle(store);
  t.ok(await store.apply(call(4)));
  await settle(store);
  t.equal(await calls(store), 4);
  const file = join(folderOf(t), 'file');
  writeFileSync(file, '');
  const unusable = openStore(t, { folder: file });
  await t.rejects(unusable.apply(call(1, 'two')), /ENOTDIR|EEXIST/, 'nothing is taken that has nowhere to go');
});

t.test('FLUSHALL forgets what was there, and refuses nothing that comes after', async (t) => {
  await client.flushall();
  const store = openStore(t);
  for (const sequence of [1, 2]) await store.apply(call(sequence));
  await settle(store);
  await store.apply(call(3));
  await client.flushall();
  t.ok(await store.apply(call(4)));
  t.notOk(await store.apply(call(4)), 'once');
  await settle(store);
  t.equal(await calls(store), 1);
  t.equal(store.report().missingDeltas, 0);
});

t.test('a Redis that comes back without its last seconds is sent them again', async (t) => {
  await client.flushall();
  const store = openStore(t);
  for (const sequence of [1, 2, 3]) await store.apply(call(sequence));
  // As if its file had ended behind the first.
  const [, ...lost] = await client.xrange(DELTAS, '-', '+');
  await client.xdel(DELTAS, ...lost.map(([id]) => id));
  await client.set('sluice:{usage}:applied:one', 1 * 1_024);
  await server.restart();
  await store.apply(call(4));
  await settle(store);
  t.equal(await calls(store), 4);
  t.equal(store.report().missingDeltas, 0);
  // Now without a restart: nothing tells that something is missing but the gap.
  await client.set('sluice:{usage}:applied:one', 2 * 1_024);
  await store.apply(call(5));
  await settle(store);
  t.equal(await calls(store), 5);
  t.equal(store.report().missingDeltas, 2, 'and is counted');
});

t.test('entries of a consumer that died are taken over, and count once', async (t) => {
  await client.flushall();
  const [one, other] = [openStore(t), openStore(t)];
  for (let n = 1; n <= 20; n++) await one.apply(call(n));
  await settle(other);
  for (let n = 21; n <= 60; n++) await one.apply(call(n));
  const read = ['GROUP', GROUP, 'ghost', 'COUNT', 60, 'STREAMS', DELTAS, '>'] as const;
  const taken = (await client.call('XREADGROUP', ...read)) as [[string, [string, string[]][]]];
  const ids = taken[0][1].map(([id]) => id);
  t.equal(ids.length, 40);
  await other.maintain(retention, NOW);
  t.equal(await calls(other), 20, 'not before it has been silent for some time');
  await client.call('XCLAIM', DELTAS, GROUP, 'ghost', 0, ...ids, 'IDLE', 600_000);
  await Promise.all([settle(one), settle(other)]);
  t.equal(await calls(other), 60);
  t.equal(await client.xlen(DELTAS), 0);
});

t.test('several consumers that are given the same entries add them up once', async (t) => {
  await client.flushall();
  const stores = [1, 2, 3].map(() => openStore(t));
  const [first] = stores as [RedisStore];
  const consumerNames = [consumers - 2, consumers - 1, consumers].map((n) => `consumer-${n}`);
  let sequence = 0;
  for (let round = 0; round < 8; round++) {
    for (let n = 0; n < 40; n++) await first.apply(call(++sequence));
    const rolling = stores.map((store) => store.maintain(retention, NOW));
    for (let n = 0; n < 20; n++) {
      const pending = (await client.call('XPENDING', DELTAS, GROUP, '-', '+', 40).catch(() => [])) as [string][];
      const ids = pending.map(([id]) => id);
      const robber = consumerNames[n % 3] as string;
      if (ids.length > 0) await client.call('XCLAIM', DELTAS, GROUP, robber, 0, ...ids);
    }
    await Promise.all(rolling);
  }
  for (const store of stores) await settle(store);
  t.equal(await calls(first), sequence);
  t.same(await client.xlen(DELTAS), 0);
});

t.test('entries wait for others with the same rows, to be added up at once; not for long', async (t) => {
  await client.flushall();
  const [patient, hasty] = [openStore(t, { gatherMs: 600_000 }), openStore(t)];
  for (let n = 1; n <= 3; n++) await patient.apply(call(n));
  while (await patient.maintain(retention, NOW));
  t.equal(patient.report().streamEntries, 3);
  t.equal(await calls(patient), 0);
  await client.config('RESETSTAT');
  await settle(hasty);
  t.equal(await calls(hasty), 3);
  const sets = /cmdstat_hset:calls=(\d+)/.exec(await client.info('commandstats'))?.[1];
  t.equal(sets, '4', 'a row of minute, hour, day and month');
});

t.test('what somebody else wrote into the stream is dropped, and stops nothing', async (t) => {
  await client.flushall();
  const store = openStore(t);
  await store.apply(call(1));
  await client.xadd(DELTAS, '*', 'rows', 'no JSON');
  await client.xadd(DELTAS, '*', 'rows', '[[1, "a", [1]], [-1, "a\\nb\\nc\\nd\\ne\\nf", [1]], 7]');
  await client.xadd(DELTAS, '*', 'rows', `[[${NOW}, "a\\nb\\nc\\nd\\ne\\nf", ["x"]]]`);
  await store.apply(call(2));
  await settle(store);
  t.equal(await calls(store), 2);
  t.equal(await client.xlen(DELTAS), 0);
});

t.test('what somebody else wrote under the keys of the ledger holds up nothing but itself', async (t) => {
  await client.flushall();
  const store = openStore(t);
  const [hash, names] = [`sluice:{usage}:minute:${NOW}`, 'one\none-1\n\nshop\norders\n'];
  await store.apply(call(1));
  await settle(store);
  await client.hset(hash, names, 'no list');
  await t.rejects(callsBy(store, 'minute'), /somebody wrote a row/);
  await store.apply(call(2));
  await settle(store);
  t.same(await callsBy(store, 'minute'), { [`${NOW} one`]: 1 }, 'it begins anew');
  t.equal(await calls(store), 2, 'the others go on');
  await client.set(`sluice:{usage}:minute:${NOW - 1}`, 'no hash');
  await store.apply(deltaOf('one', 3, [{ minute: NOW - 1, consumer: 'alice' }]));
  while (await store.maintain(retention, NOW));
  await store.apply(call(4));
  while (await store.maintain(retention, NOW));
  t.equal(await calls(store), 3);
  await client.del(`sluice:{usage}:minute:${NOW - 1}`);
  await settle(store);
  t.equal(await calls(store), 4);
  await client.set(DELTAS, 'no stream');
  await store.apply(call(5));
  t.match(store.report(), { outboxPackets: 1, trouble: undefined });
  await client.del(DELTAS);
  await settle(store);
  t.equal(await calls(store), 5);
});

t.test('a delta of thousands of rows comes in parts, each once, and is read in pages', async (t) => {
  await client.flushall();
  const store = openStore(t, { streamMax: 60 });
  await store.apply(wideDelta(1, 1_700));
  t.equal(store.report().outboxPackets, 2, 'the first of three was taken');
  await store.apply(wideDelta(1, 1_700));
  await store.apply(wideDelta(2, 3));
  await settle(store);
  const sums = await callsBy(store, 'minute');
  t.equal(Object.keys(sums).length, 1_700);
  t.equal(total(sums), 1_703);
});

/** One call of each of so many consumers. */
function wideDelta(sequence: number, rowCount: number): UsageDelta {
  const table = UsageTable.create(1);
  let names = '';
  for (let n = 0; n < rowCount; n++) {
    const row = table.rowOf(0 as WorkerIndex, (2 + n) as CallerIndex, 1 as SeriesIndex, 0, 0);
    table.count(row, 2, -1, 1_000);
    names += `c${n}\nkey\n\nshop\norders\n\n`;
  }
  const [bank] = table.take(0 as WorkerIndex, true);
  if (bank === undefined) throw new Error('nothing was counted');
  return { instance: 'one', sequence, banks: [{ minute: NOW, rows: bank.rows, names }] };
}

t.test('sums of bytes stay exact where Lua prints 14 digits', async (t) => {
  await client.flushall();
  const store = openStore(t);
  const bytes = 2 ** 46 + 1;
  for (const sequence of [1, 2, 3]) await store.apply(deltaOf('one', sequence, [{ minute: NOW, bytes }]));
  await settle(store);
  const found: number[] = [];
  await store.read('day', 0, 2 ** 31, ({ figures }) => found.push(figures[figure.bytesIn] as number) > 0);
  t.same(found, [3 * bytes]);
});

t.test('steps are deleted when they are older than they have to be kept, and expire where nobody does', async (t) => {
  await client.flushall();
  const store = openStore(t);
  const old = NOW - 3 * 1_440;
  await store.apply(deltaOf('one', 1, [{ minute: old, count: 5 }, { minute: NOW }]));
  await settle(store);
  await until('the old minute is gone', async () => {
    await store.maintain(retention, NOW + 1);
    return total(await callsBy(store, 'minute')) === 1;
  });
  t.equal(total(await callsBy(store, 'hour')), 6);
  const life = await client.ttl(`sluice:{usage}:minute:${NOW}`);
  t.ok(life > 2 * 86_400 && life < 10 * 86_400, `${life} s`);
  for (const key of await client.keys('*:month:*')) t.ok((await client.ttl(key)) > 3_650 * 86_400);
});

t.test(
  'a question while Redis is away is told so, without its address; a query stops where it has enough',
  async (t) => {
    const away = openStore(t, { url: 'redis://secret:word@127.0.0.1:1' });
    const query = { from: 0, to: NOW, resolution: 'month', by: [], only: {}, limit: 1, prices: {} } as const;
    await t.rejects(queryUsage(away, query), /^usage cannot be read: Redis is not available \(down\)$/);
    await client.flushall();
    const store = openStore(t);
    await store.apply(deltaOf('one', 1, [{ minute: NOW }, { minute: NOW, consumer: 'bob' }]));
    await settle(store);
    let rows = 0;
    await store.read('minute', 0, 2 ** 31, () => {
      rows++;
      return false;
    });
    t.equal(rows, 1);
  },
);
