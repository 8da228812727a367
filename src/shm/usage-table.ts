// What each consumer used, counted in fixed memory: each worker has two banks, counts in one, and hands it over to the main thread
// when that has taken the other. Nobody reads a bank while it is written, so that a row may hold what does not fit in a word.
//
//   offset                       type  field             unit          written by   meaning
//   -------------------------------------------------------------------------------------------------------------------
//   0                            u32   magic             -             main, once   0x51C1CE11
//   4                            u32   workerCount       -             main, once   regions that follow
//   64 + 2,162,880·w             -     region of worker w  -           -            below
//   region + 0                   u32   active            0 | 1         worker w     the bank that it counts in
//   region + 64 + 1,081,408·b    -     bank b            -             -            below
//   bank + 0                     u32   state             0 | 1         both         0: the worker's; 1: to be taken by the main thread
//   bank + 4                     u32   rowCount          rows          worker w     in use besides row 0
//   bank + 8                     u32   openedMinute      min UTC       worker w     when it began to count in it; 0: not known
//   bank + 64                    u32   slots[8,192]      row           worker w     hash index; 0: free
//   bank + 32,832                -     rows[4,096]       256 bytes     worker w     below
//   row + 0                      u32   caller            -             worker w     whose key it was (CallerIndex)
//   row + 4                      u32   series            -             worker w     service and route (SeriesIndex)
//   row + 8                      u32   plan              -             worker w     0 until there are plans
//   row + 12                     u32   environment       -             worker w     0 until there are environments
//   row + 16 + 4·c               u32   classes[6]        calls         worker w     aborted, 1xx to 5xx
//   row + 40 + 4·c               u32   causes[8]         calls         worker w     that the gateway answered itself, by cause
//   row + 72, 76                 u32   bytesIn, High     bytes, 2³² B  worker w     of the requests' bodies
//   row + 80, 84                 u32   bytesOut, High    bytes, 2³² B  worker w     of the answers' bodies
//   row + 88, 92                 u32   us, High          µs, 2³² µs    worker w     sum of the latencies
//   row + 96                     u32   functionCalls     calls         -            reserved
//   row + 100, 104               u32   gbMs, High        GB·ms         -            reserved: memory × time of functions
//   row + 108                    u32   cacheHits         calls         -            reserved
//   row + 128 + 4·b              u32   latencies[32]     calls         worker w     by bucket
//
// Buckets: below 256 µs; then two for each power of two up to 2²³ µs (8.4 s), [1, 1.5) and [1.5, 2) of it; the last for what is longer.
// PROTOCOL. A bank whose state is 0 is the worker's, active or empty. turn() stores 1 into the active one's and goes on in the
// other, if that is empty; the reader copies, clears, and stores 0. A reader that is late costs nothing but that a bank covers
// more time; what finds no row then is counted in row 0, `other`. A worker's replacement goes on with its banks.
// LIMITS. 4,095 rows between two turns of one worker; 131,072 callers; counts of a bank below 2³², bytes and µs below 2⁵³.

import { assert } from '../base/assert.ts';
import type { CallerIndex, SeriesIndex, WorkerIndex } from '../base/ids.ts';

export const CALLER_COUNT = 131_072;
/** Nobody has said who it is. */
export const ANONYMOUS_CALLER = 0 as CallerIndex;
/** Callers that found no index of their own. */
export const OTHER_CALLER = 1 as CallerIndex;

/** Why the gateway answered by itself. */
export const USAGE_CAUSES = [
  'request',
  'auth',
  'rate',
  'concurrency',
  'quota',
  'overload',
  'upstream',
  'gateway',
] as const;
export type UsageCause = (typeof USAGE_CAUSES)[number];

export const USAGE_ROW_WORDS = 64;
export const LATENCY_BUCKET_COUNT = 32;

const MAGIC = 0x51c1ce11;
const HEADER_WORDS = 16;
const ROW_COUNT = 4_096;
// Twice the rows: a probe ends after two steps or so.
const SLOT_COUNT = 8_192;
const CLASS_COUNT = 6;

const BANK_HEADER_WORDS = 16;
const STATE = 0;
const ROWS_USED = 1;
const OPENED = 2;
const ROWS_WORD = BANK_HEADER_WORDS + SLOT_COUNT;
const BANK_WORDS = ROWS_WORD + ROW_COUNT * USAGE_ROW_WORDS;
const REGION_HEADER_WORDS = 16;
const REGION_WORDS = REGION_HEADER_WORDS + 2 * BANK_WORDS;

const WORKERS_OWN = 0;
const TO_BE_TAKEN = 1;

/** Words of a row. */
export const usageRow = {
  caller: 0,
  series: 1,
  plan: 2,
  environment: 3,
  classes: 4,
  causes: 10,
  bytesIn: 18,
  bytesInHigh: 19,
  bytesOut: 20,
  bytesOutHigh: 21,
  us: 22,
  usHigh: 23,
  functionCalls: 24,
  gbMs: 25,
  gbMsHigh: 26,
  cacheHits: 27,
  latencies: 32,
} as const;

// 2⁸ µs is the first bound, 2²³ µs the last.
const FIRST_BITS = 8;
const LAST_US = 2 ** 23;

export const usageTableLayout = {
  headerBytes: HEADER_WORDS * 4,
  header: { magic: 0, workerCount: 4 },
  regionBytes: REGION_WORDS * 4,
  region: { active: 0, banks: REGION_HEADER_WORDS * 4 },
  bankBytes: BANK_WORDS * 4,
  bank: {
    state: 0,
    rowCount: ROWS_USED * 4,
    openedMinute: OPENED * 4,
    slots: BANK_HEADER_WORDS * 4,
    rows: ROWS_WORD * 4,
  },
  rowBytes: USAGE_ROW_WORDS * 4,
  row: usageRow,
  rowCount: ROW_COUNT,
  slotCount: SLOT_COUNT,
} as const;

/** What a worker counted in one bank. */
export interface UsageBank {
  /** Minutes since 1970, UTC; 0: not known. */
  readonly minute: number;
  /** USAGE_ROW_WORDS each. */
  readonly rows: Uint32Array<ArrayBuffer>;
  /** Calls that are in the first row because there was no other: it is nobody's then. */
  readonly overflow: number;
}

export class UsageTable {
  readonly buffer: SharedArrayBuffer;
  readonly workerCount: number;
  readonly #words: Uint32Array;

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.#words = new Uint32Array(buffer);
    assert(this.#words[0] === MAGIC, 'the buffer is a usage table');
    this.workerCount = this.#words[1] ?? 0;
  }

  static create(workerCount: number): UsageTable {
    const buffer = new SharedArrayBuffer((HEADER_WORDS + REGION_WORDS * workerCount) * 4);
    new Uint32Array(buffer).set([MAGIC, workerCount]);
    return new UsageTable(buffer);
  }

  /**
   * Where a worker counts now what a caller asks of a route. Good until the worker's next turn.
   * @returns a place for count() and addBytes()
   * @hot no allocation; two probes or so
   */
  rowOf(worker: WorkerIndex, caller: CallerIndex, series: SeriesIndex, plan: number, environment: number): number {
    const words = this.#words;
    const bank = this.#activeBank(worker);
    let slot = hashOf(caller, series, plan, environment);
    for (;;) {
      const at = bank + BANK_HEADER_WORDS + (slot & (SLOT_COUNT - 1));
      const row = words[at] as number;
      if (row === 0) return this.#newRow(bank, at, caller, series, plan, environment);
      const place = bank + ROWS_WORD + row * USAGE_ROW_WORDS;
      if (
        words[place] === caller &&
        words[place + 1] === series &&
        words[place + 2] === plan &&
        words[place + 3] === environment
      ) {
        return place;
      }
      slot++;
    }
  }

  /**
   * Count one call.
   * @param statusClass  1 to 5, or 0 when the client was gone before an answer
   * @param cause  index in USAGE_CAUSES; -1: an upstream answered
   * @param us  its latency in microseconds, with or without a fraction
   * @hot
   */
  count(row: number, statusClass: number, cause: number, us: number): void {
    const words = this.#words;
    bump(words, row + usageRow.classes + statusClass);
    if (cause >= 0) bump(words, row + usageRow.causes + cause);
    bump(words, row + usageRow.latencies + latencyBucketOf(us));
    addWide(words, row + usageRow.us, us > 0 ? Math.round(us) : 0);
  }

  /** @hot */
  addBytes(row: number, bytesIn: number, bytesOut: number): void {
    if (bytesIn > 0) addWide(this.#words, row + usageRow.bytesIn, bytesIn);
    if (bytesOut > 0) addWide(this.#words, row + usageRow.bytesOut, bytesOut);
  }

  /**
   * Hand over what was counted, if anything was and the main thread has taken what it got before. By the worker itself.
   * @param minute  minutes since 1970, of now
   */
  turn(worker: WorkerIndex, minute: number): void {
    const words = this.#words;
    const region = regionAt(worker);
    const active = words[region] as number;
    const bank = bankAt(region, active);
    if (isEmpty(words, bank)) {
      words[bank + OPENED] = minute;
      return;
    }
    const next = bankAt(region, 1 - active);
    if (Atomics.load(words, next + STATE) !== WORKERS_OWN) return;
    words[next + OPENED] = minute;
    words[region] = 1 - active;
    Atomics.store(words, bank + STATE, TO_BE_TAKEN);
  }

  /**
   * Take what a worker has handed over, each count once. Main thread.
   * @param isEnded  the worker's thread has ended: what it has not handed over is taken, too
   */
  take(worker: WorkerIndex, isEnded = false): readonly UsageBank[] {
    const region = regionAt(worker);
    const taken: UsageBank[] = [];
    for (const index of [0, 1]) {
      const bank = bankAt(region, index);
      const isHandedOver = Atomics.load(this.#words, bank + STATE) === TO_BE_TAKEN;
      if (isHandedOver || (isEnded && !isEmpty(this.#words, bank))) taken.push(this.#takeBank(bank));
    }
    return taken;
  }

  #takeBank(bank: number): UsageBank {
    const words = this.#words;
    const rowCount = words[bank + ROWS_USED] as number;
    const rowsAt = bank + ROWS_WORD;
    const end = rowsAt + (rowCount + 1) * USAGE_ROW_WORDS;
    const overflow = callsOf(words, rowsAt);
    const rows = new Uint32Array(words.subarray(overflow > 0 ? rowsAt : rowsAt + USAGE_ROW_WORDS, end));
    const minute = words[bank + OPENED] as number;
    words.fill(0, rowsAt, end);
    words.fill(0, bank + BANK_HEADER_WORDS, bank + ROWS_WORD);
    words[bank + ROWS_USED] = 0;
    words[bank + OPENED] = 0;
    Atomics.store(words, bank + STATE, WORKERS_OWN);
    return { minute, rows, overflow };
  }

  #newRow(bank: number, slotAt: number, caller: number, series: number, plan: number, environment: number): number {
    const words = this.#words;
    const row = (words[bank + ROWS_USED] as number) + 1;
    if (row === ROW_COUNT) return bank + ROWS_WORD;
    words[bank + ROWS_USED] = row;
    words[slotAt] = row;
    const place = bank + ROWS_WORD + row * USAGE_ROW_WORDS;
    words[place] = caller;
    words[place + 1] = series;
    words[place + 2] = plan;
    words[place + 3] = environment;
    return place;
  }

  #activeBank(worker: WorkerIndex): number {
    const region = regionAt(worker);
    return bankAt(region, this.#words[region] as number);
  }
}

/** @hot */
export function latencyBucketOf(us: number): number {
  const value = us >= LAST_US ? LAST_US : us > 0 ? us | 0 : 0;
  const bits = 31 - Math.clz32(value);
  if (bits < FIRST_BITS) return 0;
  if (value === LAST_US) return LATENCY_BUCKET_COUNT - 1;
  return 1 + 2 * (bits - FIRST_BITS) + ((value >> (bits - 1)) & 1);
}

/** The lowest latency of a bucket in microseconds; of the bucket after the last: infinite. */
export function latencyBucketStartUs(bucket: number): number {
  if (bucket === 0) return 0;
  if (bucket >= LATENCY_BUCKET_COUNT) return Number.POSITIVE_INFINITY;
  return 2 ** (FIRST_BITS + ((bucket - 1) >> 1)) * ((bucket & 1) === 1 ? 1 : 1.5);
}

// The indexes are the gateway's own: nobody outside can aim them.
function hashOf(caller: number, series: number, plan: number, environment: number): number {
  let hash = Math.imul(caller, 0x9e3779b1) ^ Math.imul(series, 0x85ebca6b) ^ Math.imul(plan, 0xc2b2ae35);
  hash = Math.imul(hash ^ (hash >>> 15) ^ environment, 0x2c1b3c6d);
  return hash ^ (hash >>> 13);
}

function bump(words: Uint32Array, at: number): void {
  words[at] = (words[at] as number) + 1;
}

/** @param by  whole, less than 2⁵³ */
function addWide(words: Uint32Array, at: number, by: number): void {
  const sum = (words[at] as number) + by;
  words[at] = sum;
  if (sum >= 2 ** 32) words[at + 1] = (words[at + 1] as number) + Math.floor(sum / 2 ** 32);
}

function callsOf(words: Uint32Array, row: number): number {
  let calls = 0;
  for (let index = 0; index < CLASS_COUNT; index++) calls += words[row + usageRow.classes + index] as number;
  return calls;
}

function isEmpty(words: Uint32Array, bank: number): boolean {
  return words[bank + ROWS_USED] === 0 && callsOf(words, bank + ROWS_WORD) === 0;
}

function regionAt(worker: WorkerIndex): number {
  return HEADER_WORDS + REGION_WORDS * worker;
}

function bankAt(region: number, bank: number): number {
  return region + REGION_HEADER_WORDS + bank * BANK_WORDS;
}
