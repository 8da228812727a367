// Quotas: blocks of requests that the main thread has taken from the durable counters, ahead of their use; workers spend them.
//
//   offset           type   field       unit      written by     meaning
//   -------------------------------------------------------------------------------------------------------------------
//   0                u32    magic       -         main, once     0x51C1CE0B
//   4                u32    slotCount   -         main, once     S
//   64 + 16·c + 0    u32    number      count     main           of calendar c's window of now, from 1; 0: it is being changed
//   64 + 16·c + 4    u32    endLow      µs        main           when that window ends, by the monotonic clock
//   64 + 16·c + 8    u32    endHigh     µs        main
//   128 + 32·s + 0   i32    hashLow     -         main           of the quota and the consumer
//   128 + 32·s + 4   i32    hashHigh    -         main
//   128 + 32·s + 8   i32    block       requests  main, workers  bits 31-24 window, modulo 256; 23-0 what is left of the block;
//                                                                2²⁴ − 1: used up; 2²⁴ − 2: not known
//   128 + 32·s + 12  u32    beyond      requests  main           what the durable counter had left besides the block
//   128 + 32·s + 16  u32    mark        requests  main           who leaves so much asks for the next block
//   128 + 32·s + 20  u32    calendar    -         main
//
// with 4 calendars (hour, day, month, total) and S slots in buckets of 8. INVARIANTS. A block counts in its window only: whoever
// spends reads the window's number first, and compares it with the block's in the same word that it takes one from. The
// sum of all blocks that were ever handed out for a window is at most what the counter says was taken.
//
// PROTOCOL. Workers: compare-and-swap block → block − 1. The main thread: block + n, or another window's block in its place; it
// alone makes slots, and gives one to another key only when its window has been over for REUSE_US: no worker is still amid
// a charge. LIMITS. A key whose bucket has no such slot gets no block.

import { assert } from '../base/assert.ts';

export const QUOTA_SLOT_COUNT = 65_536;
export const CALENDAR_COUNT = 4;
export const BLOCK_MAX = 2 ** 24 - 3;

/** take(): ask for a block. */
export const NO_BLOCK = -1;
/** take(): the quota is used up. */
export const USED_UP = -2;
/** take(): the counters cannot be asked for now. */
export const NOT_KNOWN = -3;

const MAGIC = 0x51c1ce0b;
const CALENDARS_BYTE = 64;
const CALENDAR_BYTES = 16;
const SLOTS_BYTE = 128;
const SLOT_BYTES = 32;
const SLOTS_PER_BUCKET = 8;
const LEFT_MASK = 2 ** 24 - 1;
const NOTHING_LEFT = LEFT_MASK;
const UNKNOWN = LEFT_MASK - 1;
const TAG_SHIFT = 24;
const ATTEMPTS_MAX = 256;
const TWO_32 = 2 ** 32;

export const quotaTableLayout = {
  calendarsByte: CALENDARS_BYTE,
  calendarBytes: CALENDAR_BYTES,
  slotsByte: SLOTS_BYTE,
  slotBytes: SLOT_BYTES,
  header: { magic: 0, slotCount: 4 },
  calendar: { number: 0, endLow: 4, endHigh: 8 },
  slot: { hashLow: 0, hashHigh: 4, block: 8, beyond: 12, mark: 16, calendar: 20 },
} as const;

export class QuotaTable {
  readonly buffer: SharedArrayBuffer;
  readonly slotCount: number;
  readonly #words: Int32Array;
  readonly #bucketMask: number;

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer);
    assert(this.#words[0] === (MAGIC | 0), 'the buffer is a quota table');
    this.slotCount = this.#words[1] as number;
    this.#bucketMask = this.slotCount / SLOTS_PER_BUCKET - 1;
  }

  static create(slotCount = QUOTA_SLOT_COUNT): QuotaTable {
    assert(slotCount >= SLOTS_PER_BUCKET && (slotCount & (slotCount - 1)) === 0, 'the number of slots is a power of 2');
    const buffer = new SharedArrayBuffer(SLOTS_BYTE + SLOT_BYTES * slotCount);
    new Int32Array(buffer).set([MAGIC | 0, slotCount]);
    return new QuotaTable(buffer);
  }

  /** @returns the slot of a key, or -1 */
  find(low: number, high: number): number {
    const words = this.#words;
    const first = (high & this.#bucketMask) * SLOTS_PER_BUCKET;
    for (let slot = first; slot < first + SLOTS_PER_BUCKET; slot++) {
      const at = slotWord(slot);
      if (words[at] === low && words[at + 1] === high) return slot;
    }
    return -1;
  }

  /** @returns the number of the calendar's window at this time; 0 while it is not known */
  windowAt(calendar: number, nowUs: number): number {
    const at = calendarWord(calendar);
    const number = Atomics.load(this.#words, at);
    if (nowUs >= this.endUsOf(calendar)) return 0;
    return Atomics.load(this.#words, at) === number ? number : 0;
  }

  /** When the calendar's window ends, µs. */
  endUsOf(calendar: number): number {
    const at = calendarWord(calendar);
    return (Atomics.load(this.#words, at + 2) >>> 0) * TWO_32 + (Atomics.load(this.#words, at + 1) >>> 0);
  }

  /**
   * Spend one request.
   * @param number  of windowAt()
   * @returns what is left of the block, NO_BLOCK, USED_UP or NOT_KNOWN
   */
  take(slot: number, number: number): number {
    const at = slotWord(slot) + 2;
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const block = Atomics.load(this.#words, at);
      const left = block & LEFT_MASK;
      if (block >>> TAG_SHIFT !== (number & 0xff) || left === 0) return NO_BLOCK;
      if (left > BLOCK_MAX) return left === NOTHING_LEFT ? USED_UP : NOT_KNOWN;
      if (Atomics.compareExchange(this.#words, at, block, block - 1) === block) return left - 1;
    }
    return NO_BLOCK;
  }

  /** Undo a take() of this window, if its block is still there. */
  giveBack(slot: number, number: number): void {
    const at = slotWord(slot) + 2;
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const block = Atomics.load(this.#words, at);
      if (block >>> TAG_SHIFT !== (number & 0xff) || (block & LEFT_MASK) >= BLOCK_MAX) return;
      if (Atomics.compareExchange(this.#words, at, block, block + 1) === block) return;
    }
  }

  /** What the durable counter had left besides the block. */
  beyondOf(slot: number): number {
    return (this.#words[slotWord(slot) + 3] as number) >>> 0;
  }

  markOf(slot: number): number {
    return this.#words[slotWord(slot) + 4] as number;
  }

  // What follows is the main thread's.

  setWindow(calendar: number, number: number, endUs: number): void {
    const at = calendarWord(calendar);
    Atomics.store(this.#words, at, 0);
    Atomics.store(this.#words, at + 1, (endUs % TWO_32) | 0);
    Atomics.store(this.#words, at + 2, Math.floor(endUs / TWO_32) | 0);
    Atomics.store(this.#words, at, number);
  }

  /** @param isFree  whether a slot that was another key's may be given away @returns the key's slot, new if need be, or -1 */
  open(low: number, high: number, calendar: number, isFree: (slot: number, calendar: number) => boolean): number {
    const known = this.find(low, high);
    if (known >= 0) return known;
    const words = this.#words;
    const first = (high & this.#bucketMask) * SLOTS_PER_BUCKET;
    for (let slot = first; slot < first + SLOTS_PER_BUCKET; slot++) {
      const at = slotWord(slot);
      const isNew = words[at] === 0 && words[at + 1] === 0;
      if (!isNew && !isFree(slot, words[at + 5] as number)) continue;
      Atomics.store(words, at + 2, 0);
      Atomics.store(words, at + 5, calendar);
      Atomics.store(words, at, low);
      Atomics.store(words, at + 1, high);
      return slot;
    }
    return -1;
  }

  /** Hand out a block, on top of what is left in this window. */
  grant(slot: number, number: number, tokens: number, beyond: number, mark: number): void {
    const at = slotWord(slot) + 2;
    Atomics.store(this.#words, at + 1, beyond | 0);
    Atomics.store(this.#words, at + 2, mark);
    for (;;) {
      const block = Atomics.load(this.#words, at);
      const left = block & LEFT_MASK;
      const kept = block >>> TAG_SHIFT === (number & 0xff) && left <= BLOCK_MAX ? left : 0;
      const next = tokens + kept === 0 ? NOTHING_LEFT : Math.min(BLOCK_MAX, tokens + kept);
      if (Atomics.compareExchange(this.#words, at, block, ((number & 0xff) << TAG_SHIFT) | next) === block) return;
    }
  }

  /** Take back what is left of a window's block, or that nothing is. @returns requests */
  revoke(slot: number, number: number): number {
    const block = Atomics.exchange(this.#words, slotWord(slot) + 2, 0);
    const left = block & LEFT_MASK;
    return block >>> TAG_SHIFT === (number & 0xff) && left <= BLOCK_MAX ? left : 0;
  }

  /** What is left of a window's block, NO_BLOCK, USED_UP or NOT_KNOWN. */
  leftOf(slot: number, number: number): number {
    const block = Atomics.load(this.#words, slotWord(slot) + 2);
    const left = block & LEFT_MASK;
    if (block >>> TAG_SHIFT !== (number & 0xff) || left === 0) return NO_BLOCK;
    if (left <= BLOCK_MAX) return left;
    return left === NOTHING_LEFT ? USED_UP : NOT_KNOWN;
  }

  /** The counters cannot be asked: what is left is spent, then nobody waits until reopen(). */
  refuse(slot: number, number: number): void {
    const at = slotWord(slot) + 2;
    const block = Atomics.load(this.#words, at);
    if (this.leftOf(slot, number) !== NO_BLOCK) return;
    // Only this thread puts anything in the place of an empty block but giveBack(), whose request then has it.
    Atomics.compareExchange(this.#words, at, block, ((number & 0xff) << TAG_SHIFT) | UNKNOWN);
  }

  /** Whoever finds nothing may ask again: a block that is used up, or not known. */
  reopen(slot: number, number: number): void {
    const at = slotWord(slot) + 2;
    const left = this.leftOf(slot, number);
    if (left !== USED_UP && left !== NOT_KNOWN) return;
    Atomics.store(this.#words, at, (number & 0xff) << TAG_SHIFT);
  }
}

function calendarWord(calendar: number): number {
  return (CALENDARS_BYTE + CALENDAR_BYTES * calendar) >> 2;
}

function slotWord(slot: number): number {
  return (SLOTS_BYTE + SLOT_BYTES * slot) >> 2;
}
