// Nonces of signed requests that were accepted, so that none is accepted twice: one table for all workers of a process.
//
//   offset                         type  field      unit     written by   meaning
//   ---------------------------------------------------------------------------------------------------------------
//   0                              u32   magic      -        main, once   0x51C1CE13
//   4                              u32   pageCount  -        main, once   pages that follow, a power of 2
//   64                             u32   counts[4]  count    workers      nonces by what became of them: NonceOutcome
//   128 + 1,024·p + 0              u32   lock       0 | 1    workers      of page p; 1: a thread is in it
//   128 + 1,024·p + 64 + 12·e + 0  i32   hashLow    -        workers      of the nonce of entry e, 0 to 79
//   128 + 1,024·p + 64 + 12·e + 4  i32   hashHigh   -        workers
//   128 + 1,024·p + 64 + 12·e + 8  u32   untilS     s        workers      until when it is remembered; 0: never used
//
// Times are seconds of the machine's monotonic clock, the same for every thread. A hash is seeded per process: nobody can aim a nonce
// at a page, or at another's hash.
//
// INVARIANT. A nonce whose time is not over lies in its page, which its hash gives, once.
//
// PROTOCOL. Whoever adds a nonce takes its page's lock, looks through all 80 entries, and writes into one whose time is over. Looking
// and writing are one step for all other threads: of two that come with the same nonce at once, one finds the other's.
//
// LIMITS. A page that has no entry whose time is over takes no nonce: the request is refused rather than an earlier nonce forgotten.
// With 1,310,720 entries that begins to happen at about 70 % of them: a thousand nonces a second that are remembered for 15
// minutes. A thread that is killed inside a page leaves its lock: then that page takes none any more.

import { assert } from '../base/assert.ts';

/** What became of a nonce. */
export const NonceOutcome = {
  /** It is new. */
  ACCEPTED: 0,
  /** It was used before. */
  REPLAYED: 1,
  /** There is no room to remember it. */
  FULL: 2,
  /** The store of all instances was asked in vain. */
  LOST: 3,
} as const;
export type NonceOutcome = (typeof NonceOutcome)[keyof typeof NonceOutcome];

// 16 MiB, of which what is used is resident.
export const NONCE_PAGE_COUNT = 16_384;

const MAGIC = 0x51c1ce13;
const HEADER_BYTES = 128;
const COUNTS_BYTE = 64;
const PAGE_BYTES = 1_024;
const ENTRIES_BYTE = 64;
const ENTRY_BYTES = 12;
const ENTRIES_PER_PAGE = (PAGE_BYTES - ENTRIES_BYTE) / ENTRY_BYTES;
const ENTRY_WORDS = ENTRY_BYTES / 4;
// A look through a page takes some 100 ns; who holds it may have been put to sleep by the kernel for milliseconds.
const LOOKS_MAX = 1_000;
const NAPS_MAX = 20;
const NAP_MS = 1;
const US_PER_SECOND = 1_000_000;

export const nonceTableLayout = {
  headerBytes: HEADER_BYTES,
  header: { magic: 0, pageCount: 4, counts: COUNTS_BYTE },
  pageBytes: PAGE_BYTES,
  page: { lock: 0, entries: ENTRIES_BYTE },
  entryBytes: ENTRY_BYTES,
  entry: { hashLow: 0, hashHigh: 4, untilS: 8 },
  entriesPerPage: ENTRIES_PER_PAGE,
} as const;

export class NonceTable {
  readonly buffer: SharedArrayBuffer;
  readonly pageCount: number;
  readonly #words: Int32Array;

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer);
    assert(this.#words[0] === MAGIC, 'the buffer is a nonce table');
    this.pageCount = this.#words[1] ?? 0;
  }

  /** @param pageCount  a power of 2 */
  static create(pageCount = NONCE_PAGE_COUNT): NonceTable {
    assert(pageCount > 0 && (pageCount & (pageCount - 1)) === 0, 'the number of pages is a power of 2');
    const buffer = new SharedArrayBuffer(HEADER_BYTES + PAGE_BYTES * pageCount);
    new Int32Array(buffer).set([MAGIC, pageCount]);
    return new NonceTable(buffer);
  }

  /**
   * Remember a nonce.
   * @param low, high  its seeded hash
   * @param nowUs, untilUs  of the monotonic clock
   * @returns ACCEPTED, REPLAYED or FULL; not counted
   * @throws  never (data plane)
   */
  add(low: number, high: number, nowUs: number, untilUs: number): NonceOutcome {
    const words = this.#words;
    const lock = (HEADER_BYTES + PAGE_BYTES * (high & (this.pageCount - 1))) / 4;
    if (!this.#enter(lock)) return NonceOutcome.FULL;
    const nowS = Math.floor(nowUs / US_PER_SECOND);
    const outcome = this.#addIn(lock + ENTRIES_BYTE / 4, low, high, nowS, Math.ceil(untilUs / US_PER_SECOND));
    Atomics.store(words, lock, 0);
    return outcome;
  }

  count(outcome: NonceOutcome): void {
    Atomics.add(this.#words, COUNTS_BYTE / 4 + outcome, 1);
  }

  /** Modulo 2³². */
  countOf(outcome: NonceOutcome): number {
    return Atomics.load(this.#words, COUNTS_BYTE / 4 + outcome) >>> 0;
  }

  #addIn(first: number, low: number, high: number, nowS: number, untilS: number): NonceOutcome {
    const words = this.#words;
    let free = -1;
    for (let entry = 0; entry < ENTRIES_PER_PAGE; entry++) {
      const at = first + entry * ENTRY_WORDS;
      if ((words[at + 2] as number) <= nowS) {
        if (free < 0) free = at;
      } else if (words[at] === low && words[at + 1] === high) return NonceOutcome.REPLAYED;
    }
    if (free < 0) return NonceOutcome.FULL;
    words[free] = low;
    words[free + 1] = high;
    words[free + 2] = untilS;
    return NonceOutcome.ACCEPTED;
  }

  #enter(lock: number): boolean {
    const words = this.#words;
    for (let look = 0; look < LOOKS_MAX + NAPS_MAX; look++) {
      if (Atomics.compareExchange(words, lock, 0, 1) === 0) return true;
      if (look >= LOOKS_MAX) Atomics.wait(words, lock, 1, NAP_MS);
    }
    return false;
  }
}
