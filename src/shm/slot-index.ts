// The slots of rate-limited keys: found by a 64-bit hash, made by whichever thread needs one first, reused by the sweeper.
//
//   offset           type   field       unit      written by                    meaning
//   ------------------------------------------------------------------------------------------------------------------
//   16·s + 0         i32    hashLow     -         maker (locked), sweeper       key's hash; 0, 0 when DEAD or FREE
//   16·s + 4         i32    hashHigh    -         maker (locked), sweeper
//   16·s + 8         i32    meta        -         maker, sweeper, chargers      bits 0-1 state, 2-15 limit, 16-31 generation
//   16·s + 12        i32    tat         2⁻ᵏ tok.  maker, chargers               theoretical arrival time, modulo 2³²
//   16·S + 8·b + 0   i32    version     count     makers                        of bucket b; odd: locked, a key is being made
//   16·S + 8·b + 4   i32    overflowed  0, 1, 2   chargers 1; sweeper 2, 0      keys of b may be charged in overflow words
//
// with S slots in S/8 buckets of 8, relative to where the index starts in its table's buffer. A key's bucket is its hash's
// alone; it lies in any of the 8 slots (128 bytes, two cache lines). Tag = meta without the state: limit and generation.
//
// INVARIANTS
//  1. At most one slot of a key is LIVE or UNLINKING.
//  2. A slot that a charger saw LIVE or UNLINKING with its key in this turn still belongs to that key when the turn ends:
//     an exchange of its tat never hits another limit's units.
//  3. A slot leaves its key only when it is idle: no debt, by more than the clocks of two threads differ.
//  4. A key that was charged in the overflow word gets no slot that is better off than that word.
//
// PROTOCOL. A turn is the handling of one event by a worker; a charge lies inside one turn. "All have turned" means that
// every worker's turn counter moved by 2 since it was noted (two: the second store cannot become visible before the
// first, so that what the worker reads afterwards is newer than the note even on weakly ordered machines).
//
//   charge   find() → exchangeTat(). That is the whole hot path, with a single atomic operation. The other reads are plain:
//            a stale one makes the exchange fail, or leads to open(), which looks again under the lock.
//   make     open() reads the version, looks, locks the bucket, looks again, finds a FREE slot; the caller reads hasOverflowed,
//            the overflow word and the clock, in this order; publish() writes hash and tat, then meta = LIVE, then unlocks
//            (version + 2).
//   reuse    sweeper: LIVE → UNLINKING when idle. All have turned. Idle still → DEAD, hash cleared; else → LIVE again.
//            All have turned. DEAD → FREE.
//   rescue   a charger that finds its key UNLINKING makes it LIVE first. When that fails, it starts anew.
//   overflow open() = FULL gives a version at which the key was absent and no slot FREE (no lock is needed for that). Charge
//            the overflow word; markOverflowed(); isUnchanged(version), else the charge is void and the key is charged anew.
//
// WHY
//  1. Slots are made under the lock only, after a look at all 8 under it; the sweeper never makes one.
//  2. A charger that read LIVE before the sweeper wrote UNLINKING has ended its turn before the sweeper looks at the debt
//     for the second time, so that look sees its charge. Whoever reads UNLINKING exchanges nothing before its rescue
//     succeeded; rescue and burial are compare-and-swaps of the same word, and one of them fails. A thread that read the
//     hash or meta before the burial has ended its turn before FREE: it cannot take the next key's slot for its own.
//     Rescue after reuse: the compare-and-swap could hit the next owner only if it has the same tag and is UNLINKING
//     itself; it is then LIVE, which is harmless, and rescue() reads the hash again.
//  3. See above; whoever makes the key's next slot reads its clock after the burial, hence after the sweeper read it.
//  4. Charger A: exchange overflow word; overflowed = 1; read version. Maker B: lock (version odd); read overflowed; read
//     overflow word. If A reads the old version, B locks later and sees both of A's writes; if not, A charges anew.
//     The sweeper clears in three passes: 1 → 2; sees every overflow word idle; compare-and-swap 2 → 0. A charge after that
//     look writes 1 after it: the swap fails, or the 1 stands after the 0 and A's version check comes later still.
//
// LIMITS. A key whose bucket has no FREE slot shares its limit's overflow word: stricter, counted. A thread that is killed
// between open() and publish() leaves its bucket locked: new keys of that bucket are refused (architecture §2 forbids to
// kill one). Only workers whose turns the sweeper watches may charge.

import { assert } from '../base/assert.ts';

const SLOTS_PER_BUCKET = 8;
const SLOT_BYTES = 16;
const BUCKET_BYTES = 8;
const BUCKET_WORDS = (SLOTS_PER_BUCKET * SLOT_BYTES) / 4;

const FREE = 0;
const LIVE = 1;
const UNLINKING = 2;
const DEAD = 3;
const STATE_MASK = 3;

const LIMIT_SHIFT = 2;
const LIMIT_BITS = 14;
const GENERATION_SHIFT = LIMIT_SHIFT + LIMIT_BITS;

// A maker holds the lock for some 200 ns; 64 looks take about 1 µs. Longer, and it was preempted, or runs this code for the
// first time: then the core is better left to it. Eight naps are 2 ms, which a request may wait once in a key's life, and a
// wrong refusal is worse.
const LOCK_LOOKS_MAX = 64;
const NAP_MS = 0.25;
const NAPS_MAX = 8;

/** find(): this thread sees no slot of the key. */
export const ABSENT = -1;
/** open(): the key has a slot by now. */
export const EXISTS = -2;
/** open(): every slot of the bucket is taken. */
export const FULL = -3;
/** open(): the bucket stayed locked for as long as a request may wait. */
export const BUSY = -4;

export const SLOT_LIMIT_COUNT_MAX = 1 << LIMIT_BITS;

export const slotIndexLayout = {
  slotBytes: SLOT_BYTES,
  slotsPerBucket: SLOTS_PER_BUCKET,
  bucketBytes: BUCKET_BYTES,
  slot: { hashLow: 0, hashHigh: 4, meta: 8, tat: 12 },
  bucket: { version: 0, overflowed: 4 },
} as const;

/** What a slot's meta word holds beside the state. */
export function slotTag(limit: number, generation: number): number {
  return (limit << LIMIT_SHIFT) | (generation << GENERATION_SHIFT);
}

export class SlotIndex {
  readonly slotCount: number;
  readonly bucketCount: number;
  /** After open() returned FULL: the version of the bucket at which the key was absent. */
  fullVersion = 0;

  readonly #words: Int32Array;
  readonly #bucketMask: number;
  /** Word of bucket 0's version. */
  readonly #bucketsAt: number;

  constructor(buffer: SharedArrayBuffer, byteOffset: number, slotCount: number) {
    assert(slotCount >= SLOTS_PER_BUCKET && (slotCount & (slotCount - 1)) === 0, 'the number of slots is a power of 2');
    assert(byteOffset % 64 === 0, 'slots start on a cache line');
    this.slotCount = slotCount;
    this.bucketCount = slotCount / SLOTS_PER_BUCKET;
    this.#words = new Int32Array(buffer, byteOffset, SlotIndex.byteLength(slotCount) / 4);
    this.#bucketMask = this.bucketCount - 1;
    this.#bucketsAt = (slotCount * SLOT_BYTES) / 4;
  }

  static byteLength(slotCount: number): number {
    return slotCount * SLOT_BYTES + (slotCount / SLOTS_PER_BUCKET) * BUCKET_BYTES;
  }

  /**
   * The slot of a key, ready to be charged.
   * @returns slot, or ABSENT
   * @hot
   */
  find(low: number, high: number, tag: number): number {
    const words = this.#words;
    const first = (high & this.#bucketMask) * BUCKET_WORDS;
    const start = low >>> 29;
    for (let probe = 0; probe < SLOTS_PER_BUCKET; probe++) {
      const at = first + (((start + probe) & 7) << 2);
      if (words[at] === low && words[at + 1] === high) {
        const meta = words[at + 2] as number;
        if (meta === (tag | LIVE)) return at >> 2;
        if (meta === (tag | UNLINKING) && this.#rescue(at, low, high, tag)) return at >> 2;
      }
    }
    return ABSENT;
  }

  /** Plain: exchangeTat() fails when it was stale. @hot */
  tatOf(slot: number): number {
    return this.#words[(slot << 2) + 3] as number;
  }

  /** @hot */
  exchangeTat(slot: number, from: number, to: number): boolean {
    return Atomics.compareExchange(this.#words, (slot << 2) + 3, from, to) === from;
  }

  /**
   * Lock the key's bucket for a new slot. Whoever gets a slot must call publish() or abandon(), and nothing that may throw
   * in between.
   * @returns a FREE slot; or EXISTS, FULL, BUSY, with nothing locked
   */
  open(low: number, high: number, tag: number): number {
    const words = this.#words;
    const lock = this.#bucketsAt + ((high & this.#bucketMask) << 1);
    for (let look = 0; look < LOCK_LOOKS_MAX + NAPS_MAX; look++) {
      const version = Atomics.load(words, lock);
      if ((version & 1) !== 0) {
        // Nobody wakes it before its time: makers do not know of it.
        if (look >= LOCK_LOOKS_MAX) Atomics.wait(words, lock, version, NAP_MS);
        continue;
      }
      // A full bucket needs no lock, or a flood of new keys would wait for it.
      const seen = this.#search(low, high, tag);
      this.fullVersion = version;
      if (seen < 0) return seen;
      if (Atomics.compareExchange(words, lock, version, version + 1) !== version) continue;
      const found = this.#search(low, high, tag);
      if (found < 0) Atomics.store(words, lock, version);
      return found;
    }
    return BUSY;
  }

  /**
   * The whole bucket, after its version was read or its lock taken: the plain reads come later than that.
   * @returns EXISTS, a FREE slot, or FULL
   */
  #search(low: number, high: number, tag: number): number {
    const words = this.#words;
    const first = (high & this.#bucketMask) * BUCKET_WORDS;
    const start = low >>> 29;
    let free = FULL;
    for (let probe = 0; probe < SLOTS_PER_BUCKET; probe++) {
      const at = first + (((start + probe) & 7) << 2);
      const meta = words[at + 2] as number;
      if (meta === FREE) {
        if (free === FULL) free = at >> 2;
      } else if (meta === (tag | LIVE) || meta === (tag | UNLINKING)) {
        if (words[at] === low && words[at + 1] === high) return EXISTS;
      }
    }
    return free;
  }

  /** Whether keys of this slot's bucket may have been charged in an overflow word. */
  hasOverflowed(slot: number): boolean {
    return Atomics.load(this.#words, this.#bucketWordOf(slot) + 1) !== 0;
  }

  publish(slot: number, low: number, high: number, tag: number, tat: number): void {
    const words = this.#words;
    const at = slot << 2;
    Atomics.store(words, at, low);
    Atomics.store(words, at + 1, high);
    Atomics.store(words, at + 3, tat);
    Atomics.store(words, at + 2, tag | LIVE);
    Atomics.add(words, this.#bucketWordOf(slot), 1);
  }

  abandon(slot: number): void {
    Atomics.sub(this.#words, this.#bucketWordOf(slot), 1);
  }

  markOverflowed(high: number): void {
    Atomics.store(this.#words, this.#bucketsAt + ((high & this.#bucketMask) << 1) + 1, 1);
  }

  /** Whether no key was made in this bucket since the version was read. */
  isUnchanged(high: number, version: number): boolean {
    return Atomics.load(this.#words, this.#bucketsAt + ((high & this.#bucketMask) << 1)) === version;
  }

  #rescue(at: number, low: number, high: number, tag: number): boolean {
    const words = this.#words;
    if (Atomics.compareExchange(words, at + 2, tag | UNLINKING, tag | LIVE) !== (tag | UNLINKING)) return false;
    return Atomics.load(words, at) === low && Atomics.load(words, at + 1) === high;
  }

  #bucketWordOf(slot: number): number {
    return this.#bucketsAt + ((slot >> 3) << 1);
  }

  // What follows is the sweeper's: one thread.

  /** @returns the limit that owns the slot, or -1 when it is FREE */
  limitOf(slot: number): number {
    const meta = this.#words[(slot << 2) + 2] as number;
    return meta === FREE ? -1 : (meta >>> LIMIT_SHIFT) & (SLOT_LIMIT_COUNT_MAX - 1);
  }

  /** Limit and generation, as from slotTag(). */
  tagOf(slot: number): number {
    return (this.#words[(slot << 2) + 2] as number) & ~STATE_MASK;
  }

  hashLowOf(slot: number): number {
    return this.#words[slot << 2] as number;
  }

  hashHighOf(slot: number): number {
    return this.#words[(slot << 2) + 1] as number;
  }

  isLive(slot: number): boolean {
    return ((this.#words[(slot << 2) + 2] as number) & STATE_MASK) === LIVE;
  }

  isUnlinking(slot: number): boolean {
    return (Atomics.load(this.#words, (slot << 2) + 2) & STATE_MASK) === UNLINKING;
  }

  /** With its acquire fence: everything charged before the workers' turns moved is in it. */
  settledTat(slot: number): number {
    return Atomics.load(this.#words, (slot << 2) + 3);
  }

  /** LIVE → UNLINKING */
  unlink(slot: number): boolean {
    const tag = this.tagOf(slot);
    return this.#exchangeState(slot, tag | LIVE, tag | UNLINKING);
  }

  /** UNLINKING → LIVE */
  relink(slot: number): boolean {
    const tag = this.tagOf(slot);
    return this.#exchangeState(slot, tag | UNLINKING, tag | LIVE);
  }

  /** UNLINKING → DEAD, after all have turned. */
  bury(slot: number): boolean {
    const tag = this.tagOf(slot);
    if (!this.#exchangeState(slot, tag | UNLINKING, tag | DEAD)) return false;
    Atomics.store(this.#words, slot << 2, 0);
    Atomics.store(this.#words, (slot << 2) + 1, 0);
    return true;
  }

  /** DEAD → FREE, after all have turned again. */
  free(slot: number): void {
    Atomics.store(this.#words, (slot << 2) + 2, FREE);
  }

  /** Of the three passes that clear a bucket's mark, the first: 1 → 2. @returns whether the bucket is marked */
  ageOverflow(bucket: number): boolean {
    const at = this.#bucketsAt + (bucket << 1) + 1;
    if (this.#words[at] === 0) return false;
    Atomics.compareExchange(this.#words, at, 1, 2);
    return true;
  }

  /** The third: 2 → 0, when every overflow word was seen idle since the first. */
  clearOverflow(bucket: number): void {
    const at = this.#bucketsAt + (bucket << 1) + 1;
    if (this.#words[at] === 2) Atomics.compareExchange(this.#words, at, 2, 0);
  }

  #exchangeState(slot: number, from: number, to: number): boolean {
    return Atomics.compareExchange(this.#words, (slot << 2) + 2, from, to) === from;
  }
}
