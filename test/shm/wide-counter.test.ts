import fc from 'fast-check';
import t from 'tap';
import { countOne, readCount, writeCount } from '../../src/shm/wide-counter.ts';

const LOW = 1;
const HIGH = 3;
// Around the moments at which a word turns over.
const count = fc.oneof(
  fc.maxSafeNat(),
  fc
    .tuple(fc.integer({ min: 1, max: 2 ** 20 }), fc.integer({ min: -5, max: 5 }))
    .map(([half, off]) => half * 2 ** 31 + off),
);

t.test('what was counted is read, however far', async (t) => {
  const law = fc.property(count, fc.nat(10), (from, by) => {
    fc.pre(from + by <= Number.MAX_SAFE_INTEGER);
    const words = new Uint32Array(new SharedArrayBuffer(16));
    writeCount(words, LOW, HIGH, from);
    for (let n = 0; n < by; n++) countOne(words, LOW, HIGH);
    return readCount(words, LOW, HIGH) === from + by && words[0] === 0 && words[2] === 0;
  });
  t.doesNotThrow(() => fc.assert(law, { numRuns: 2_000 }));
});

t.test('a reader between the two stores of a count reads the new count', async (t) => {
  for (const half of [1, 2, 3, 4, 2 ** 21 - 1]) {
    const words = new Uint32Array(new SharedArrayBuffer(16));
    writeCount(words, LOW, HIGH, half * 2 ** 31 - 1);
    // The first store alone.
    words[LOW] = (words[LOW] as number) + 1;
    t.equal(readCount(words, LOW, HIGH), half * 2 ** 31);
  }
});

t.test('a reader whose high word is older than its low word reads a count of in between', async (t) => {
  const law = fc.property(count, fc.integer({ min: 0, max: 2 ** 31 - 1 }), (from, since) => {
    fc.pre(from + since <= Number.MAX_SAFE_INTEGER);
    const before = new Uint32Array(new SharedArrayBuffer(16));
    const after = new Uint32Array(new SharedArrayBuffer(16));
    writeCount(before, LOW, HIGH, from);
    writeCount(after, LOW, HIGH, from + since);
    before[LOW] = after[LOW] as number;
    return readCount(before, LOW, HIGH) === from + since;
  });
  t.doesNotThrow(() => fc.assert(law, { numRuns: 2_000 }));
});

t.test('only a whole number can be set', async (t) => {
  const words = new Uint32Array(new SharedArrayBuffer(16));
  for (const wrong of [-1, 0.5, Number.NaN, 2 ** 53])
    t.throws(() => writeCount(words, LOW, HIGH, wrong), /whole number/);
});
