// Counters of requests, one bank per worker, so that counting is a plain store that nobody contends for.
//
//   offset                               type  field               unit           written by   meaning
//   -----------------------------------------------------------------------------------------------------------------
//   0                                    u32   magic               -              main, once   0x51C1CE02
//   4                                    u32   workerCount         -              main, once   banks that follow
//   64                                   -     bases[16,384]       16 words each  main         what a series counted under other names
//   1,048,640 + b·w + 0                  u32   rejections[64]      count mod 2³²  worker w     answers by error id
//   1,048,640 + b·w + 256                u32   rejectionsHigh[64]  count ÷ 2³¹    worker w     as in wide-counter.ts
//   1,048,640 + b·w + 512                -     series[16,384]      16 words each  worker w     below
//   series + 64·s + 0                    u32   aborted             count mod 2³²  worker w     client gone before the answer
//   series + 64·s + 4·c  (c = 1 to 5)    u32   classes[c]          count mod 2³²  worker w     answers with status c × 100
//   series + 64·s + 32 + 4·c  (0 to 5)   u32   high[c]             count ÷ 2³¹    worker w     as in wide-counter.ts
//
// with b = 512 + 16,384 × 64 bytes. Invariants: one writer per word; a worker's replacement goes on with its bank; a series'
// count is what all workers counted, less its base.
// Limits: 16,384 series; index 0 is `other`, for exchanges without a route and for whatever does not fit.

import { assert } from '../base/assert.ts';
import type { SeriesIndex, WorkerIndex } from '../base/ids.ts';
import { countOne, readCount, writeCount } from './wide-counter.ts';

export const SERIES_COUNT = 16_384;
export const STATUS_CLASSES = ['aborted', '1xx', '2xx', '3xx', '4xx', '5xx'] as const;
export const OTHER_SERIES = 0 as SeriesIndex;

const MAGIC = 0x51c1ce02;
const HEADER_WORDS = 16;
const SERIES_WORDS = 16;
/** From a counter's low word to its high one. */
const SERIES_HIGH = 8;
const ERROR_COUNT = 64;
const REJECTION_WORDS = 2 * ERROR_COUNT;
const BANK_WORDS = REJECTION_WORDS + SERIES_COUNT * SERIES_WORDS;
const BANKS_WORD = HEADER_WORDS + SERIES_COUNT * SERIES_WORDS;

export const seriesTableLayout = {
  headerBytes: HEADER_WORDS * 4,
  rejectionsBytes: REJECTION_WORDS * 4,
  rejectionsHighByte: ERROR_COUNT * 4,
  errorCount: ERROR_COUNT,
  seriesBytes: SERIES_WORDS * 4,
  series: { classes: 0, high: SERIES_HIGH * 4 },
  seriesCount: SERIES_COUNT,
  bankBytes: BANK_WORDS * 4,
  banksByte: BANKS_WORD * 4,
} as const;

export class SeriesTable {
  readonly buffer: SharedArrayBuffer;
  readonly workerCount: number;
  readonly #words: Uint32Array;

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.#words = new Uint32Array(buffer);
    assert(this.#words[0] === MAGIC, 'the buffer is a series table');
    this.workerCount = this.#words[1] ?? 0;
  }

  static create(workerCount: number): SeriesTable {
    const buffer = new SharedArrayBuffer((BANKS_WORD + BANK_WORDS * workerCount) * 4);
    const words = new Uint32Array(buffer);
    words[0] = MAGIC;
    words[1] = workerCount;
    return new SeriesTable(buffer);
  }

  /**
   * Count one finished exchange.
   * @param statusClass  1 to 5, or 0 when the client was gone before an answer
   * @hot
   */
  countExchange(worker: WorkerIndex, series: SeriesIndex, statusClass: number): void {
    const at = seriesAt(worker, series) + statusClass;
    countOne(this.#words, at, at + SERIES_HIGH);
  }

  /** Count one answer of the gateway's own. @hot */
  countRejection(worker: WorkerIndex, errorId: number): void {
    const at = bankAt(worker) + errorId;
    countOne(this.#words, at, at + ERROR_COUNT);
  }

  /** Exchanges of a series that ended with a status class (index of STATUS_CLASSES), on all workers. From any thread. */
  exchanges(series: SeriesIndex, statusClass: number): number {
    const base = baseAt(series) + statusClass;
    return this.#counted(series, statusClass) - readCount(this.#words, base, base + SERIES_HIGH);
  }

  /** Answers of the gateway's own with an error, on all workers. From any thread. */
  rejections(errorId: number): number {
    let count = 0;
    for (let worker = 0; worker < this.workerCount; worker++) {
      const at = bankAt(worker as WorkerIndex) + errorId;
      count += readCount(this.#words, at, at + ERROR_COUNT);
    }
    return count;
  }

  /** The series has another name from now on, and counts from zero. Main thread. */
  startAgain(series: SeriesIndex): void {
    for (let statusClass = 0; statusClass < STATUS_CLASSES.length; statusClass++) {
      const base = baseAt(series) + statusClass;
      writeCount(this.#words, base, base + SERIES_HIGH, this.#counted(series, statusClass));
    }
  }

  #counted(series: SeriesIndex, statusClass: number): number {
    let count = 0;
    for (let worker = 0; worker < this.workerCount; worker++) {
      const at = seriesAt(worker as WorkerIndex, series) + statusClass;
      count += readCount(this.#words, at, at + SERIES_HIGH);
    }
    return count;
  }
}

function baseAt(series: SeriesIndex): number {
  return HEADER_WORDS + series * SERIES_WORDS;
}

function bankAt(worker: WorkerIndex): number {
  return BANKS_WORD + BANK_WORDS * worker;
}

function seriesAt(worker: WorkerIndex, series: SeriesIndex): number {
  return bankAt(worker) + REJECTION_WORDS + series * SERIES_WORDS;
}
