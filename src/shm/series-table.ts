// Counters of requests, one bank per worker, so that counting is a plain store that nobody contends for.
//
//   offset                               type  field            unit            written by   meaning
//   -----------------------------------------------------------------------------------------------------------------
//   0                                    u32   magic            -               main, once   0x51C1CE02
//   4                                    u32   workerCount      -               main, once   banks that follow
//   64 + b·w + 256                       -     series[16,384]   8 words each    worker w     below
//   64 + b·w + 0                         u32   rejections[64]   count mod 2³²   worker w     answers by error id
//   series + 32·s + 0                    u32   aborted          count mod 2³²   worker w     client gone before the answer
//   series + 32·s + 4·c  (c = 1 to 5)    u32   classes[c]       count mod 2³²   worker w     answers with status c × 100
//
// with b = 256 + 16,384 × 32 bytes. Invariants: one writer per word; words wrap, and a reader that looks more often than
// 2³² requests of one series on one worker adds differences modulo 2³². A worker's replacement goes on with its bank.
// Limits: 16,384 series; index 0 is `other`, for exchanges without a route and for whatever does not fit.

import { assert } from '../base/assert.ts';
import type { SeriesIndex, WorkerIndex } from '../base/ids.ts';

export const SERIES_COUNT = 16_384;
export const SERIES_WORDS = 8;
export const STATUS_CLASSES = ['aborted', '1xx', '2xx', '3xx', '4xx', '5xx'] as const;
export const OTHER_SERIES = 0 as SeriesIndex;

const MAGIC = 0x51c1ce02;
const HEADER_WORDS = 16;
const REJECTION_WORDS = 64;
const BANK_WORDS = REJECTION_WORDS + SERIES_COUNT * SERIES_WORDS;

export const seriesTableLayout = {
  headerBytes: HEADER_WORDS * 4,
  rejectionsBytes: REJECTION_WORDS * 4,
  seriesBytes: SERIES_WORDS * 4,
  seriesCount: SERIES_COUNT,
  bankBytes: BANK_WORDS * 4,
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
    const buffer = new SharedArrayBuffer((HEADER_WORDS + BANK_WORDS * workerCount) * 4);
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
    const at = bankAt(worker) + REJECTION_WORDS + series * SERIES_WORDS + statusClass;
    this.#words[at] = (this.#words[at] ?? 0) + 1;
  }

  /** Count one answer of the gateway's own. @hot */
  countRejection(worker: WorkerIndex, errorId: number): void {
    const at = bankAt(worker) + errorId;
    this.#words[at] = (this.#words[at] ?? 0) + 1;
  }

  /** One word of a bank, as the reader's difference needs it. */
  read(worker: WorkerIndex, series: SeriesIndex, statusClass: number): number {
    return this.#words[bankAt(worker) + REJECTION_WORDS + series * SERIES_WORDS + statusClass] ?? 0;
  }

  readRejections(worker: WorkerIndex, errorId: number): number {
    return this.#words[bankAt(worker) + errorId] ?? 0;
  }
}

function bankAt(worker: WorkerIndex): number {
  return HEADER_WORDS + BANK_WORDS * worker;
}
