// The usage ledger of two gateways in one Redis, held against what load generators counted, while Redis is killed, one gateway too, and
// the other ends while Redis is silent.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import t from 'tap';
import { OPEN_ADMIN, testConfig } from '../support/configs.ts';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import { startLoad } from '../support/load.ts';
import { redisBinary, startOwnServer } from '../support/redis-server.ts';
import { startUpstream } from '../support/upstream.ts';

// A second is what is asked for. Half of one more is for a machine whose cores others use; three times what lies between two writes for
// one that hardly gets to it. (0.3 s are meant to.)
const LOST_MS_MAX = 1_500;
const WRITES_SEEN = 4;
const WAIT_MS = 60_000;
const TEST_TIMEOUT_MS = 110_000;
const CLIENTS = 2;

const redis = await startOwnServer(redisBinary(), ['--appendonly', 'yes']);
// Keeps the load's clients from being as fast as they can.
const upstream = await startUpstream((_req, res) => void setTimeout(() => res.end('fine'), 20));
const folders = [1, 2].map(() => mkdtempSync(join(tmpdir(), 'sluice-data-'))) as [string, string];
t.teardown(async () => {
  await redis.stop();
  await upstream.close();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

const yaml = testConfig({
  admin: OPEN_ADMIN,
  upstream: upstream.url,
  workers: 1,
  gateway: '  usage: { prices: { default: { perCall: 0.01 } } }\n  redis: "${REDIS_URL}"',
  routes: '      one: { match: "GET /one" }\n      two: { match: "GET /two" }',
});

function start(data: string): Promise<GatewayProcess> {
  return startGatewayProcess(yaml, { args: ['--data', data], env: { REDIS_URL: redis.url } });
}

async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (const endMs = performance.now() + WAIT_MS; !(await isSo()); ) {
    if (performance.now() > endMs) throw new Error(`not within ${WAIT_MS} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Calls by route, as a gateway answers them; none while Redis is away. */
async function callsBy({ admin }: GatewayProcess): Promise<Readonly<Record<string, number>>> {
  const answer = await fetch(`${admin}/api/v1/usage?by=route`);
  if (!answer.ok) return {};
  const { rows } = (await answer.json()) as { rows: { route: string; calls: number }[] };
  return Object.fromEntries(rows.map(({ route, calls }) => [route, calls]));
}

async function metric({ admin }: GatewayProcess, name: string): Promise<number> {
  const page = await (await fetch(`${admin}/metrics`)).text();
  return Number(new RegExp(`^sluice_usage_${name} (\\S+)$`, 'm').exec(page)?.[1] ?? Number.NaN);
}

/** Between some writes of usage, one after the other. */
async function longestGapMs(gateway: GatewayProcess): Promise<number> {
  const first = await metric(gateway, 'deltas_total');
  let [last, atMs, longestMs] = [first, performance.now(), 0];
  await until('some more writes', async () => {
    const deltas = await metric(gateway, 'deltas_total');
    if (deltas === last) return false;
    longestMs = Math.max(longestMs, performance.now() - atMs);
    [last, atMs] = [deltas, performance.now()];
    return deltas >= first + WRITES_SEEN;
  });
  return longestMs;
}

/** As if ten seconds had passed since a gateway that is gone took something to roll up. */
async function takeOver(): Promise<void> {
  const client = new Redis(redis.url, { protocol: 2 });
  const stream = ['sluice:{usage}:deltas', 'roll-up'] as const;
  const pending = (await client.call('XPENDING', ...stream, '-', '+', 1_000)) as [string, string][];
  for (const [id, consumer] of pending) await client.call('XCLAIM', ...stream, consumer, 0, id, 'IDLE', 600_000);
  client.disconnect();
}

t.test(
  'two gateways have one ledger, that loses nothing but the last second of one that is killed',
  { timeout: TEST_TIMEOUT_MS },
  async (t) => {
    const [one, two] = await Promise.all([start(folders[0]), start(folders[1])]);
    const answeredMs: number[] = [];
    const loadOf = (gateway: GatewayProcess, route: string, onAnswer?: () => void) =>
      startLoad({
        url: `${gateway.address}/${route}`,
        clients: CLIENTS,
        endsWhenRefused: true,
        ...(onAnswer !== undefined && { onAnswer }),
      });
    const loads = [loadOf(one, 'one', () => void answeredMs.push(performance.now())), loadOf(two, 'two')] as const;
    const served = () => loads[1].counts.statuses.get(200) ?? 0;
    const more = (count: number) => {
      const enough = served() + count;
      return until(`${enough} calls`, () => served() >= enough);
    };
    await until('each answers for the other', async () => {
      const [first, second] = await Promise.all([callsBy(one), callsBy(two)]);
      return (first['two'] ?? 0) > 0 && (second['one'] ?? 0) > 0;
    });

    const from = one.output().length;
    await redis.restart();
    await more(10);
    await until('Redis takes usage again', async () => (await metric(one, 'outbox_packets')) === 0);
    t.equal(await metric(one, 'store_up'), 1);
    t.equal(await metric(one, 'missing_deltas_total'), 0);
    t.notMatch(one.output().slice(from), /usage cannot be written|are lost/);
    const gapMs = await longestGapMs(one);
    one.signal('SIGKILL');
    const killedMs = performance.now();
    await one.exited;
    await loads[0].stop();

    redis.pause();
    await more(10);
    await until('it waits on disk', async () => (await metric(two, 'outbox_packets')) > 0);
    t.equal((await fetch(`${two.admin}/api/v1/usage`)).status, 500, 'a query says that it cannot be answered');
    t.equal(await two.stop(), 0);
    const counts = await loads[1].stop();
    t.same([...counts.failures], []);
    redis.resume();

    const next = await start(folders[1]);
    await takeOver();
    const expected = counts.statuses.get(200);
    await until('all of it is in Redis', async () => ((await callsBy(next))['two'] ?? 0) >= (expected ?? 0));
    await until('nothing is left to roll up', async () => (await metric(next, 'stream_entries')) === 0);
    const stored = await callsBy(next);
    t.equal(stored['two'], expected, 'what the other counted, exactly');
    const kept = stored['one'] ?? 0;
    t.ok(kept <= answeredMs.length + CLIENTS, 'those that were on their way may have been counted');
    const lostMs = kept < answeredMs.length ? killedMs - (answeredMs[kept] as number) : 0;
    t.comment(`${answeredMs.length - kept} of ${answeredMs.length} lost: the last ${Math.round(lostMs)} ms`);
    t.ok(lostMs < Math.max(LOST_MS_MAX, 3 * gapMs), `the last ${lostMs} ms, with ${gapMs} ms between two writes`);
    const month = new Date().toISOString().slice(0, 7);
    const statement = await fetch(`${next.admin}/api/v1/usage/statement?consumer=&month=${month}`);
    t.match(await statement.json(), { lines: [{ service: 'shop', calls: (expected ?? 0) + kept }] });
    t.equal(await next.stop(), 0);
    t.notMatch(two.output() + next.output(), new RegExp(redis.url), 'no address in the log');
  },
);
