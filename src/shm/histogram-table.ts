// Latencies in HDR-indexed log-linear buckets: a bank of two histograms per route and worker, from the route's first request
// on. Recording is a plain store into the worker's own words; whoever reads merges the workers.
//
//   offset                  type   field                 unit         written by   meaning
//   ------------------------------------------------------------------------------------------------------------------
//   0                       u32    magic                 -            main, once   0x51C1CE09
//   4                       u32    workerCount           -            main, once   regions that follow
//   64                      u32    generations[16,384]   count        main         one more when a series gets another name
//   65,600 + r·w            -      region of worker w    -            worker w     below; r = 50,405,440 bytes
//   region + 0              u32    bankCount             banks        worker w     banks in use, bank 0 (`other`) included
//   region + 4              u32    isWide                0 | 1        worker w     1: some high word is not 0
//   region + 64             u32    bankOf[16,384]        bank         worker w     by series; 0: none
//   region + 65,600         u32    owners[1,024]         series       worker w     by bank
//   region + 69,696         u32    ages[1,024]           generation   worker w     of the owner when it got the bank
//   region + 73,792         -      banks[1,024]          -            worker w     below, 49,152 bytes each
//   bank + 24,576·k         u32    low[3,072]            records      worker w     k = 0: whole request, 1: upstream's part
//   bank + 24,576·k+12,288  u32    high[3,072]           2³¹ records  worker w     as in wide-counter.ts
//
// Buckets: as HdrHistogram has them for 1 µs to 2³⁰ - 1 µs (18 minutes; what is longer counts as that) and two significant
// digits: 256 buckets of 1 µs, then 128 per power of two, so that a bucket is at most 1/128 as wide as its values.
// Memory: only pages that were written are resident; a route whose latencies stay within two powers of two has one or two
// pages of 4 KiB per histogram.
// Invariants: one writer per word; a bank goes on counting while its series has the same name, over reloads and over the
// worker's replacement. Readers skip banks whose age is not their series' generation.
// Limits: 1,023 routes per worker have a bank of their own; the others share bank 0.

import { assert } from '../base/assert.ts';
import type { BankIndex, SeriesIndex, WorkerIndex } from '../base/ids.ts';
import { OTHER_SERIES, SERIES_COUNT } from './series-table.ts';
import { countOne, readCount } from './wide-counter.ts';

export const BANK_COUNT = 1_024;
export const BUCKET_COUNT = 3_072;
export const DURATION_US_MAX = 2 ** 30 - 1;
export const OTHER_BANK = 0 as BankIndex;

/** What a histogram of a bank is of. */
export const Span = { REQUEST: 0, UPSTREAM: 1 } as const;
export type Span = (typeof Span)[keyof typeof Span];

const MAGIC = 0x51c1ce09;
const HEADER_WORDS = 16;
const HISTOGRAM_WORDS = 2 * BUCKET_COUNT;
const BANK_WORDS = 2 * HISTOGRAM_WORDS;
const IS_WIDE_WORD = 1;
const BANK_OF_WORD = 16;
const OWNERS_WORD = BANK_OF_WORD + SERIES_COUNT;
const AGES_WORD = OWNERS_WORD + BANK_COUNT;
const BANKS_WORD = AGES_WORD + BANK_COUNT;
const REGION_WORDS = BANKS_WORD + BANK_COUNT * BANK_WORDS;
const REGIONS_WORD = HEADER_WORDS + SERIES_COUNT;

// 256 buckets of one unit: 2⁸, the next power of two above 2 · 10².
const UNIT_BITS = 8;
const UNIT_MASK = 2 ** UNIT_BITS - 1;

export const histogramTableLayout = {
  headerBytes: HEADER_WORDS * 4,
  bankBytes: BANK_WORDS * 4,
  bankCount: BANK_COUNT,
  bucketCount: BUCKET_COUNT,
  region: {
    bankCount: 0,
    isWide: IS_WIDE_WORD * 4,
    bankOf: BANK_OF_WORD * 4,
    owners: OWNERS_WORD * 4,
    ages: AGES_WORD * 4,
    banks: BANKS_WORD * 4,
  },
  regionBytes: REGION_WORDS * 4,
  regionsByte: REGIONS_WORD * 4,
} as const;

export class HistogramTable {
  readonly buffer: SharedArrayBuffer;
  readonly workerCount: number;
  readonly #words: Uint32Array;
  /** The same, two words at a time: both are 0 where this is. */
  readonly #pairs: Float64Array;

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.#words = new Uint32Array(buffer);
    this.#pairs = new Float64Array(buffer, 0, buffer.byteLength >> 3);
    assert(this.#words[0] === MAGIC, 'the buffer is a histogram table');
    this.workerCount = this.#words[1] ?? 0;
  }

  static create(workerCount: number): HistogramTable {
    const buffer = new SharedArrayBuffer((REGIONS_WORD + REGION_WORDS * workerCount) * 4);
    const words = new Uint32Array(buffer);
    words[0] = MAGIC;
    words[1] = workerCount;
    for (let worker = 0; worker < workerCount; worker++) words[regionAt(worker as WorkerIndex)] = 1;
    return new HistogramTable(buffer);
  }

  /** The series has another name from now on: what was recorded until now is not its own. Main thread. */
  startAgain(series: SeriesIndex): void {
    Atomics.add(this.#words, HEADER_WORDS + series, 1);
  }

  /**
   * The bank that a series' requests on this worker are recorded in; it gets one if there is any left. By the worker itself.
   */
  bankOf(worker: WorkerIndex, series: SeriesIndex): BankIndex {
    if (series === OTHER_SERIES) return OTHER_BANK;
    const words = this.#words;
    const region = regionAt(worker);
    const known = words[region + BANK_OF_WORD + series] as number;
    const age = Atomics.load(words, HEADER_WORDS + series);
    if (known !== 0) {
      if (words[region + AGES_WORD + known] !== age) {
        const bank = region + BANKS_WORD + known * BANK_WORDS;
        words.fill(0, bank, bank + BANK_WORDS);
        Atomics.store(words, region + AGES_WORD + known, age);
      }
      return known as BankIndex;
    }
    const bank = words[region] as number;
    if (bank === BANK_COUNT) return OTHER_BANK;
    words[region + OWNERS_WORD + bank] = series;
    words[region + AGES_WORD + bank] = age;
    words[region + BANK_OF_WORD + series] = bank;
    // Readers look at banks below the count only.
    Atomics.store(words, region, bank + 1);
    return bank as BankIndex;
  }

  /**
   * Record one duration.
   * @param us  microseconds, with or without a fraction; what is not within the range counts as its nearest end
   * @hot
   */
  record(worker: WorkerIndex, bank: BankIndex, span: Span, us: number): void {
    const region = regionAt(worker);
    const low = region + BANKS_WORD + bank * BANK_WORDS + span * HISTOGRAM_WORDS + bucketOf(us);
    if (countOne(this.#words, low, low + BUCKET_COUNT)) this.#words[region + IS_WIDE_WORD] = 1;
  }

  /** How many banks of a worker are in use, bank 0 included. */
  banksInUse(worker: WorkerIndex): number {
    return Atomics.load(this.#words, regionAt(worker));
  }

  /** Whose a bank is, or undefined when that series has got another name since. */
  ownerOf(worker: WorkerIndex, bank: BankIndex): SeriesIndex | undefined {
    if (bank === OTHER_BANK) return OTHER_SERIES;
    const region = regionAt(worker);
    const series = this.#words[region + OWNERS_WORD + bank] as number;
    const age = Atomics.load(this.#words, region + AGES_WORD + bank);
    return age === Atomics.load(this.#words, HEADER_WORDS + series) ? (series as SeriesIndex) : undefined;
  }

  /**
   * Add a bank's counts to what was merged so far.
   * @param into  BUCKET_COUNT counts
   */
  addTo(into: Float64Array, worker: WorkerIndex, bank: BankIndex, span: Span): void {
    const words = this.#words;
    const region = regionAt(worker);
    const at = region + BANKS_WORD + bank * BANK_WORDS + span * HISTOGRAM_WORDS;
    if (Atomics.load(words, region + IS_WIDE_WORD) !== 0) {
      for (let bucket = 0; bucket < BUCKET_COUNT; bucket++) add(into, words, at, bucket);
      return;
    }
    // All but a few are zero, and a page has thousands of histograms.
    const pairs = this.#pairs;
    for (let pair = at >> 1, bucket = 0; bucket < BUCKET_COUNT; pair++, bucket += 2) {
      if (pairs[pair] === 0) continue;
      add(into, words, at, bucket);
      add(into, words, at, bucket + 1);
    }
  }
}

function add(into: Float64Array, words: Uint32Array, at: number, bucket: number): void {
  into[bucket] = (into[bucket] as number) + readCount(words, at + bucket, at + BUCKET_COUNT + bucket);
}

/**
 * The bucket of a duration.
 * @source  HdrHistogram, countsArrayIndex
 * @hot
 */
export function bucketOf(us: number): number {
  const value = us >= DURATION_US_MAX ? DURATION_US_MAX : us > 0 ? us | 0 : 0;
  const shift = 32 - Math.clz32(value | UNIT_MASK) - UNIT_BITS;
  return (shift << (UNIT_BITS - 1)) + (value >> shift);
}

/** The highest duration of a bucket, in whole microseconds. */
export function bucketEndUs(bucket: number): number {
  const shift = Math.max(0, (bucket >> (UNIT_BITS - 1)) - 1);
  return (bucket - (shift << (UNIT_BITS - 1)) + 1) * 2 ** shift - 1;
}

/** The lowest duration of a bucket, in whole microseconds. */
export function bucketStartUs(bucket: number): number {
  return bucket === 0 ? 0 : bucketEndUs(bucket - 1) + 1;
}

function regionAt(worker: WorkerIndex): number {
  return REGIONS_WORD + REGION_WORDS * worker;
}
