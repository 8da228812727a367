import fc from 'fast-check';
import { build } from 'hdr-histogram-js';
import t from 'tap';
import type { SeriesIndex, WorkerIndex } from '../../../src/base/ids.ts';
import { LatencyReader } from '../../../src/gateway/telemetry/latency-reader.ts';
import { DURATION_US_MAX, HistogramTable, Span } from '../../../src/shm/histogram-table.ts';

const ROUTE = 3 as SeriesIndex;
const PERCENTILES = [0, 1, 10, 50, 90, 99, 99.9, 100];

t.test('what several workers recorded, merged, is what one HdrHistogram would have recorded', async (t) => {
  const us = fc.oneof(fc.integer({ min: 0, max: 2_000 }), fc.integer({ min: 0, max: DURATION_US_MAX }));
  const law = fc.property(fc.array(fc.tuple(fc.nat(2), us), { minLength: 1, maxLength: 100 }), (records) => {
    const table = HistogramTable.create(3);
    const one = build({
      bitBucketSize: 64,
      lowestDiscernibleValue: 1,
      highestTrackableValue: DURATION_US_MAX,
      numberOfSignificantValueDigits: 2,
    });
    for (const [worker, value] of records) {
      const bank = table.bankOf(worker as WorkerIndex, ROUTE);
      table.record(worker as WorkerIndex, bank, Span.REQUEST, value);
      one.recordValue(value);
    }
    const merged = new LatencyReader(table).histogram(ROUTE, Span.REQUEST);
    return (
      merged.totalCount === one.totalCount &&
      PERCENTILES.every(
        (percentile) => merged.getValueAtPercentile(percentile) === one.getValueAtPercentile(percentile),
      )
    );
  });
  t.doesNotThrow(() => fc.assert(law, { numRuns: 100 }));
});

t.test('it finds the series that have a bank on any worker', async (t) => {
  const table = HistogramTable.create(2);
  table.bankOf(0 as WorkerIndex, 5 as SeriesIndex);
  table.bankOf(1 as WorkerIndex, 9 as SeriesIndex);
  table.bankOf(1 as WorkerIndex, 5 as SeriesIndex);
  const reader = new LatencyReader(table);
  t.same([...reader.series()].sort(), [0, 5, 9]);
  t.equal(reader.histogram(7 as SeriesIndex, Span.REQUEST).totalCount, 0);
});
