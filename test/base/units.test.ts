import fc from 'fast-check';
import t from 'tap';
import {
  parseDuration,
  parsePercentage,
  parseRate,
  parseSize,
  printDuration,
  printRate,
  printSize,
  type Rate,
} from '../../src/base/units.ts';

// Amounts that any unit divides: 15 digits at most, as the parser takes them.
const amount = fc.oneof(
  fc.nat(),
  fc.nat(1_000).map((count) => count * 3_600_000),
  fc.nat(16).map((count) => count * 1024 ** 3),
);
const rate: fc.Arbitrary<Rate> = fc.record({
  count: fc.integer({ min: 1, max: 1e15 - 1 }),
  periodSeconds: fc.constantFrom(1, 60, 3_600, 86_400),
});

t.test('a printed duration parses to itself', async () => {
  fc.assert(fc.property(amount, (ms) => parseDuration(printDuration(ms)) === ms));
});

t.test('a printed size parses to itself', async () => {
  fc.assert(fc.property(amount, (bytes) => parseSize(printSize(bytes)) === bytes));
});

t.test('a printed rate parses to itself', async (t) => {
  fc.assert(fc.property(rate, (value) => t.same(parseRate(printRate(value)), value)));
});

t.test('any text parses to a whole number or to nothing', async () => {
  const isWhole = (value: number | undefined) => value === undefined || (Number.isSafeInteger(value) && value >= 0);
  fc.assert(fc.property(fc.string(), (text) => isWhole(parseDuration(text)) && isWhole(parseSize(text))));
});

t.test('the documented spellings parse', async (t) => {
  t.same(['500ms', '2s', '5m', '1h', '0', '0s'].map(parseDuration), [500, 2_000, 300_000, 3_600_000, 0, 0]);
  t.same(['1B', '16KiB', '10MiB', '2GiB', '0'].map(parseSize), [1, 16_384, 10_485_760, 2_147_483_648, 0]);
  t.same(parseRate('6000/min'), { count: 6_000, periodSeconds: 60 });
  t.same(
    ['100/s', '1000/day', '5/h'].map((text) => parseRate(text)?.periodSeconds),
    [1, 86_400, 3_600],
  );
});

t.test('the largest unit that divides is printed', async (t) => {
  t.same([90_000, 60_000, 1_500, 0].map(printDuration), ['90s', '1m', '1500ms', '0s']);
  t.same([16_384, 1_000, 1_073_741_824].map(printSize), ['16KiB', '1000B', '1GiB']);
});

t.test('what is not exactly of the form is refused', async (t) => {
  for (const text of [
    '',
    '1',
    '1.5s',
    '-1s',
    '1 s',
    '1S',
    ' 1s',
    '1sec',
    '1d',
    's',
    '9007199254740993ms',
    '999999999999999h',
  ]) {
    t.equal(parseDuration(text), undefined, JSON.stringify(text));
  }
  for (const text of ['1', '10MB', '1kib', '1 KiB', '0x10B', '999999999999999GiB'])
    t.equal(parseSize(text), undefined, text);
  for (const text of ['0/s', '100', '/s', '1.5/s', '1/ms', '1/sec', '1/s ', '-1/s', '1/S'])
    t.equal(parseRate(text), undefined, text);
});

t.test('a percentage is a share from 0 to 1, with three decimals at the most', async (t) => {
  t.same(['0%', '0.001%', '0.5%', '20%', '100%', '100.000%'].map(parsePercentage), [0, 0.00001, 0.005, 0.2, 1, 1]);
  for (const text of ['', '20', '%', '-1%', '100.001%', '101%', '1.2345%', '.5%', '5.%', '1 %', '1e1%', '0x1%']) {
    t.equal(parsePercentage(text), undefined, JSON.stringify(text));
  }
});
