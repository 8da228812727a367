// Reads the workers' latency banks without stopping anybody, and merges them by series. For the task pool: 1,000 routes are
// some 10 ms of work.

import { build, type Histogram } from 'hdr-histogram-js';
import type { BankIndex, SeriesIndex, WorkerIndex } from '../../base/ids.ts';
import {
  BUCKET_COUNT,
  bucketStartUs,
  DURATION_US_MAX,
  type HistogramTable,
  type Span,
} from '../../shm/histogram-table.ts';

interface Bank {
  readonly worker: WorkerIndex;
  readonly bank: BankIndex;
}

export class LatencyReader {
  readonly #table: HistogramTable;
  readonly #banks = new Map<SeriesIndex, Bank[]>();
  readonly #counts = new Float64Array(BUCKET_COUNT);

  /** Looks which series have banks now. */
  constructor(table: HistogramTable) {
    this.#table = table;
    for (let index = 0; index < table.workerCount; index++) {
      const worker = index as WorkerIndex;
      const inUse = table.banksInUse(worker);
      for (let bank = 0; bank < inUse; bank++) this.#note(worker, bank as BankIndex);
    }
  }

  /** Every series that has a bank on some worker, `other` included. */
  series(): IterableIterator<SeriesIndex> {
    return this.#banks.keys();
  }

  /**
   * Records per bucket (see bucketOf), of all workers together.
   * @returns valid until the next call
   */
  counts(series: SeriesIndex, span: Span): Float64Array {
    this.#counts.fill(0);
    for (const { worker, bank } of this.#banks.get(series) ?? []) this.#table.addTo(this.#counts, worker, bank, span);
    return this.#counts;
  }

  /** The same as an HdrHistogram of microseconds, for percentiles. */
  histogram(series: SeriesIndex, span: Span): Histogram {
    return toHistogram(this.counts(series, span));
  }

  #note(worker: WorkerIndex, bank: BankIndex): void {
    const series = this.#table.ownerOf(worker, bank);
    if (series === undefined) return;
    const banks = this.#banks.get(series);
    if (banks === undefined) this.#banks.set(series, [{ worker, bank }]);
    else banks.push({ worker, bank });
  }
}

function toHistogram(counts: Float64Array): Histogram {
  const histogram = build({
    bitBucketSize: 64,
    lowestDiscernibleValue: 1,
    highestTrackableValue: DURATION_US_MAX,
    numberOfSignificantValueDigits: 2,
  });
  for (let bucket = 0; bucket < BUCKET_COUNT; bucket++) {
    const count = counts[bucket] as number;
    if (count > 0) histogram.recordValueWithCount(bucketStartUs(bucket), count);
  }
  return histogram;
}
