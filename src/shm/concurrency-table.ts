// At most so many exchanges of a key in flight, over all workers.
//
//   offset               type   field            unit       written by        meaning
//   ------------------------------------------------------------------------------------------------------------------
//   0                    u32    magic            -          main, once        0x51C1CE06
//   4                    u32    workerCount      -          main, once        rows of held: one a worker, and one for the main thread
//   8                    u32    slotCount        -          main, once        S
//   64                   u32    fullCount        count      workers           refusals because a key found no slot
//   68                   u32    busyCount        count      workers           refusals because other threads were in the way
//   72                   u32    faultCount       count      workers           releases of what was not held: bugs
//   128 + 16·s + 0       i32    hashLow          -          maker (locked)    key's hash; stays when the slot is empty
//   128 + 16·s + 4       i32    hashHigh         -          maker (locked)
//   128 + 16·s + 8       i32    total            exchanges  workers, main     in flight; RESERVED (−2³⁰): being made
//   128 + 16·s + 12      -      0
//   128 + 16·S + 4·b     u32    lock             0 | 1      makers            of bucket b; 1: a key is being made
//   then 4·(S·w + s)     i32    held[w][s]       exchanges  worker w          what worker w has in flight in slot s; the
//                                                                             last row, main: what another process has
//
// with S slots in S/8 buckets of 8; held starts at the next multiple of 64 bytes.
//
// INVARIANTS. total(s) = Σ held[w][s], but for calls under way: total is raised before held and lowered after it. A slot
// with total > 0 keeps its key. At most one slot of a key has total > 0. total never passes the max of the call that raises it.
//
// PROTOCOL. A slot with total 0 is empty, whatever hash it still holds: no sweeper, no states, because the count has no
// units that a late exchange could confuse.
//   acquire  find the hash; compare-and-swap total → total + 1 if 0 ≤ total < max: that pins the slot; read the hash again; if
//            it is another's, take the 1 back and start anew (a slot was reused between look and swap). held + 1.
//   make     lock the bucket; look again; compare-and-swap the total of an empty slot 0 → RESERVED; write the hash; total
//            = 1 (the maker's own); unlock. Nobody can raise a RESERVED total, so a raised total vouches for the hash.
//   release  held − 1, then total − 1.
//   zero     after worker w's thread has ended, the main thread takes held[w][s] from each total.
// Two makers of one key exclude each other by the lock. A slot of K that was empty may be found, and raised, while K is made
// elsewhere? No: it lies in the same bucket, so the maker finds it, and raises it itself instead.
//
// LIMITS. 65,536 slots: with 10,000 keys in flight, 1 key in 25,000 finds its bucket full (with 16,384 slots it would be 1 in 8).
// Such a key is refused, and counted: an overflow slot that keys share cannot hand a key over to a slot of its own while
// exchanges of it are under way, so one long stream would bind a whole bucket to it. A thread killed inside make leaves its bucket
// locked and its keys refused.

import { assert } from '../base/assert.ts';
import type { WorkerIndex } from '../base/ids.ts';

export const CONCURRENCY_SLOT_COUNT = 65_536;

/** acquire(): the key has its maximum in flight. */
export const REFUSED = -1;
/** acquire(): no room for another key, or other threads stayed in the way. */
export const NO_SLOT = -2;

const MAGIC = 0x51c1ce06;
// 64 workers, and a process that this one has taken over from.
const WORKER_COUNT_MAX = 65;
const SLOTS_BYTE = 128;
const SLOT_BYTES = 16;
const SLOTS_PER_BUCKET = 8;
const FULL_WORD = 16;
const BUSY_WORD = 17;
const FAULT_WORD = 18;
const RESERVED = -(2 ** 30);
const ATTEMPTS_MAX = 256;
// A maker holds the lock for some 200 ns; 64 looks take about 1 µs.
const LOCK_LOOKS_MAX = 64;

const AGAIN = -3;

export const concurrencyTableLayout = {
  slotsByte: SLOTS_BYTE,
  slotBytes: SLOT_BYTES,
  slotsPerBucket: SLOTS_PER_BUCKET,
  header: { magic: 0, workerCount: 4, slotCount: 8, fullCount: 64, busyCount: 68, faultCount: 72 },
  slot: { hashLow: 0, hashHigh: 4, total: 8 },
} as const;

export class ConcurrencyTable {
  readonly buffer: SharedArrayBuffer;
  readonly workerCount: number;
  readonly slotCount: number;
  readonly #words: Int32Array;
  readonly #bucketMask: number;
  readonly #locksAt: number;
  readonly #heldAt: number;

  constructor(buffer: SharedArrayBuffer) {
    assert(buffer.byteLength >= SLOTS_BYTE, 'a concurrency table has a header');
    this.buffer = buffer;
    this.#words = new Int32Array(buffer);
    assert(this.#words[0] === (MAGIC | 0), 'the buffer is a concurrency table');
    this.workerCount = this.#words[1] as number;
    this.slotCount = this.#words[2] as number;
    this.#bucketMask = this.slotCount / SLOTS_PER_BUCKET - 1;
    this.#locksAt = (SLOTS_BYTE + this.slotCount * SLOT_BYTES) / 4;
    this.#heldAt = heldByte(this.slotCount) / 4;
  }

  static create(workerCount: number, slotCount = CONCURRENCY_SLOT_COUNT): ConcurrencyTable {
    assert(
      workerCount >= 1 && workerCount <= WORKER_COUNT_MAX,
      'a process has 1 to 64 gateway workers, and one row more',
    );
    assert(slotCount >= SLOTS_PER_BUCKET && (slotCount & (slotCount - 1)) === 0, 'the number of slots is a power of 2');
    const buffer = new SharedArrayBuffer(heldByte(slotCount) + 4 * slotCount * workerCount);
    new Int32Array(buffer).set([MAGIC | 0, workerCount, slotCount]);
    return new ConcurrencyTable(buffer);
  }

  /**
   * One more exchange of a key in flight, if fewer than max are.
   * @param low, high  SeededHash of the limit's id and the key's value; never both 0
   * @param max  1 or more
   * @returns the slot to release; REFUSED; or NO_SLOT
   * @throws  never (data plane)
   * @hot measured by npm run bench:hot
   */
  acquire(low: number, high: number, max: number, worker: WorkerIndex): number {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const slot = this.#find(low, high);
      const verdict = slot < 0 ? this.#make(low, high, max) : this.#raise(slot, low, high, max);
      if (verdict === AGAIN) continue;
      // The worker is the only writer of its counts.
      if (verdict >= 0) this.#words[this.#heldWord(verdict, worker)]!++;
      return verdict;
    }
    Atomics.add(this.#words, BUSY_WORD, 1);
    return NO_SLOT;
  }

  /** The end of an exchange that acquire() gave a slot. @hot */
  release(slot: number, worker: WorkerIndex): void {
    const at = this.#heldWord(slot, worker);
    const held = this.#words[at] as number;
    if (held <= 0) {
      // Taking it from the total would let another exchange in above the maximum.
      Atomics.add(this.#words, FAULT_WORD, 1);
      return;
    }
    this.#words[at] = held - 1;
    Atomics.sub(this.#words, totalWord(slot), 1);
  }

  /** After worker's thread has ended: what it had in flight is no more. Takes 50 µs. @returns exchanges given back */
  zeroWorker(worker: WorkerIndex): number {
    let given = 0;
    const first = this.#heldWord(0, worker);
    for (let slot = 0; slot < this.slotCount; slot++) {
      const held = this.#words[first + slot] as number;
      if (held === 0) continue;
      this.#words[first + slot] = 0;
      Atomics.sub(this.#words, totalWord(slot), held);
      given += held;
    }
    return given;
  }

  /** Exchanges of a key in flight now, for metrics and tests. */
  inFlight(low: number, high: number): number {
    const slot = this.#find(low, high);
    return slot < 0 ? 0 : Math.max(0, Atomics.load(this.#words, totalWord(slot)));
  }

  /** Of every key with exchanges in flight: hash low, hash high, how many. Takes 100 µs. */
  inFlightKeys(): Int32Array {
    const keys: number[] = [];
    for (let slot = 0; slot < this.slotCount; slot++) {
      const at = totalWord(slot);
      const total = Atomics.load(this.#words, at);
      if (total > 0) keys.push(this.#words[at - 2] as number, this.#words[at - 1] as number, total);
    }
    return Int32Array.from(keys);
  }

  fullCount(): number {
    return Atomics.load(this.#words, FULL_WORD) >>> 0;
  }

  busyCount(): number {
    return Atomics.load(this.#words, BUSY_WORD) >>> 0;
  }

  faultCount(): number {
    return Atomics.load(this.#words, FAULT_WORD) >>> 0;
  }

  /** @hot */
  #find(low: number, high: number): number {
    const words = this.#words;
    const first = (high & this.#bucketMask) * SLOTS_PER_BUCKET;
    const start = low >>> 29;
    for (let probe = 0; probe < SLOTS_PER_BUCKET; probe++) {
      const slot = first + ((start + probe) & 7);
      const at = totalWord(slot) - 2;
      if (words[at] === low && words[at + 1] === high) return slot;
    }
    return -1;
  }

  /** @returns the slot, REFUSED or AGAIN @hot */
  #raise(slot: number, low: number, high: number, max: number): number {
    const words = this.#words;
    const at = totalWord(slot);
    const total = words[at] as number;
    if (total < 0) return AGAIN;
    if (total >= max) {
      // A plain read may have met the next key's total: be sure before refusing.
      return Atomics.load(words, at) >= max && this.#holds(slot, low, high) ? REFUSED : AGAIN;
    }
    if (Atomics.compareExchange(words, at, total, total + 1) !== total) return AGAIN;
    if (this.#holds(slot, low, high)) return slot;
    Atomics.sub(words, at, 1);
    return AGAIN;
  }

  #holds(slot: number, low: number, high: number): boolean {
    const at = totalWord(slot) - 2;
    return Atomics.load(this.#words, at) === low && Atomics.load(this.#words, at + 1) === high;
  }

  /** @returns the slot, with one exchange in flight; AGAIN when the key is there by now; NO_SLOT */
  #make(low: number, high: number, max: number): number {
    if (max < 1) return REFUSED;
    const words = this.#words;
    const lock = this.#locksAt + (high & this.#bucketMask);
    for (let look = 0; look < LOCK_LOOKS_MAX; look++) {
      if (Atomics.load(words, lock) !== 0 || Atomics.compareExchange(words, lock, 0, 1) !== 0) continue;
      const slot = this.#makeLocked(low, high);
      Atomics.store(words, lock, 0);
      if (slot === NO_SLOT) Atomics.add(words, FULL_WORD, 1);
      return slot;
    }
    Atomics.add(words, BUSY_WORD, 1);
    return NO_SLOT;
  }

  #makeLocked(low: number, high: number): number {
    const words = this.#words;
    const first = (high & this.#bucketMask) * SLOTS_PER_BUCKET;
    const start = low >>> 29;
    for (let probe = 0; probe < SLOTS_PER_BUCKET; probe++) {
      if (this.#holds(first + probe, low, high)) return AGAIN;
    }
    for (let probe = 0; probe < SLOTS_PER_BUCKET; probe++) {
      const slot = first + ((start + probe) & 7);
      const at = totalWord(slot);
      if (Atomics.compareExchange(words, at, 0, RESERVED) !== 0) continue;
      Atomics.store(words, at - 2, low);
      Atomics.store(words, at - 1, high);
      Atomics.store(words, at, 1);
      return slot;
    }
    return NO_SLOT;
  }

  #heldWord(slot: number, worker: WorkerIndex): number {
    return this.#heldAt + worker * this.slotCount + slot;
  }
}

function heldByte(slotCount: number): number {
  const end = SLOTS_BYTE + slotCount * SLOT_BYTES + (slotCount / SLOTS_PER_BUCKET) * 4;
  return Math.ceil(end / 64) * 64;
}

/** @hot */
function totalWord(slot: number): number {
  return (SLOTS_BYTE + slot * SLOT_BYTES + 8) >> 2;
}
