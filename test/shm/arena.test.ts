import { createHash } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import {
  ARENA_HEADER_BYTES,
  ARENA_MAGIC,
  Arena,
  type ArenaParts,
  arenaFields,
  KEY_SLOT_WORDS,
  writeArena,
} from '../../src/shm/arena.ts';
import { headerTable, lastNumber, numberIn } from './header-table.ts';

const plan = fc.uint8Array({ maxLength: 40 });
const plans = fc.array(plan, { maxLength: 20 });
const key = fc.record({ secret: fc.string(), consumer: fc.nat(1_000_000), ordinal: fc.nat(9) });
const keys = fc.uniqueArray(key, { maxLength: 70, selector: ({ secret }) => secret });
const parts = fc.record({
  epoch: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  gateway: plan,
  trie: fc
    .array(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), { maxLength: 30 })
    .map((words) => Int32Array.from(words)),
  routes: plans,
  ruleCount: fc.nat(20),
  limitCount: fc.nat(20),
  targetCount: fc.nat(20),
  upstreamCount: fc.nat(20),
  loadCount: fc.nat(20),
  consumers: plans,
});

function digestOf(secret: string): Uint8Array {
  return createHash('sha256').update(secret).digest();
}

/** A digest whose first word is given, so that keys meet at one place of the table. */
function digestAt(word: number, rest: number): Uint8Array {
  const digest = new Uint8Array(32);
  const view = new DataView(digest.buffer);
  view.setUint32(0, word);
  view.setUint32(28, rest);
  return digest;
}

/** Into a buffer that something else was in. */
function write(parts: ArenaParts): Arena {
  return writeArena(parts, (bytes) => {
    const buffer = new SharedArrayBuffer((bytes + 103) & ~3);
    new Uint8Array(buffer).fill(0xa5);
    return buffer;
  });
}

const empty: ArenaParts = {
  epoch: 1,
  gateway: new Uint8Array(),
  trie: new Int32Array(),
  routes: [],
  ruleCount: 0,
  limitCount: 0,
  targetCount: 0,
  upstreamCount: 0,
  loadCount: 0,
  consumers: [],
  keys: [],
};

t.test('the table in the header comment says what the constants say', async (t) => {
  const rows = headerTable('arena.ts');
  t.same(Object.fromEntries(rows.map(({ field, offset }) => [field, lastNumber(offset)])), arenaFields);
  t.equal(numberIn(rows[0]?.rest ?? '', /(0x[0-9A-F]+)/), ARENA_MAGIC);
  t.ok(rows.every(({ offset }) => lastNumber(offset) + 4 <= ARENA_HEADER_BYTES));
  // digest u32 × 8, consumer + 1, keyOrdinal
  t.match(rows.find(({ field }) => field === 'keysAt')?.rest, /digest u32 × 8, consumer \+ 1 u32, keyOrdinal u32/);
  t.equal(KEY_SLOT_WORDS, 8 + 1 + 1);
});

t.test('what is laid out is read back, all of it and as it was', async (t) => {
  const law = fc.property(parts, keys, (parts, keys) => {
    const arena = write({
      ...parts,
      keys: keys.map(({ secret, consumer, ordinal }) => ({ digest: digestOf(secret), consumer, ordinal })),
    });
    const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;
    return (
      arena.get('epoch') === parts.epoch &&
      arena.get('routeCount') === parts.routes.length &&
      arena.get('consumerCount') === parts.consumers.length &&
      arena.get('usedBytes') <= arena.buffer.byteLength &&
      same(arena.gatewayPlan(), parts.gateway) &&
      arena.trieWords().join() === parts.trie.join() &&
      parts.routes.every((route, i) => same(arena.routePlan(i), route)) &&
      parts.consumers.every((consumer, i) => same(arena.consumerPlan(i), consumer)) &&
      keys.every(({ secret, consumer }) => arena.findKey(digestOf(secret)) === consumer)
    );
  });
  t.doesNotThrow(() => fc.assert(law, { numRuns: 300 }));
});

t.test('a key that is not there is not found, among however many', async (t) => {
  const law = fc.property(keys, fc.string(), (keys, absent) => {
    fc.pre(keys.every(({ secret }) => secret !== absent));
    const arena = write({ ...empty, keys: keys.map((key) => ({ ...key, digest: digestOf(key.secret) })) });
    return arena.findKey(digestOf(absent)) === -1;
  });
  t.doesNotThrow(() => fc.assert(law, { numRuns: 300 }));
});

t.test('keys that meet at one place of the table are told apart by every word, round its end too', async (t) => {
  const word = fc.constantFrom(0, 1, 0x7fff_ffff, 0xffff_fffe, 0xffff_ffff);
  const digests = fc.uniqueArray(fc.tuple(word, fc.nat(8)), {
    minLength: 1,
    maxLength: 40,
    selector: (pair) => pair.join(),
  });
  const law = fc.property(digests, (all) => {
    const [absent, ...present] = all as [[number, number], ...[number, number][]];
    const arena = write({
      ...empty,
      keys: present.map(([word, rest], consumer) => ({ digest: digestAt(word, rest), consumer, ordinal: 0 })),
    });
    return (
      present.every(([word, rest], consumer) => arena.findKey(digestAt(word, rest)) === consumer) &&
      arena.findKey(digestAt(...absent)) === -1
    );
  });
  t.doesNotThrow(() => fc.assert(law, { numRuns: 300 }));
});

t.test('the table of keys is a power of two, never more than half full', async (t) => {
  for (const count of [0, 1, 2, 3, 4, 5, 511, 512, 513]) {
    const all = Array.from({ length: count }, (_, i) => ({ digest: digestOf(`${i}`), consumer: i, ordinal: 0 }));
    const capacity = write({ ...empty, keys: all }).get('keyCapacity');
    t.ok(count === 0 ? capacity === 0 : capacity >= 2 * count && Number.isInteger(Math.log2(capacity)), `${count}`);
  }
});

t.test('a digest may lie anywhere in its buffer', async (t) => {
  const digest = digestOf('key');
  const arena = write({ ...empty, keys: [{ digest, consumer: 5, ordinal: 0 }] });
  const large = new Uint8Array(100);
  large.set(digest, 13);
  t.equal(arena.findKey(large.subarray(13, 45)), 5);
});

t.test('parts lie one after the other, on words of their own', async (t) => {
  const law = fc.property(parts, keys, (parts, keys) => {
    const arena = write({ ...parts, keys: keys.map((key) => ({ ...key, digest: digestOf(key.secret) })) });
    const offsets = (
      ['gatewayAt', 'trieAt', 'routesAt', 'seriesAt', 'limitsAt', 'targetsAt', 'consumersAt', 'keysAt'] as const
    ).map((field) => arena.get(field));
    const isOrdered = offsets.every((at, i) => at % 4 === 0 && at >= (offsets[i - 1] ?? ARENA_HEADER_BYTES));
    return isOrdered && arena.get('keysAt') + arena.get('keyCapacity') * KEY_SLOT_WORDS * 4 <= arena.get('usedBytes');
  });
  t.doesNotThrow(() => fc.assert(law));
});

t.test('the main thread writes indexes that every thread reads, each table by itself', async (t) => {
  const routes = [new Uint8Array(1), new Uint8Array(2)];
  const arena = write({ ...empty, routes, ruleCount: 2, limitCount: 3, targetCount: 2 });
  arena.writeIndexes('seriesAt', [7, 8, 21, 22]);
  arena.writeIndexes('limitsAt', [1, 2, 3]);
  arena.writeIndexes('targetsAt', Int32Array.of(4_000, 5));
  const other = new Arena(arena.buffer);
  t.same(
    [0, 1].map((route) => other.seriesOf(route)),
    [7, 8],
  );
  t.same(
    [0, 1].map((rule) => other.seriesOfRule(rule)),
    [21, 22],
  );
  t.same(
    [0, 1, 2].map((limit) => other.limitOf(limit)),
    [1, 2, 3],
  );
  t.same(
    [0, 1].map((target) => other.targetOf(target)),
    [4_000, 5],
  );
  t.equal(other.routePlan(1).length, 2);
});

t.test('a buffer of something else is refused', async (t) => {
  t.throws(() => new Arena(new SharedArrayBuffer(1_024)), /is an arena/);
});
