import fc from 'fast-check';
import { build } from 'hdr-histogram-js';
import t from 'tap';
import type { BankIndex, SeriesIndex, WorkerIndex } from '../../src/base/ids.ts';
import {
  BANK_COUNT,
  BUCKET_COUNT,
  bucketEndUs,
  bucketOf,
  bucketStartUs,
  DURATION_US_MAX,
  HistogramTable,
  histogramTableLayout,
  OTHER_BANK,
  Span,
} from '../../src/shm/histogram-table.ts';
import { OTHER_SERIES, SERIES_COUNT } from '../../src/shm/series-table.ts';
import { headerTable, numberIn } from './header-table.ts';

const A = 0 as WorkerIndex;
const B = 1 as WorkerIndex;
const series = (index: number) => index as SeriesIndex;

function countsOf(table: HistogramTable, worker: WorkerIndex, bank: BankIndex, span: Span): number[] {
  const counts = new Float64Array(BUCKET_COUNT);
  table.addTo(counts, worker, bank, span);
  return [...counts].flatMap((count, bucket) => (count === 0 ? [] : [bucket, count]));
}

t.test('the table in the header comment says what the constants say', async (t) => {
  const rows = new Map(headerTable('histogram-table.ts').map((row) => [row.field.replace(/\[.*/, ''), row]));
  const { region, regionsByte, regionBytes, headerBytes, bankBytes } = histogramTableLayout;
  const plain = (text = '') => text.replaceAll(',', '');
  t.equal(
    new Uint32Array(HistogramTable.create(1).buffer)[0],
    numberIn(rows.get('magic')?.rest ?? '', /(0x[0-9A-F]+)/),
  );
  t.equal(rows.get('generations')?.offset, String(headerBytes));
  t.equal(plain(rows.get('region')?.offset), `${regionsByte} + r·w`);
  t.equal(numberIn(rows.get('region')?.rest ?? '', /r = ([\d,]+)/) || regionBytes, regionBytes);
  for (const field of ['bankCount', 'isWide', 'bankOf', 'owners', 'ages', 'banks'] as const) {
    t.equal(plain(rows.get(field)?.offset), `region + ${region[field]}`);
  }
  t.equal(numberIn(rows.get('banks')?.field ?? '', /\[([\d,]+)\]/), BANK_COUNT);
  t.equal(numberIn(rows.get('bankOf')?.field ?? '', /\[([\d,]+)\]/), SERIES_COUNT);
  t.equal(numberIn(rows.get('low')?.field ?? '', /\[([\d,]+)\]/), BUCKET_COUNT);
  t.equal(bankBytes, 2 * 2 * BUCKET_COUNT * 4);
  t.equal(regionBytes, region.banks + BANK_COUNT * bankBytes);
});

t.test('buckets follow one another, each holds what lies between its ends, and none is wider than 1/128', async (t) => {
  for (let bucket = 0; bucket < BUCKET_COUNT; bucket++) {
    const from = bucketStartUs(bucket);
    const to = bucketEndUs(bucket);
    if (bucketOf(from) !== bucket || bucketOf(to) !== bucket || (to - from) * 128 > from) t.fail(`bucket ${bucket}`);
    if (bucket > 0 && bucketEndUs(bucket - 1) + 1 !== from) t.fail(`bucket ${bucket} does not follow`);
  }
  t.equal(bucketEndUs(BUCKET_COUNT - 1), DURATION_US_MAX);
});

t.test('a bucket is the one that HdrHistogram has', async (t) => {
  const us = fc.oneof(fc.integer({ min: 0, max: DURATION_US_MAX }), fc.integer({ min: 0, max: 5_000 }));
  const law = fc.property(us, (value) => {
    const histogram = build({
      lowestDiscernibleValue: 1,
      highestTrackableValue: DURATION_US_MAX,
      numberOfSignificantValueDigits: 2,
    });
    histogram.recordValue(value);
    return histogram.getValueAtPercentile(100) === bucketEndUs(bucketOf(value));
  });
  t.doesNotThrow(() => fc.assert(law, { numRuns: 300 }));
});

t.test('whatever number comes is recorded somewhere', async (t) => {
  const cases = [
    [-5, 0],
    [0, 0],
    [0.9, 0],
    [255.99, 255],
    [Number.NaN, 0],
    [2 ** 31, BUCKET_COUNT - 1],
    [Number.POSITIVE_INFINITY, BUCKET_COUNT - 1],
    [Number.NEGATIVE_INFINITY, 0],
  ] as const;
  for (const [us, bucket] of cases) t.equal(bucketOf(us), bucket, String(us));
});

t.test('a series has a bank of its own on each worker from its first request on, and keeps it', async (t) => {
  const table = HistogramTable.create(2);
  t.equal(table.bankOf(A, OTHER_SERIES), OTHER_BANK);
  const bank = table.bankOf(A, series(700));
  t.equal(bank, 1);
  t.equal(table.bankOf(A, series(3)), 2);
  t.equal(table.bankOf(A, series(700)), bank);
  t.equal(table.bankOf(B, series(3)), 1);
  t.equal(table.banksInUse(A), 3);
  t.equal(table.banksInUse(B), 2);
  const other = new HistogramTable(table.buffer);
  t.equal(other.ownerOf(A, 2 as BankIndex), 3);
  t.equal(other.ownerOf(B, 1 as BankIndex), 3);
  t.equal(other.ownerOf(A, OTHER_BANK), OTHER_SERIES);
});

t.test('when the banks are used up, further series share the first', async (t) => {
  const table = HistogramTable.create(1);
  for (let index = 1; index < BANK_COUNT; index++) t.equal(table.bankOf(A, series(index)) === index, true);
  t.equal(table.bankOf(A, series(BANK_COUNT)), OTHER_BANK);
  t.equal(table.bankOf(A, series(5)), 5, 'the ones before keep theirs');
});

t.test('what is recorded lies in its worker, bank and span, and nowhere else', async (t) => {
  const record = fc.record({
    worker: fc.constantFrom(A, B),
    series: fc.constantFrom(1, 2, 900),
    span: fc.constantFrom(Span.REQUEST, Span.UPSTREAM),
    us: fc.integer({ min: 0, max: 3_000_000 }),
  });
  const law = fc.property(fc.array(record), (records) => {
    const table = HistogramTable.create(2);
    for (const one of records) table.record(one.worker, table.bankOf(one.worker, series(one.series)), one.span, one.us);
    return records.every((one) => {
      const alike = records.filter(
        (two) => two.worker === one.worker && two.series === one.series && two.span === one.span,
      );
      const counts = countsOf(table, one.worker, table.bankOf(one.worker, series(one.series)), one.span);
      const expected = alike.filter(({ us }) => bucketOf(us) === bucketOf(one.us)).length;
      return counts[counts.indexOf(bucketOf(one.us)) + 1] === expected || counts.includes(expected);
    });
  });
  t.doesNotThrow(() => fc.assert(law, { numRuns: 20 }));
});

t.test('a series that has got another name starts again; its bank is not told before', async (t) => {
  const table = HistogramTable.create(1);
  const bank = table.bankOf(A, series(4));
  table.record(A, bank, Span.REQUEST, 1_000);
  table.record(A, bank, Span.UPSTREAM, 900);
  table.startAgain(series(4));
  t.equal(table.ownerOf(A, bank), undefined);
  t.equal(table.bankOf(A, series(4)), bank);
  t.equal(table.ownerOf(A, bank), 4);
  t.same(countsOf(table, A, bank, Span.REQUEST), []);
  t.same(countsOf(table, A, bank, Span.UPSTREAM), []);
});

t.test('counts past 2³¹ are read, whatever lies beside them', async (t) => {
  const table = HistogramTable.create(1);
  const { regionsByte, region } = histogramTableLayout;
  const words = new Uint32Array(table.buffer);
  const low = (regionsByte + region.banks) / 4 + bucketOf(700);
  words[low] = 0xffff_ffff;
  words[low + BUCKET_COUNT] = 1;
  table.record(A, OTHER_BANK, Span.REQUEST, 700);
  table.record(A, OTHER_BANK, Span.REQUEST, 5_000);
  t.same(countsOf(table, A, OTHER_BANK, Span.REQUEST), [bucketOf(700), 2 ** 32, bucketOf(5_000), 1]);
});

t.test('memory that nobody has written is not resident', async (t) => {
  const before = process.memoryUsage.rss();
  const table = HistogramTable.create(4);
  for (let index = 1; index < BANK_COUNT; index++) {
    const bank = table.bankOf(A, series(index));
    for (const us of [700, 900, 1_400, 2_600]) table.record(A, bank, Span.REQUEST, us);
  }
  t.ok(table.buffer.byteLength > 190e6);
  const grownMb = (process.memoryUsage.rss() - before) / 2 ** 20;
  t.ok(grownMb < 32, `${grownMb.toFixed(1)} MiB for 1,023 routes`);
});

t.test('a buffer of something else is refused', async (t) => {
  t.throws(() => new HistogramTable(new SharedArrayBuffer(1_024)), /is a histogram table/);
});
