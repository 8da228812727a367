import fc from 'fast-check';
import t from 'tap';
import {
  costOf,
  fitsResolution,
  freshResolution,
  limitRangeIssue,
  virtualRate,
} from '../../../src/gateway/limiter/resolution.ts';

const tokensPerSecond = fc
  .double({ min: Math.log(1 / 86_400), max: Math.log(1_000_000), noNaN: true })
  .map((log) => Math.min(1_000_000, Math.max(1 / 86_400, Math.exp(log))));
const burst = fc.integer({ min: 1, max: 1_000_000 });

t.test(
  'every limit that the configuration may have fits 32-bit virtual time, with at least ten bits of a token',
  async (t) => {
    fc.assert(
      fc.property(tokensPerSecond, burst, (rate, burst) => {
        const k = freshResolution(rate, burst);
        return limitRangeIssue(rate, burst) === undefined && k >= 10 && k <= 20 && fitsResolution(k, rate, burst);
      }),
      { numRuns: 2_000 },
    );
    t.ok(fitsResolution(10, 1_000_000, 1_000_000), 'the fastest, with the largest burst');
  },
);

t.test('virtual time runs slower than the rate, by less than three parts in ten million', async (t) => {
  fc.assert(
    fc.property(tokensPerSecond, burst, (rate, burst) => {
      const k = freshResolution(rate, burst);
      const { mantissa, shift } = virtualRate(rate, k);
      const full = (rate * 2 ** k) / 1_000_000;
      const loss = 1 - (mantissa * 2 ** -shift) / full;
      return mantissa >= 2 ** 30 && mantissa < 2 ** 31 && loss >= 2 ** -23 - 2 ** -50 && loss < 3e-7;
    }),
    { numRuns: 2_000 },
  );
  for (const exponent of [-17, -3, 0, 4, 19]) {
    const { mantissa } = virtualRate(2 ** exponent, 10);
    t.ok(mantissa >= 2 ** 30 && mantissa < 2 ** 31, 'powers of two too');
  }
});

t.test('what the cost adds to a token is at most a thousandth', async (t) => {
  t.equal(costOf(10), 1_025);
  t.ok(1_024 / costOf(10) >= 0.999);
});

t.test('limits outside 1/day to 1,000,000/s or 1 to 1,000,000 at once are refused in words', async (t) => {
  t.equal(limitRangeIssue(1 / 86_400, 1), undefined);
  t.equal(limitRangeIssue(24 / (24 * 86_400), 1), undefined);
  t.match(limitRangeIssue(0.99 / 86_400, 1), '1/day or more');
  t.match(limitRangeIssue(0, 1), '1/day or more');
  t.match(limitRangeIssue(Number.NaN, 1), '1/day or more');
  t.match(limitRangeIssue(1_000_001, 1), '1000000/s or less');
  t.match(limitRangeIssue(1, 0), 'whole number');
  t.match(limitRangeIssue(1, 1.5), 'whole number');
  t.match(limitRangeIssue(1, 1_000_001), 'whole number');
});
