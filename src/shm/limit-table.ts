// Rate limits: what a token is worth and how virtual time runs, per limit; and the slots of their keys.
//
//   offset            type     field            unit        written by      meaning
//   -------------------------------------------------------------------------------------------------------------------
//   0                 u32      magic            -           main, once      0x51C1CE05
//   4                 u32      limitCount       -           main, once      entries that follow
//   8                 u32      slotCount        -           main, once
//   64 + 384·i + 0    u32      sequence         count       main            number of the current record
//   64 + 384·i + 4    i32      idLow            -           main            the limit's identity, for dumps
//   64 + 384·i + 8    i32      idHigh           -           main
//   64 + 384·i + 12   u32      used             0 | 1       main
//   64 + 384·i + 64   i32[2]   overflowTat      2⁻ᵏ tokens  workers, main   shared arrival times; of generation g: [g & 1]
//   64 + 384·i + 72   u32      overflowCount    count       workers         decisions taken in an overflow word
//   64 + 384·i + 76   u32      busyCount        count       workers         refusals because other threads were in the way
//   record r of 4, at 64 + 384·i + 128 + 64·r:
//     + 0             i32      v0               2⁻ᵏ tokens  main            virtual time at t0, modulo 2³²
//     + 4, + 8        u32 × 2  t0Low, t0High    µs          main            when the record comes into force, monotonic
//     + 12            u32      mantissa         -           main            2³⁰ to 2³¹ − 1
//     + 16            u32      shift            bits        main            units per µs = mantissa · 2^−shift, exactly
//     + 20            u32      resolution       bits        main            k: 2ᵏ units are a token
//     + 24            u32      burst            tokens      main
//     + 28            u32      generation       mod 2¹⁶     main            which slots and overflow word hold its units
//     + 32            u32      staleUnits       2⁻ᵏ tokens  main            a slot that reads further ahead is idle
//     + 36            u32      startDebtUnits   2⁻ᵏ tokens  main            debt at t0 of a key without a slot
//     + 40            u32      debtUnitsMax     2⁻ᵏ tokens  main            largest debt that a slot may have at t0
//     + 44            u32      follows          0 | 1       main            1: before t0 the record before is in force
//     + 48            u32      algorithm        0, 1, 2     main            GCRA, fixed window, sliding window
//     + 52            u32      windowMs         ms          main            of the windows; 0 for GCRA
//     + 56, + 60      u32, i32 alignLow, High   µs          main            when some window begins, monotonic; may be negative
//   64 + 384·L        -        slots            -           workers, main   slot-index.ts
//   C + 64·s          i32[16]  cells            count       workers         of slot s, where its limit's window slides
//
// with L limits; C is the next multiple of 64 behind the slots. Of windows, an arrival time is no time: a window's number and a
// count, see src/gateway/limiter/window-state.ts. INVARIANTS. The main thread alone writes entries, but for overflow words and counts. Record n of a limit
// stands in ring place n & 3 and is immutable until record n + 4. Record n + 1 is written only when record n is in force
// (t0 has passed), so that record n + 1 and its predecessor tell the virtual time of every reading.
//
// PROTOCOL of a change. The main thread writes the record, with t0 SWITCH_LEAD_US ahead, then the sequence. A worker reads
// its clock, then the sequence: if that is unchanged, the new record was not out at the time of the reading, hence t0 lies
// later, and the old record is right. So virtual time is one function of time, the same for all threads, through every
// change. A plain read of the sequence will do: the lead (50 ms) is longer than any store takes to become visible.
// A worker that is overtaken while it copies a record sees the sequence moved, and copies again.
// A new generation means new units: its overflow word is written before the sequence; slots carry it in their tag.
//
// LIMITS. 16,384 limits. Reuse of an entry needs a sweep that met no slot of it. If the main thread is stopped for longer
// than the lead between its clock and the sequence store, workers use the old rate for that much longer (counted by the
// registry). Words of 2³² count modulo.

import { assert } from '../base/assert.ts';
import type { LimitIndex } from '../base/ids.ts';
import { SLOT_LIMIT_COUNT_MAX, SlotIndex } from './slot-index.ts';

export const LIMIT_COUNT = 16_384;
/** For 65,536 keys in debt: a table that is half full gives one key in 200 no slot of its own. */
export const LIMIT_SLOT_COUNT = 131_072;

const MAGIC = 0x51c1ce05;
const HEADER_BYTES = 64;
const ENTRY_BYTES = 384;
const RECORDS_BYTE = 128;
const RECORD_BYTES = 64;
const RECORD_COUNT = 4;
const TWO_32 = 2 ** 32;
const COPY_ATTEMPTS_MAX = 1_000;

/** How finely a sliding window slides: fifteen of them are a window. */
export const CELLS_PER_SLOT = 16;

/** How a limit counts. */
export const Algorithm = { GCRA: 0, FIXED: 1, SLIDING: 2 } as const;
export type Algorithm = (typeof Algorithm)[keyof typeof Algorithm];

export const limitTableLayout = {
  headerBytes: HEADER_BYTES,
  entryBytes: ENTRY_BYTES,
  recordsByte: RECORDS_BYTE,
  recordBytes: RECORD_BYTES,
  recordCount: RECORD_COUNT,
  header: { magic: 0, limitCount: 4, slotCount: 8 },
  entry: { sequence: 0, idLow: 4, idHigh: 8, used: 12, overflowTat: 64, overflowCount: 72, busyCount: 76 },
  record: {
    v0: 0,
    t0Low: 4,
    t0High: 8,
    mantissa: 12,
    shift: 16,
    resolution: 20,
    burst: 24,
    generation: 28,
    staleUnits: 32,
    startDebtUnits: 36,
    debtUnitsMax: 40,
    follows: 44,
    algorithm: 48,
    windowMs: 52,
    alignLow: 56,
    alignHigh: 60,
  },
  cellsBytes: 4 * CELLS_PER_SLOT,
} as const;

const entry = limitTableLayout.entry;
const record = limitTableLayout.record;

/** How a limit's virtual time runs from t0 on, and what it admits. */
export interface LimitRecord {
  readonly v0: number;
  /** Whole microseconds. */
  readonly t0Us: number;
  readonly mantissa: number;
  readonly shift: number;
  readonly resolution: number;
  readonly burst: number;
  readonly generation: number;
  readonly staleUnits: number;
  readonly startDebtUnits: number;
  readonly debtUnitsMax: number;
  readonly follows: boolean;
  readonly algorithm: Algorithm;
  /** 0 for GCRA. */
  readonly windowMs: number;
  /** When some window begins, µs of the monotonic clock; whole, and perhaps negative. */
  readonly alignUs: number;
}

export type MutableLimitRecord = { -readonly [Field in keyof LimitRecord]: LimitRecord[Field] };

export class LimitTable {
  readonly buffer: SharedArrayBuffer;
  readonly limitCount: number;
  readonly slots: SlotIndex;
  readonly #words: Int32Array;
  /** Word of slot 0's cells. */
  readonly #cellsAt: number;

  constructor(buffer: SharedArrayBuffer) {
    assert(buffer.byteLength >= HEADER_BYTES, 'a limit table has a header');
    this.buffer = buffer;
    this.#words = new Int32Array(buffer);
    assert(this.#words[0] === (MAGIC | 0), 'the buffer is a limit table');
    this.limitCount = this.#words[1] as number;
    this.slots = new SlotIndex(buffer, HEADER_BYTES + ENTRY_BYTES * this.limitCount, this.#words[2] as number);
    this.#cellsAt = cellsByte(this.limitCount, this.slots.slotCount) / 4;
  }

  static create(limitCount = LIMIT_COUNT, slotCount = LIMIT_SLOT_COUNT): LimitTable {
    assert(limitCount >= 1 && limitCount <= SLOT_LIMIT_COUNT_MAX, 'a slot has 14 bits for its limit');
    const buffer = new SharedArrayBuffer(cellsByte(limitCount, slotCount) + 4 * CELLS_PER_SLOT * slotCount);
    new Int32Array(buffer).set([MAGIC | 0, limitCount, slotCount]);
    return new LimitTable(buffer);
  }

  /** Plain: see the protocol of a change. @hot */
  sequenceOf(limit: LimitIndex): number {
    return this.#words[(HEADER_BYTES + ENTRY_BYTES * limit) >> 2] as number;
  }

  /**
   * Copy the record that is in force at a time.
   * @param nowUs  a reading that this thread made before the call
   * @returns the sequence that it was found under
   */
  copyRecord(limit: LimitIndex, nowUs: number, into: MutableLimitRecord): number {
    const words = this.#words;
    const at = this.#wordOf(limit, entry.sequence);
    for (let attempt = 0; attempt < COPY_ATTEMPTS_MAX; attempt++) {
      const sequence = Atomics.load(words, at);
      this.#copy(limit, sequence, into);
      if (into.follows && nowUs < into.t0Us) this.#copy(limit, sequence - 1, into);
      if (Atomics.load(words, at) === sequence) return sequence;
    }
    // The main thread writes a limit's record at most once per lead: a copy of 200 ns cannot be overtaken a thousand times.
    assert(false, 'a record is copied between two changes');
  }

  /** When the newest record comes into force. */
  newestStartUs(limit: LimitIndex): number {
    const at = this.#recordWordOf(limit, Atomics.load(this.#words, this.#wordOf(limit, entry.sequence)));
    return this.#startUsAt(at);
  }

  overflowTat(limit: LimitIndex, generation: number): number {
    return Atomics.load(this.#words, this.#wordOf(limit, entry.overflowTat) + (generation & 1));
  }

  exchangeOverflowTat(limit: LimitIndex, generation: number, from: number, to: number): boolean {
    const at = this.#wordOf(limit, entry.overflowTat) + (generation & 1);
    return Atomics.compareExchange(this.#words, at, from, to) === from;
  }

  countOverflow(limit: LimitIndex): void {
    Atomics.add(this.#words, this.#wordOf(limit, entry.overflowCount), 1);
  }

  countBusy(limit: LimitIndex): void {
    Atomics.add(this.#words, this.#wordOf(limit, entry.busyCount), 1);
  }

  overflowCount(limit: LimitIndex): number {
    return Atomics.load(this.#words, this.#wordOf(limit, entry.overflowCount)) >>> 0;
  }

  /** Decisions in overflow words, of all limits that were ever here. */
  overflowTotal(): number {
    let total = 0;
    for (let limit = 0 as LimitIndex; limit < this.limitCount; limit++) total += this.overflowCount(limit);
    return total;
  }

  busyCount(limit: LimitIndex): number {
    return Atomics.load(this.#words, this.#wordOf(limit, entry.busyCount)) >>> 0;
  }

  /** @param cell  0 to 15 */
  cellOf(slot: number, cell: number): number {
    return Atomics.load(this.#words, this.#cellsAt + slot * CELLS_PER_SLOT + cell);
  }

  exchangeCell(slot: number, cell: number, from: number, to: number): boolean {
    return Atomics.compareExchange(this.#words, this.#cellsAt + slot * CELLS_PER_SLOT + cell, from, to) === from;
  }

  /** Of a slot between open() and publish(), which nobody else sees. */
  startCells(slot: number, cell: number, value: number): void {
    const first = this.#cellsAt + slot * CELLS_PER_SLOT;
    for (let other = 0; other < CELLS_PER_SLOT; other++)
      Atomics.store(this.#words, first + other, other === cell ? value : 0);
  }

  // What follows is the main thread's.

  isUsed(limit: LimitIndex): boolean {
    return this.#words[this.#wordOf(limit, entry.used)] === 1;
  }

  claim(limit: LimitIndex, idLow: number, idHigh: number): void {
    assert(!this.isUsed(limit), 'a claimed entry is unused');
    const at = this.#wordOf(limit, 0);
    this.#words[at + 1] = idLow;
    this.#words[at + 2] = idHigh;
    this.#words[at + 3] = 1;
  }

  vacate(limit: LimitIndex): void {
    this.#words[this.#wordOf(limit, entry.used)] = 0;
  }

  /** Of the newest record. */
  generationOf(limit: LimitIndex): number {
    const at = this.#recordWordOf(limit, Atomics.load(this.#words, this.#wordOf(limit, entry.sequence)));
    return this.#words[at + (record.generation >> 2)] as number;
  }

  /** Publish the record that follows. Its predecessor, if there is one, must be in force. */
  writeRecord(limit: LimitIndex, next: LimitRecord): void {
    const words = this.#words;
    const sequence = ((words[this.#wordOf(limit, entry.sequence)] as number) + 1) | 0;
    const at = this.#recordWordOf(limit, sequence);
    words[at + (record.v0 >> 2)] = next.v0;
    words[at + (record.t0Low >> 2)] = next.t0Us % TWO_32;
    words[at + (record.t0High >> 2)] = Math.floor(next.t0Us / TWO_32);
    words[at + (record.mantissa >> 2)] = next.mantissa;
    words[at + (record.shift >> 2)] = next.shift;
    words[at + (record.resolution >> 2)] = next.resolution;
    words[at + (record.burst >> 2)] = next.burst;
    words[at + (record.generation >> 2)] = next.generation;
    words[at + (record.staleUnits >> 2)] = next.staleUnits;
    words[at + (record.startDebtUnits >> 2)] = next.startDebtUnits;
    words[at + (record.debtUnitsMax >> 2)] = next.debtUnitsMax;
    words[at + (record.follows >> 2)] = next.follows ? 1 : 0;
    words[at + (record.algorithm >> 2)] = next.algorithm;
    words[at + (record.windowMs >> 2)] = next.windowMs;
    words[at + (record.alignLow >> 2)] = next.alignUs - Math.floor(next.alignUs / TWO_32) * TWO_32;
    words[at + (record.alignHigh >> 2)] = Math.floor(next.alignUs / TWO_32);
    Atomics.store(words, this.#wordOf(limit, entry.sequence), sequence);
  }

  /** Before the first record of a generation is written. */
  startOverflow(limit: LimitIndex, generation: number, tat: number): void {
    Atomics.store(this.#words, this.#wordOf(limit, entry.overflowTat) + (generation & 1), tat);
  }

  #copy(limit: LimitIndex, sequence: number, into: MutableLimitRecord): void {
    const words = this.#words;
    const at = this.#recordWordOf(limit, sequence);
    into.v0 = words[at + (record.v0 >> 2)] as number;
    into.t0Us = this.#startUsAt(at);
    into.mantissa = words[at + (record.mantissa >> 2)] as number;
    into.shift = words[at + (record.shift >> 2)] as number;
    into.resolution = words[at + (record.resolution >> 2)] as number;
    into.burst = words[at + (record.burst >> 2)] as number;
    into.generation = words[at + (record.generation >> 2)] as number;
    into.staleUnits = words[at + (record.staleUnits >> 2)] as number;
    into.startDebtUnits = words[at + (record.startDebtUnits >> 2)] as number;
    into.debtUnitsMax = words[at + (record.debtUnitsMax >> 2)] as number;
    into.follows = words[at + (record.follows >> 2)] === 1;
    into.algorithm = words[at + (record.algorithm >> 2)] as Algorithm;
    into.windowMs = words[at + (record.windowMs >> 2)] as number;
    const alignLow = (words[at + (record.alignLow >> 2)] as number) >>> 0;
    into.alignUs = (words[at + (record.alignHigh >> 2)] as number) * TWO_32 + alignLow;
  }

  #startUsAt(recordWord: number): number {
    const low = (this.#words[recordWord + (record.t0Low >> 2)] as number) >>> 0;
    return (this.#words[recordWord + (record.t0High >> 2)] as number) * TWO_32 + low;
  }

  #wordOf(limit: LimitIndex, byte: number): number {
    return (HEADER_BYTES + ENTRY_BYTES * limit + byte) >> 2;
  }

  #recordWordOf(limit: LimitIndex, sequence: number): number {
    return this.#wordOf(limit, RECORDS_BYTE + RECORD_BYTES * (sequence & (RECORD_COUNT - 1)));
  }
}

function cellsByte(limitCount: number, slotCount: number): number {
  return Math.ceil((HEADER_BYTES + ENTRY_BYTES * limitCount + SlotIndex.byteLength(slotCount)) / 64) * 64;
}
