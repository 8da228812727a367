import fc from 'fast-check';
import t from 'tap';
import { type BareItem, type Dictionary, parseDictionary, printDictionary } from '../../src/base/structured-fields.ts';

const key = fc.stringMatching(/^[a-z*][a-z0-9_.*-]{0,6}$/);
const bare: fc.Arbitrary<BareItem> = fc.oneof(
  fc
    .integer({ min: -999_999_999_999_999, max: 999_999_999_999_999 })
    .map((value) => ({ kind: 'integer', value }) as const),
  fc.integer({ min: -999_999, max: 999_999 }).map((value) => ({ kind: 'decimal', value: value / 1_000 }) as const),
  fc.stringMatching(/^[ -~]{0,8}$/).map((value) => ({ kind: 'string', value }) as const),
  fc.stringMatching(/^[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]{0,8}$/).map((value) => ({ kind: 'token', value }) as const),
  fc.uint8Array({ maxLength: 12 }).map((value) => ({ kind: 'bytes', value: Buffer.from(value) }) as const),
  fc.boolean().map((value) => ({ kind: 'boolean', value }) as const),
);
const parameters = fc
  .uniqueArray(fc.tuple(key, bare), { maxLength: 3, selector: ([name]) => name })
  .map((list) => new Map(list));
const item = fc.record({ item: bare, parameters });
const member = fc.oneof(item, fc.record({ items: fc.array(item, { maxLength: 3 }), parameters }));
const dictionary: fc.Arbitrary<Dictionary> = fc
  .uniqueArray(fc.tuple(key, member), { maxLength: 4, selector: ([name]) => name })
  .map((list) => new Map(list));

t.test('whatever is printed is read as it was', async (t) => {
  const law = fc.property(dictionary, (members) => {
    const text = printDictionary(members);
    const read = parseDictionary(text);
    return read !== undefined && printDictionary(read) === text && read.size === members.size;
  });
  t.doesNotThrow(() => fc.assert(law, { numRuns: 500 }));
});

t.test('no text makes it throw', async (t) => {
  const piece = fc.oneof(
    fc.string(),
    fc.constantFrom('a=', '(', ')', '"', ':', ';', ',', ' ', '?1', '1.5', '\\', '=='),
  );
  const law = fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
    const read = parseDictionary(pieces.join(''));
    return read === undefined || parseDictionary(printDictionary(read)) !== undefined;
  });
  t.doesNotThrow(() => fc.assert(law, { numRuns: 1_000 }));
});

t.test('dictionaries are read as the standard has them', async (t) => {
  const members = parseDictionary(' a=1,\tb;x;y="\\"\\\\" , c=("d" e;f=:AAE=: 2.50);g=?0 ');
  t.equal(members && printDictionary(members), 'a=1, b;x;y="\\"\\\\", c=("d" e;f=:AAE=: 2.5);g=?0');
  t.equal(parseDictionary('')?.size, 0);
});

t.test('what the grammar does not allow is no dictionary', async (t) => {
  for (const text of [
    ...['a=1,', ',a=1', 'a=1 b=2', 'A=1', 'a=', 'a==', 'a=1;', 'a=1;B', 'a=(1', 'a=(1 2', 'a=("x""y")', 'a=((1))'],
    ...['a="x', 'a="ä"', 'a="\\n"', 'a=:AA:', 'a=:AAF=:', 'a=:A A=:', 'a=?2', 'a=1.', 'a=1.2345', 'a=1234567890123456'],
    ...['a=@1', 'a=%"x"', 'a=1\n', '\ta=1', 'a=1, a=2', 'a=1;b;b'],
  ]) {
    t.equal(parseDictionary(text), undefined, text);
  }
});
