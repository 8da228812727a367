import { once } from 'node:events';
import t from 'tap';
import {
  answerBlock,
  type BlockRecord,
  type BlockRequest,
  REBUILD_US,
  WINDOW_GRACE_MS,
} from '../../../../src/control/quota/blocks/block-record.ts';
import { blockScript, blockScriptOnTestClock } from '../../../../src/control/quota/blocks/block-script.ts';
import { markerAt, type StoreMarker } from '../../../../src/control/quota/store-marker.ts';
import { RedisConnection } from '../../../../src/control/redis/redis-connection.ts';
import { script } from '../../../../src/control/redis/script.ts';
import { startRedisServer } from '../../../support/redis-server.ts';
import { mulberry } from '../leases/simulation.ts';

const dump = script(
  'dump',
  `local all = redis.call('HGETALL', KEYS[1])
  local out = {}
  for n = 1, #all, 2 do out[#out + 1] = all[n] .. '=' .. all[n + 1] end
  table.sort(out)
  return table.concat(out, ' ')`,
);
const forget = script('forget', "return redis.call('DEL', unpack(KEYS))");
const ttl = script('ttl', "return redis.call('PTTL', KEYS[1])");

const server = await startRedisServer();
const changes = new EventTarget();
const connection = new RedisConnection({ url: server.url, commandTimeoutMs: 10_000 }, ({ status }) =>
  changes.dispatchEvent(new Event(status)),
);
await once(changes, 'up');
t.teardown(async () => {
  connection.close();
  await server.stop();
});

const testScript = blockScriptOnTestClock();
const prefix = `test-blocks-${process.pid}`;
// Far ahead, so that no key expires amid the comparison.
const END_MS = Date.now() + 3_600_000;

const argumentsOf = (request: BlockRequest): (string | number)[] => [
  connection.serverIdOf(''),
  request.limit,
  request.holder,
  request.sequence,
  request.total,
  request.returned,
  request.wanted,
  request.endMs,
  request.holds ? 1 : 0,
];

t.test('the script in Redis and the model in TypeScript answer alike, whatever is asked', async (t) => {
  for (let seed = 1; seed <= Number(process.env['SEEDS'] ?? 10); seed++) {
    t.equal(await compare(seed, 100), undefined, `seed ${seed}`);
  }
});

t.test("the gateway's script is the compared one, on Redis's own clock; a counter goes with its window", async (t) => {
  t.equal(blockScript.lua.split('\n').slice(2).join('\n'), testScript.lua.split('\n').slice(1).join('\n'));
  const keys = ['own', 'own-marker', 'own-hold'].map((name) => `${prefix}:${name}`);
  const request = { limit: 10, holder: 'a', sequence: 1, total: 0, returned: 0, wanted: 3, endMs: END_MS };
  t.same(await connection.run(blockScript, keys, argumentsOf(request)), { ok: true, value: [2, 0, 10] });
  const left = await connection.run(ttl, keys, []);
  t.ok(left.ok && Math.abs((left.value as number) - (END_MS + WINDOW_GRACE_MS - Date.now())) < 60_000);
  await connection.run(forget, keys, []);
});

/** @returns the first difference */
async function compare(seed: number, stepCount: number): Promise<string | undefined> {
  const random = mulberry(seed);
  const below = (max: number): number => Math.floor(random() * max);
  const keys = ['', ':marker', ':hold'].map((name) => `${prefix}:${seed}${name}`);
  const limit = [10, 1_000, 1_000_000_000][below(3)] as number;
  let marker: StoreMarker | undefined;
  let record: BlockRecord | undefined;
  let holdUntilUs = 0;
  let nowUs = 1.7e15;
  let sequence = 0;
  for (let step = 0; step < stepCount; step++) {
    nowUs += below(REBUILD_US / 2);
    const chance = random();
    if (chance < 0.03) {
      await connection.run(forget, keys, []);
      record = undefined;
      marker = undefined;
      holdUntilUs = 0;
    } else if (chance < 0.05) nowUs -= below(10 * REBUILD_US);
    sequence += below(2);
    const request: BlockRequest = {
      limit,
      holder: `h${below(5)}`,
      sequence: random() < 0.2 ? 0 : Math.max(1, sequence - below(3)),
      holds: random() < 0.1,
      total: random() < 0.7 ? 0 : below(limit / 4),
      returned: random() < 0.7 ? 0 : below(limit / 8),
      wanted: random() < 0.2 ? 0 : 1 + below(limit / 2),
      endMs: random() < 0.5 ? END_MS : 0,
    };
    const inRedis = await connection.run(testScript, keys, [...argumentsOf(request), nowUs]);
    marker = markerAt(marker, connection.serverIdOf(keys[0] ?? ''), nowUs);
    const answer = answerBlock(record, { ...marker, holdUntilUs }, request, nowUs);
    ({ record, holdUntilUs } = answer);
    const dumped = await connection.run(dump, keys, []);
    const { status, granted, remaining } = answer.reply;
    const found = JSON.stringify([inRedis, dumped]);
    const expected = JSON.stringify([
      { ok: true, value: [status, granted, remaining] },
      { ok: true, value: textOf(record) },
    ]);
    if (found !== expected) return `step ${step}: ${JSON.stringify(request)}\nRedis ${found}\nmodel ${expected}`;
  }
  await connection.run(forget, keys, []);
  return undefined;
}

function textOf({ taken, holders }: BlockRecord): string {
  const fields = [...holders].map(([name, one]) => `h${name}=${one.sequence} ${one.granted} ${one.total}`);
  return [...fields, `taken=${taken}`].sort().join(' ');
}
