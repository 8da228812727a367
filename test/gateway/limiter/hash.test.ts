import fc from 'fast-check';
import t from 'tap';
import { hashName, SeededHash } from '../../../src/base/hash.ts';

// The definition, byte by byte and unoptimised, to compare with.
function halfSipHash(input: Uint8Array, key: readonly [number, number], c: number, d: number): [number, number] {
  const v = [key[0], key[1] ^ 0xee, 0x6c796765 ^ key[0], 0x74656462 ^ key[1]] as [number, number, number, number];
  const rotate = (x: number, by: number) => (x << by) | (x >>> (32 - by));
  const round = () => {
    v[0] = (v[0] + v[1]) | 0;
    v[1] = rotate(v[1], 5) ^ v[0];
    v[0] = rotate(v[0], 16);
    v[2] = (v[2] + v[3]) | 0;
    v[3] = rotate(v[3], 8) ^ v[2];
    v[0] = (v[0] + v[3]) | 0;
    v[3] = rotate(v[3], 7) ^ v[0];
    v[2] = (v[2] + v[1]) | 0;
    v[1] = rotate(v[1], 13) ^ v[2];
    v[2] = rotate(v[2], 16);
  };
  const padded = new Uint8Array((Math.floor(input.length / 4) + 1) * 4);
  padded.set(input);
  padded[padded.length - 1] = input.length;
  const words = new DataView(padded.buffer);
  for (let at = 0; at < padded.length; at += 4) {
    const word = words.getInt32(at, true);
    v[3] ^= word;
    for (let i = 0; i < c; i++) round();
    v[0] ^= word;
  }
  v[2] ^= 0xee;
  for (let i = 0; i < d; i++) round();
  const low = v[1] ^ v[3];
  v[1] ^= 0xdd;
  for (let i = 0; i < d; i++) round();
  return [low, v[1] ^ v[3]];
}

const KEY: readonly [number, number] = [0x03020100, 0x07060504];

t.test('the definition agrees with the published vectors of HalfSipHash-2-4-64', async (t) => {
  const vectors: readonly [number, string][] = [
    [0, '218d1f59b9b83cc8'],
    [1, 'be552412f8387315'],
    [2, '064f39ef7c50eb57'],
    [7, 'ff202728b07bc684'],
    [8, 'edfee820bce4858c'],
    [12, '7bc71f9faef5c799'],
    [63, '2ea63c71bf326087'],
  ];
  for (const [length, expected] of vectors) {
    const [low, high] = halfSipHash(
      Uint8Array.from({ length }, (_, i) => i),
      KEY,
      2,
      4,
    );
    const bytes = Buffer.alloc(8);
    bytes.writeInt32LE(low, 0);
    bytes.writeInt32LE(high, 4);
    t.equal(bytes.toString('hex'), expected, `${length} bytes`);
  }
});

t.test('SeededHash is HalfSipHash-1-3-64 of the identity and the UTF-16 of the value', async (t) => {
  fc.assert(
    fc.property(fc.integer(), fc.integer(), fc.string({ unit: 'binary', maxLength: 200 }), (idLow, idHigh, value) => {
      const input = Buffer.alloc(8 + value.length * 2);
      input.writeInt32LE(idLow, 0);
      input.writeInt32LE(idHigh, 4);
      input.write(value, 8, 'utf16le');
      for (let i = 0; i < value.length; i++) input.writeUInt16LE(value.charCodeAt(i), 8 + 2 * i);
      const hash = new SeededHash(...(KEY as [number, number]));
      hash.hash(idLow, idHigh, value);
      const [low, high] = halfSipHash(input, KEY, 1, 3);
      return hash.low === low && hash.high === high;
    }),
    { numRuns: 500 },
  );
  t.pass();
});

t.test('seed, identity and value each change the hash', async (t) => {
  const of = (seedLow: number, seedHigh: number, idLow: number, idHigh: number, value: string) => {
    const hash = new SeededHash(seedLow, seedHigh);
    hash.hash(idLow, idHigh, value);
    return `${hash.low} ${hash.high}`;
  };
  const all = [of(1, 2, 3, 4, 'a'), of(9, 2, 3, 4, 'a'), of(1, 9, 3, 4, 'a'), of(1, 2, 9, 4, 'a'), of(1, 2, 3, 9, 'a')];
  t.equal(new Set([...all, of(1, 2, 3, 4, 'b'), of(1, 2, 3, 4, 'a\0'), of(1, 2, 3, 4, '')]).size, 8);
  t.equal(
    of(1, 2, 0xffff_ffff, 4, 'a'),
    of(1, 2, -1, 4, 'a'),
    'unsigned and signed halves of an identity are the same',
  );
});

t.test('hashes of neighbouring keys spread evenly over buckets', async (t) => {
  const hash = new SeededHash(77, 88);
  const buckets = new Int32Array(1_024);
  for (let i = 0; i < 102_400; i++) {
    hash.hash(1, 2, `10.0.${i >> 8}.${i & 255}`);
    (buckets[hash.high & 1_023] as number)++;
  }
  // Mean 100, deviation 10: six deviations are one in a billion.
  t.ok(Math.max(...buckets) < 160 && Math.min(...buckets) > 45);
});

t.test('a name has the same hash in every release', async (t) => {
  const { low, high } = hashName('shop/get-order/rate-limit');
  t.same([low, high], [hashName('shop/get-order/rate-limit').low, hashName('shop/get-order/rate-limit').high]);
  t.same(hashName('shop'), GOLDEN);
  t.notSame(hashName('shop'), hashName('shoq'));
});

const GOLDEN = { low: 843007116, high: -266490073 };
