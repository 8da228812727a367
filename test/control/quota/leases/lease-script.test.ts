import t from 'tap';
import { askStore, leaseKeys } from '../../../../src/control/quota/leases/ask-store.ts';
import { answerLease, type LeaseRecord } from '../../../../src/control/quota/leases/lease-record.ts';
import { leaseScript, leaseScriptOnTestClock } from '../../../../src/control/quota/leases/lease-script.ts';
import {
  LEASE_US_MAX,
  type LeaseRequest,
  leaseTerms,
  TOKEN,
} from '../../../../src/control/quota/leases/lease-terms.ts';
import { markerAt, type StoreMarker } from '../../../../src/control/quota/store-marker.ts';
import { RedisConnection } from '../../../../src/control/redis/redis-connection.ts';
import { script } from '../../../../src/control/redis/script.ts';
import type { StoreState } from '../../../../src/control/redis/store-state.ts';
import { startRedisServer } from '../../../support/redis-server.ts';
import { mulberry } from './simulation.ts';

// The whole record as text, doubles to the last bit.
const dump = script(
  'dump',
  `local stored = redis.call('GET', KEYS[1])
  if not stored then return 'none' end
  local out = {}
  local place = 1
  for n = 1, 3 do out[n], place = struct.unpack('<d', stored, place) out[n] = string.format('%.17g', out[n]) end
  while place <= #stored do
    for n = 1, 6 do
      local value
      value, place = struct.unpack('<d', stored, place)
      out[#out + 1] = string.format('%.17g', value)
    end
    out[#out + 1], place = struct.unpack('s', stored, place)
  end
  return table.concat(out, ' ')`,
);

const forget = script('forget', "return redis.call('DEL', unpack(KEYS))");
const ttl = script('ttl', "return redis.call('PTTL', KEYS[1])");

const server = await startRedisServer();
const up = deferred();
const connection = new RedisConnection({ url: server.url, commandTimeoutMs: 10_000 }, (state: StoreState) => {
  if (state.status === 'up') up.resolve(undefined);
});
await up.promise;
t.teardown(async () => {
  connection.close();
  await server.stop();
});

const testScript = leaseScriptOnTestClock();
const prefix = `test-${process.pid}`;

t.test('the script in Redis and the model in TypeScript answer alike, whatever is asked', async (t) => {
  for (let seed = 1; seed <= Number(process.env['SEEDS'] ?? 12); seed++) {
    const found = await compare(seed, 120);
    t.equal(found, undefined, `seed ${seed}`);
  }
});

t.test("the gateway's script is the compared one, on Redis's own clock", async (t) => {
  const lines = (text: string): string[] => text.split('\n');
  const clock = lines(leaseScript.lua).filter((line) => !testScript.lua.includes(line));
  t.same(clock, ["local time = redis.call('TIME')", 'local now = time[1] * 1000000 + time[2]']);
  const keys = leaseKeys(prefix, 'clock', 'k', false);
  await connection.run(forget, [keys.record, keys.marker], []);
  const request = { ...quiet, holder: 'a', sequence: 1, wanted: TOKEN, limitRate: 10 * TOKEN, limitBurst: 20 * TOKEN };
  const first = await askStore(connection, keys, request);
  t.match(first, { ok: true, value: { status: 2, moved: 0 } }, 'a store without a marker gives nothing at first');
  t.ok(first.ok && first.value.waitUs > 0 && first.value.waitUs <= LEASE_US_MAX);
  t.match(await askStore(connection, keys, request), { ok: true, value: { status: 2 } });
});

t.test('a record is gone when it says what none would say', async (t) => {
  const keys = leaseKeys(prefix, 'expiry', 'k', false);
  const request = { ...quiet, holder: 'a', sequence: 1, wanted: TOKEN, limitRate: 10 * TOKEN, limitBurst: 20 * TOKEN };
  await askStore(connection, keys, request);
  const reply = await connection.run(ttl, [keys.record], []);
  t.ok(reply.ok && (reply.value as number) > 0 && (reply.value as number) <= LEASE_US_MAX / 1_000 + 2_000);
});

const quiet: LeaseRequest = {
  limitRate: 1_000 * TOKEN,
  limitBurst: 100 * TOKEN,
  holder: 'a',
  sequence: 1,
  heldRate: 0,
  heldBurst: 0,
  spareBurst: 0,
  returned: 0,
  demand: 0,
  wanted: 0,
  isLease: false,
  purchaseUs: 5_000,
};

/** @returns the first difference */
async function compare(seed: number, stepCount: number): Promise<string | undefined> {
  const random = mulberry(seed);
  const below = (max: number): number => Math.floor(random() * max);
  const pick = <T>(...values: T[]): T => values[below(values.length)] as T;
  const keys = leaseKeys(`${prefix}-${seed}`, `${seed}`, 'key', false);
  const limits = [
    [1_000, 100],
    [5, 5],
    [1_000_000, 1_000_000],
    [50, 3],
  ] as const;
  const [rate, burst] = pick<readonly [number, number]>(...limits);
  let limitRate = rate * TOKEN;
  // 1/day among them: nanotokens that no whole number of tokens divides.
  if (seed % 4 === 0) limitRate = Math.floor(TOKEN / 86_400);
  const limitBurst = burst * TOKEN;
  let marker: StoreMarker | undefined;
  let record: LeaseRecord | undefined;
  let nowUs = 1.7e15 + below(1e6);
  const sequences = new Map<string, number>();
  for (let step = 0; step < stepCount; step++) {
    nowUs += pick(0, 1, below(1_000), below(100_000), below(1_000_000), below(LEASE_US_MAX * 2));
    const chance = random();
    if (chance < 0.02) nowUs -= below(LEASE_US_MAX * 3);
    else if (chance < 0.04) {
      await connection.run(forget, [keys.record], []);
      record = undefined;
    } else if (chance < 0.06) {
      await connection.run(forget, [keys.record, keys.marker], []);
      record = undefined;
      marker = undefined;
    }
    const holder = `holder-${below(6)}`;
    const sequence = (sequences.get(holder) ?? 0) + pick(1, 1, 1, 1, 0, -1);
    sequences.set(holder, Math.max(sequence, sequences.get(holder) ?? 0));
    const isLeased = random() < 0.5;
    const request: LeaseRequest = {
      limitRate,
      limitBurst,
      holder,
      sequence,
      heldRate: isLeased ? below(limitRate / pick(1, 2, 8)) : 0,
      heldBurst: isLeased ? below(limitBurst / pick(1, 2, 8)) : 0,
      spareBurst: pick(0, below(limitBurst / 8)),
      returned: pick(0, 0, below(limitBurst / 8)),
      demand: Math.min(2 ** 52, pick(0, below(limitRate * pick(1, 4, 100)))),
      wanted: pick(0, TOKEN, 3 * TOKEN, below(limitBurst)),
      isLease: random() < 0.7,
      purchaseUs: 5_000 + below(45_000),
    };
    const inRedis = await askStore(connection, keys, request, testScript, nowUs);
    marker = markerAt(marker, connection.serverIdOf(''), nowUs);
    const answer = answerLease(record, marker, request, nowUs);
    record = answer.record;
    const dumped = await connection.run(dump, [keys.record], []);
    const found = JSON.stringify([inRedis, dumped]);
    const expected = JSON.stringify([
      { ok: true, value: answer.reply },
      { ok: true, value: textOf(record) },
    ]);
    if (found !== expected) return `step ${step}: ${JSON.stringify(request)}\nRedis ${found}\nmodel ${expected}`;
  }
  return undefined;
}

function textOf(record: LeaseRecord | undefined): string {
  if (record === undefined) return 'none';
  const leases = record.leases.map((lease) => [
    lease.sequence,
    lease.rate,
    lease.burst,
    lease.untilUs,
    lease.demand,
    lease.demandUntilUs,
    lease.holder,
  ]);
  return [record.bornUs, record.level, record.atUs, ...leases.flat()].map((value) => `${value}`).join(' ');
}

t.test('a key has so many holders, and no more', async (t) => {
  const marker = { serverId: 's', bornUs: 0 };
  let record: LeaseRecord | undefined;
  for (let n = 0; n <= leaseTerms.holderCountMax; n++) {
    const request = { ...quiet, holder: `${n}`, wanted: TOKEN, demand: TOKEN };
    const answer = answerLease(record, marker, request, 1e9);
    record = answer.record;
    if (n === leaseTerms.holderCountMax) t.match(answer.reply, { rate: 0, moved: 0, waitUs: LEASE_US_MAX });
  }
  t.equal(record?.leases.length, leaseTerms.holderCountMax);
});

function deferred() {
  let resolve: (value: unknown) => void = () => {};
  const promise = new Promise((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
