import fc from 'fast-check';
import t from 'tap';
import { judge } from '../../bench/gate/judge.ts';

const ratio = fc.double({ min: 0.01, max: 100, noNaN: true });
const ratios = fc.array(ratio, { minLength: 1, maxLength: 60 });

/** So that products and quotients may be compared. */
const almost = (a: number, b: number): boolean => a === b || Math.abs(a / b - 1) < 1e-9;

t.test('the interval holds the ratio', async (t) => {
  const law = fc.property(ratios, ratio, (all, bound) => {
    const { low, ratio, high } = judge(all, bound);
    return low <= ratio * (1 + 1e-9) && ratio <= high * (1 + 1e-9);
  });
  t.doesNotThrow(() => fc.assert(law));
});

t.test('the order of the rounds does not matter', async (t) => {
  const law = fc.property(ratios, ratio, (all, bound) => {
    t.same(judge(all.toReversed(), bound), judge(all, bound));
  });
  t.doesNotThrow(() => fc.assert(law));
});

t.test('ratios scale: a machine that is twice as slow gives the same interval, twice as high', async (t) => {
  const law = fc.property(ratios, fc.constantFrom(0.25, 0.5, 2, 4), (all, factor) => {
    const [one, other] = [
      judge(all, 1),
      judge(
        all.map((each) => each * factor),
        factor,
      ),
    ];
    return (
      almost(one.low * factor, other.low) &&
      almost(one.ratio * factor, other.ratio) &&
      almost(one.high * factor, other.high) &&
      one.isClear === other.isClear
    );
  });
  t.doesNotThrow(() => fc.assert(law));
});

t.test('base and branch exchanged give the inverse', async (t) => {
  const law = fc.property(ratios, (all) => {
    const [there, back] = [
      judge(all, 1),
      judge(
        all.map((each) => 1 / each),
        1,
      ),
    ];
    return almost(there.ratio, 1 / back.ratio) && almost(there.low, 1 / back.high) && almost(there.high, 1 / back.low);
  });
  t.doesNotThrow(() => fc.assert(law));
});

t.test('a round that turns out worse never makes the branch look better', async (t) => {
  const law = fc.property(ratios, fc.nat(), fc.double({ min: 1, max: 10, noNaN: true }), (all, at, factor) => {
    const worse = all.with(at % all.length, (all[at % all.length] as number) * factor);
    const [before, after] = [judge(all, 1), judge(worse, 1)];
    return after.low >= before.low && after.ratio >= before.ratio && after.high >= before.high;
  });
  t.doesNotThrow(() => fc.assert(law));
});

t.test('one round, however far off, moves the ratio no further than to the next', async (t) => {
  const rounds = [0.98, 0.99, 1, 1, 1.01, 1.01, 1.02, 1.02, 1.03];
  t.ok(judge([...rounds, 1_000], 1.07).ratio <= 1.02);
  t.ok(judge([...rounds, 0.001], 1.07).ratio >= 1);
});

t.test('the interval is that of the binomial distribution', async (t) => {
  const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);
  t.match(judge(upTo(7), 1), { low: 0, high: Number.POSITIVE_INFINITY, isClear: false });
  // 2 / 2⁸ = 0.8 %
  t.match(judge(upTo(8), 1), { low: 1, high: 8 });
  // 2 · (1 + 15 + 105) / 2¹⁵ = 0.7 %
  t.match(judge(upTo(15), 1), { low: 3, high: 13 });
});

t.test('few rounds are never clear', async (t) => {
  const law = fc.property(fc.array(ratio, { minLength: 1, maxLength: 7 }), ratio, (all, bound) => {
    return !judge(all, bound).isClear;
  });
  t.doesNotThrow(() => fc.assert(law));
});

t.test('what is no ratio is refused', async (t) => {
  t.throws(() => judge([], 1));
  t.throws(() => judge([1, 0], 1));
  t.throws(() => judge([1, Number.NaN], 1));
});
