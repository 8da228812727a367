import fc from 'fast-check';
import t from 'tap';
import { LatencyHistogram } from '../../loadtest/load/latency-histogram.ts';

function filled(latenciesMs: readonly number[]): LatencyHistogram {
  const histogram = new LatencyHistogram();
  for (const ms of latenciesMs) histogram.record(ms);
  return histogram;
}

const latencies = fc.array(fc.double({ min: 0.001, max: 60_000, noNaN: true }), { minLength: 1, maxLength: 200 });

t.test('a percentile is the latency that so many answers did not exceed, to three digits', async () => {
  fc.assert(
    fc.property(latencies, fc.integer({ min: 1, max: 100 }), (drawn, percentile) => {
      const sorted = [...drawn].sort((a, b) => a - b);
      const exact = sorted[Math.ceil((percentile / 100) * sorted.length) - 1] as number;
      return Math.abs(filled(drawn).percentileMs(percentile) - exact) <= exact * 0.002 + 0.001;
    }),
  );
});

t.test('the percentile curve rises from 0 to 100 %, and ends at the slowest answer', async () => {
  fc.assert(
    fc.property(latencies, (drawn) => {
      const histogram = filled(drawn);
      const curve = histogram.curve();
      const isRising = curve.every((point, index) => {
        const before = curve[index - 1];
        return before === undefined || (point.percentile > before.percentile && point.latencyMs >= before.latencyMs);
      });
      return isRising && curve[0]?.percentile === 0 && curve.at(-1)?.latencyMs === histogram.maxMs;
    }),
  );
});

t.test('the curve has as many points in each tenfold step, and none beyond a single answer', async (t) => {
  const curve = filled(Array.from({ length: 10_000 }, (_, index) => index / 100 + 1)).curve();
  const within = (from: number, to: number) => curve.filter(({ percentile: p }) => p >= from && p < to).length;
  t.ok(Math.abs(within(90, 99) - within(99, 99.9)) <= 1);
  t.equal(within(99.99, 100) <= 1, true);
});

t.test('a long answer stands for those that could not be sent meanwhile', async (t) => {
  const histogram = new LatencyHistogram();
  histogram.recordCorrected(1000, 100);
  // 1000, 900, … 100: one each 100 ms would have waited that long.
  t.equal(histogram.count, 10);
  t.ok(Math.abs(histogram.percentileMs(50) - 500) < 2);
});

t.test('an answer within the interval, or of a load without a rate, stands for itself', async (t) => {
  const histogram = new LatencyHistogram();
  histogram.recordCorrected(50, 100);
  histogram.recordCorrected(1000, 0);
  t.equal(histogram.count, 2);
});

t.test('without any answer everything is 0', async (t) => {
  const { count, maxMs, meanMs } = new LatencyHistogram();
  t.same([count, maxMs, meanMs, new LatencyHistogram().percentileMs(99)], [0, 0, 0, 0]);
  t.same(new LatencyHistogram().curve(), []);
});
