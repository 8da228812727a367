// Leased shares of limits over instances: of each key in use, the tokens that this instance may spend by itself.
//
//   offset             type   field          unit       written by     meaning
//   ------------------------------------------------------------------------------------------------------------------
//   0                  u32    magic          -          main, once     0x51C1CE12
//   4                  u32    slotCount      -          main, once     slots that follow
//   8                  u32    busyCount      count      workers        refusals because other threads were in the way
//   64 + 128·s + 0     i32    sequence       count      main           of slot s; odd: its terms are being written
//   64 + 128·s + 4     i32    hashLow        -          main           key's hash; 0, 0: the slot is free
//   64 + 128·s + 8     i32    hashHigh       -          main
//   64 + 128·s + 12    i32    tat            2⁻ᵏ tokens workers, main  theoretical arrival time, modulo 2³² (limiter/gcra.ts)
//   64 + 128·s + 16    i32    v0             2⁻ᵏ tokens main           virtual time at t0, modulo 2³²
//   64 + 128·s + 20    i32    burst          2⁻ᵏ tokens main           what the level may reach
//   64 + 128·s + 24    i32    resolution     bits       main           k: 2ᵏ units are a token
//   64 + 128·s + 28    u32    demand         count      workers        requests met, admitted or not, modulo 2³²
//   64 + 128·s + 32    f64    unitsPerUs     2⁻ᵏ/µs     main           how fast virtual time runs
//   64 + 128·s + 40    f64    t0Us           µs         main           when the terms came into force
//   64 + 128·s + 48    f64    untilUs        µs         main           from then on there is nothing
//   64 + 128·s + 56    f64    notBeforeUs    µs         main           asking is of no use before
//   64 + 128·s + 64    u32    loss           0 | 1 | 2  main           what an empty share means: LeaseLoss
//   64 + 128·s + 68    u32    creditMax      tokens     main           what may be owed
//   64 + 128·s + 72    i32    credit         -          workers, main  bits 31-16 of whom: changes with the key; 15-0 tokens owed
//
// A key lies in one of the 8 slots of its bucket, which its hash gives. Times are of the machine's monotonic clock.
//
// INVARIANTS. The main thread alone makes, changes and frees slots. The level, burst − max(0, tat − virtual time), is never above
// that of an exact bucket with the same rate and burst that was told the same: virtual time is rounded down, a charge of a full bucket
// counts from the next whole unit, and whatever the main thread adds is rounded down.
//
// PROTOCOL. A worker reads the sequence (even), the hash, tat and the terms, the sequence again (the same), then its clock,
// and exchanges tat by compare-and-swap. The main thread makes the sequence odd, exchanges tat for tat + 1, writes the terms with the
// v0 that gives the level under them, and makes the sequence even.
// WHY. Whoever read terms whole read them between two changes. What it decided by them fails its exchange as soon as the next
// change has exchanged tat, because tat only ever moves forward: charges add to it, changes add 1. So no token is spent under terms that
// the store may have been told are no more, and none is given back that a worker has spent.
//
// CREDIT. A request that finds nothing may be admitted all the same, as long as less than creditMax is owed. What is owed is paid out
// of tokens, which then nobody else gets; a slot that owes is not freed. So a window holds creditMax more at most.
//
// LIMITS. tat comes back to a value after 2³² units. k is such that 4 s of the limit's rate, and its burst, are 2²⁹ units at
// most: a worker would have to stand still between its read and its exchange for as long as that takes, to the unit. A key
// whose bucket is full gets no slot: its requests are refused.

import { assert } from '../base/assert.ts';
import type { Clock } from '../base/clock.ts';

/** Four times the keys that are leased at once (KEPT_KEY_COUNT_MAX): then 1 in 4,000 finds its bucket full. */
export const LEASE_SLOT_COUNT = 65_536;

const MAGIC = 0x51c1ce12;
const HEADER_BYTES = 64;
const SLOT_BYTES = 128;
const SLOTS_PER_BUCKET = 8;
const BUSY_WORD = 2;
const ATTEMPTS_MAX = 256;

export const leaseTableLayout = {
  headerBytes: HEADER_BYTES,
  header: { magic: 0, slotCount: 4, busyCount: 8 },
  slotBytes: SLOT_BYTES,
  slotsPerBucket: SLOTS_PER_BUCKET,
  slot: {
    sequence: 0,
    hashLow: 4,
    hashHigh: 8,
    tat: 12,
    v0: 16,
    burst: 20,
    resolution: 24,
    demand: 28,
    unitsPerUs: 32,
    t0Us: 40,
    untilUs: 48,
    notBeforeUs: 56,
    loss: 64,
    creditMax: 68,
    credit: 72,
  },
} as const;

/** By word, and of numbers of 8 bytes by pairs of words. */
const field = {
  hashLow: 1,
  hashHigh: 2,
  tat: 3,
  v0: 4,
  burst: 5,
  resolution: 6,
  demand: 7,
  unitsPerUs: 4,
  t0Us: 5,
  untilUs: 6,
  notBeforeUs: 7,
  loss: 16,
  creditMax: 17,
  credit: 18,
} as const;

/** borrow(): there is none. */
export const NO_CREDIT = -1;

const OWED_MASK = 2 ** 16 - 1;
const OWNER_ONE = 2 ** 16;

/** What a request is told that finds nothing: that the limit is used up, or what the limit says of a store that is away. */
export const LeaseLoss = { NONE: 0, ADMIT: 1, REFUSE: 2 } as const;
export type LeaseLoss = (typeof LeaseLoss)[keyof typeof LeaseLoss];

/** find(), place(): there is no slot. */
export const NO_LEASE = -1;

/** charge(): one token was spent; there is none; the slot is another key's by now. */
export const LEASE_CHARGED = 0;
export const LEASE_EMPTY = 1;
export const LEASE_GONE = 2;

/** With what a share runs. */
export interface LeaseTermsInForce {
  readonly unitsPerUs: number;
  /** Units. */
  readonly burst: number;
  readonly resolution: number;
  readonly untilUs: number;
}

/** What a charge leaves. Reused. */
export class LeaseReading {
  /** Whole tokens that are left. */
  remaining = 0;
  /** µs until there is a token, by the share's own rate; Infinity when it has none. */
  waitUs = 0.5;
}

export class LeaseTable {
  readonly buffer: SharedArrayBuffer;
  readonly slotCount: number;
  readonly #words: Int32Array;
  readonly #numbers: Float64Array;
  readonly #bucketMask: number;

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer);
    this.#numbers = new Float64Array(buffer);
    assert(this.#words[0] === (MAGIC | 0), 'the buffer is a lease table');
    this.slotCount = this.#words[1] as number;
    this.#bucketMask = this.slotCount / SLOTS_PER_BUCKET - 1;
  }

  static create(slotCount = LEASE_SLOT_COUNT): LeaseTable {
    assert(slotCount >= SLOTS_PER_BUCKET && (slotCount & (slotCount - 1)) === 0, 'the number of slots is a power of 2');
    const buffer = new SharedArrayBuffer(HEADER_BYTES + SLOT_BYTES * slotCount);
    new Int32Array(buffer).set([MAGIC | 0, slotCount]);
    return new LeaseTable(buffer);
  }

  /** @returns the key's slot, or NO_LEASE @hot */
  find(low: number, high: number): number {
    const words = this.#words;
    const first = (high & this.#bucketMask) * SLOTS_PER_BUCKET;
    const start = low >>> 29;
    for (let probe = 0; probe < SLOTS_PER_BUCKET; probe++) {
      const slot = first + ((start + probe) & 7);
      const at = wordOf(slot);
      if (words[at + field.hashLow] === low && words[at + field.hashHigh] === high) return slot;
    }
    return NO_LEASE;
  }

  /** A request of the key has come. @hot */
  countDemand(slot: number): void {
    Atomics.add(this.#words, wordOf(slot) + field.demand, 1);
  }

  /**
   * Spend one token of the share, if there is one.
   * @param clock  read between the terms and the exchange, so that an old reading never meets a new share
   * @returns LEASE_CHARGED, LEASE_EMPTY or LEASE_GONE
   * @throws  never (data plane)
   * @hot
   */
  charge(slot: number, low: number, high: number, clock: Clock, out: LeaseReading): number {
    const words = this.#words;
    const at = wordOf(slot);
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const sequence = Atomics.load(words, at);
      if ((sequence & 1) !== 0) continue;
      const isKeys = words[at + field.hashLow] === low && words[at + field.hashHigh] === high;
      const tat = Atomics.load(words, at + field.tat);
      const v0 = words[at + field.v0] as number;
      const burst = words[at + field.burst] as number;
      const cost = 1 << (words[at + field.resolution] as number);
      const unitsPerUs = this.#numbers[(at >> 1) + field.unitsPerUs] as number;
      const t0Us = this.#numbers[(at >> 1) + field.t0Us] as number;
      const untilUs = this.#numbers[(at >> 1) + field.untilUs] as number;
      if (Atomics.load(words, at) !== sequence) continue;
      if (!isKeys) return LEASE_GONE;
      const nowUs = clock.nowUs();
      if (nowUs >= untilUs) return empty(out, Number.POSITIVE_INFINITY);
      const passed = unitsSince(nowUs, t0Us, unitsPerUs);
      const whole = Math.floor(passed);
      const now = (v0 + whole) | 0;
      const debt = (tat - now) | 0;
      const level = burst - Math.max(0, debt);
      if (level < cost) return empty(out, unitsPerUs > 0 ? (cost - level) / unitsPerUs : Number.POSITIVE_INFINITY);
      const next = debt > 0 ? (tat + cost) | 0 : (now + cost + (passed > whole ? 1 : 0)) | 0;
      if (Atomics.compareExchange(words, at + field.tat, tat, next) !== tat) continue;
      out.remaining = Math.floor((level - cost) / cost);
      out.waitUs = 0;
      return LEASE_CHARGED;
    }
    Atomics.add(words, BUSY_WORD, 1);
    return empty(out, 0);
  }

  /** Admit a request that found nothing, for a token that is paid later. @returns tokens owed before, or NO_CREDIT @hot */
  borrow(slot: number, low: number, high: number): number {
    const words = this.#words;
    const at = wordOf(slot);
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const credit = Atomics.load(words, at + field.credit);
      // Read before the hash: another key's has another owner, and the exchange fails.
      if (words[at + field.hashLow] !== low || words[at + field.hashHigh] !== high) return NO_CREDIT;
      const owed = credit & OWED_MASK;
      if (owed >= (words[at + field.creditMax] as number)) return NO_CREDIT;
      if (Atomics.compareExchange(words, at + field.credit, credit, credit + 1) === credit) return owed;
    }
    return NO_CREDIT;
  }

  /** A request that finds nothing is refused before. @hot */
  notBeforeUs(slot: number): number {
    return this.#numbers[(wordOf(slot) >> 1) + field.notBeforeUs] as number;
  }

  lossOf(slot: number): LeaseLoss {
    return this.#words[wordOf(slot) + field.loss] as LeaseLoss;
  }

  busyCount(): number {
    return Atomics.load(this.#words, BUSY_WORD) >>> 0;
  }

  // What follows is the main thread's.

  /** Give a key a slot, with nothing in it. @returns the slot, or NO_LEASE when its bucket is full */
  place(low: number, high: number): number {
    assert(this.find(low, high) === NO_LEASE, 'a key has one slot');
    const slot = this.#freeSlotOf(low, high);
    if (slot === NO_LEASE) return NO_LEASE;
    this.announce(slot, 0, LeaseLoss.NONE);
    this.#rename(slot, low, high);
    return slot;
  }

  free(slot: number): void {
    this.#rename(slot, 0, 0);
  }

  /**
   * Put other terms in force. No decision by the old ones succeeds afterwards.
   * @param moved  units of the new resolution to add to the level
   * @returns units that the level is above the new burst, which are gone
   */
  change(slot: number, nowUs: number, terms: LeaseTermsInForce, moved = 0): number {
    const words = this.#words;
    const at = wordOf(slot);
    const shift = terms.resolution - (words[at + field.resolution] as number);
    const sequence = Atomics.add(words, at, 1);
    assert((sequence & 1) === 0, 'one thread changes a slot');
    const before = this.#stopCharges(slot, nowUs);
    const level = (shift === 0 ? before : Math.floor(before * 2 ** shift)) + moved;
    const above = Math.max(0, level - terms.burst);
    this.#setLevel(at, nowUs, terms.burst, level - above);
    words[at + field.burst] = terms.burst;
    words[at + field.resolution] = terms.resolution;
    this.#numbers[(at >> 1) + field.unitsPerUs] = terms.unitsPerUs;
    this.#numbers[(at >> 1) + field.untilUs] = terms.untilUs;
    Atomics.store(words, at, sequence + 2);
    return above;
  }

  /** Units; 0 once the share has ended. */
  level(slot: number, nowUs: number): number {
    return this.#levelAt(slot, Atomics.load(this.#words, wordOf(slot) + field.tat), nowUs);
  }

  demandOf(slot: number): number {
    return Atomics.load(this.#words, wordOf(slot) + field.demand) >>> 0;
  }

  /** What a request that finds nothing is to do. Advice: read without regard to the sequence. */
  announce(slot: number, notBeforeUs: number, loss: LeaseLoss): void {
    const at = wordOf(slot);
    this.#numbers[(at >> 1) + field.notBeforeUs] = notBeforeUs;
    Atomics.store(this.#words, at + field.loss, loss);
  }

  setCreditMax(slot: number, tokens: number): void {
    Atomics.store(this.#words, wordOf(slot) + field.creditMax, Math.min(OWED_MASK, tokens));
  }

  /** Tokens. */
  owedOf(slot: number): number {
    return Atomics.load(this.#words, wordOf(slot) + field.credit) & OWED_MASK;
  }

  /** @param tokens  at most what is owed */
  pay(slot: number, tokens: number): void {
    Atomics.sub(this.#words, wordOf(slot) + field.credit, tokens);
  }

  /**
   * Take tokens out of the level, in force as it is.
   * @returns units that there were, at most those that were asked for
   */
  takeBack(slot: number, nowUs: number, units: number): number {
    const at = wordOf(slot);
    const sequence = Atomics.add(this.#words, at, 1);
    const level = this.#stopCharges(slot, nowUs);
    const taken = Math.min(level, units);
    this.#setLevel(at, nowUs, this.#words[at + field.burst] as number, level - taken);
    Atomics.store(this.#words, at, sequence + 2);
    return taken;
  }

  /** Within a change, before the rate is another: what has accrued up to now does not accrue again. */
  #setLevel(at: number, nowUs: number, burst: number, level: number): void {
    this.#words[at + field.v0] = (this.#words[at + field.tat] as number) - (burst - level);
    const t0 = (at >> 1) + field.t0Us;
    this.#numbers[t0] = Math.max(nowUs, this.#numbers[t0] as number);
  }

  #freeSlotOf(low: number, high: number): number {
    const first = (high & this.#bucketMask) * SLOTS_PER_BUCKET;
    const start = low >>> 29;
    for (let probe = 0; probe < SLOTS_PER_BUCKET; probe++) {
      const slot = first + ((start + probe) & 7);
      const at = wordOf(slot);
      if (this.#words[at + field.hashLow] === 0 && this.#words[at + field.hashHigh] === 0) return slot;
    }
    return NO_LEASE;
  }

  /** A slot without tokens is another key's, or nobody's, from now on. */
  #rename(slot: number, low: number, high: number): void {
    const words = this.#words;
    const at = wordOf(slot);
    const sequence = Atomics.add(words, at, 1);
    this.#stopCharges(slot, 0);
    this.#numbers[(at >> 1) + field.untilUs] = 0;
    words[at + field.creditMax] = 0;
    const owner = Atomics.load(words, at + field.credit) & ~OWED_MASK;
    Atomics.store(words, at + field.credit, (owner + OWNER_ONE) | 0);
    words[at + field.hashLow] = low;
    words[at + field.hashHigh] = high;
    Atomics.store(words, at, sequence + 2);
  }

  /** Within a change. @returns the level that no charge takes from any more */
  #stopCharges(slot: number, nowUs: number): number {
    const at = wordOf(slot) + field.tat;
    // Nobody begins a charge now: only those that have begun can be in the way, one each of 64 workers.
    for (;;) {
      const tat = Atomics.load(this.#words, at);
      if (Atomics.compareExchange(this.#words, at, tat, (tat + 1) | 0) === tat) return this.#levelAt(slot, tat, nowUs);
    }
  }

  #levelAt(slot: number, tat: number, nowUs: number): number {
    const at = wordOf(slot);
    const numbers = this.#numbers;
    if (nowUs >= (numbers[(at >> 1) + field.untilUs] as number)) return 0;
    const passed = unitsSince(
      nowUs,
      numbers[(at >> 1) + field.t0Us] as number,
      numbers[(at >> 1) + field.unitsPerUs] as number,
    );
    const debt = (tat - (this.#words[at + field.v0] as number) - Math.floor(passed)) | 0;
    return Math.max(0, (this.#words[at + field.burst] as number) - Math.max(0, debt));
  }
}

/** @hot */
function wordOf(slot: number): number {
  return (HEADER_BYTES + SLOT_BYTES * slot) >> 2;
}

/** A reading from before the terms came into force is as good as that moment. @hot */
function unitsSince(nowUs: number, t0Us: number, unitsPerUs: number): number {
  return nowUs > t0Us ? (nowUs - t0Us) * unitsPerUs : 0;
}

/** @hot */
function empty(out: LeaseReading, waitUs: number): number {
  out.remaining = 0;
  out.waitUs = waitUs;
  return LEASE_EMPTY;
}
