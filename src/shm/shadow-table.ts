// What policies in shadow mode would have refused: counters by policy and error, one bank per worker.
//
//   offset                        type  field        unit           written by   meaning
//   ---------------------------------------------------------------------------------------------------------------
//   0                             u32   magic        -              main, once   0x51C1CE10
//   4                             u32   workerCount  -              main, once   banks that follow
//   64 + 256·e + 0                u32   state        0 | 1 | 2      its maker    of entry e: FREE, BEING_NAMED, NAMED
//   64 + 256·e + 4                u32   errorId      -              its maker    what the policy would have answered
//   64 + 256·e + 8                u32   nameBytes    bytes          its maker    length of name
//   64 + 256·e + 64               -     name         latin1         its maker    the policy's place: shop.get-order.rate-limit.1
//   262,208 + 8,192·w + 4·e       u32   counts[e]    count mod 2³²  worker w     refusals that were none
//   262,208 + 8,192·w + 4,096     u32   high[1,024]  count ÷ 2³¹    worker w     as in wide-counter.ts
//
// Entries 0 to 63 have no name: entry n counts error n for policies that found no entry of their own, so that a sum over an
// error is exact whatever happens.
//
// PROTOCOL. An entry is claimed by compare-and-swap FREE → BEING_NAMED, filled, and stored as NAMED; it is never given back. Who
// meets an entry that is being named passes it over, though it may be the same policy's: then there are two, and readers
// add them up. A thread that is killed while it names an entry costs that entry.
// LIMITS. 960 pairs of a policy and an error in the life of a process; names of 192 bytes, cut beyond.

import { assert } from '../base/assert.ts';
import { hashName } from '../base/hash.ts';
import type { ShadowIndex, WorkerIndex } from '../base/ids.ts';
import { countOne, readCount } from './wide-counter.ts';

export const SHADOW_ENTRY_COUNT = 1_024;

const MAGIC = 0x51c1ce10;
const HEADER_BYTES = 64;
const ENTRY_BYTES = 256;
const NAME_BYTE = 64;
const NAME_BYTES_MAX = ENTRY_BYTES - NAME_BYTE;
// As many as a series table counts errors by.
const NAMELESS_COUNT = 64;
const BANKS_BYTE = HEADER_BYTES + ENTRY_BYTES * SHADOW_ENTRY_COUNT;
const BANK_WORDS = 2 * SHADOW_ENTRY_COUNT;

const FREE = 0;
const BEING_NAMED = 1;
const NAMED = 2;

export const shadowTableLayout = {
  headerBytes: HEADER_BYTES,
  header: { magic: 0, workerCount: 4 },
  entryBytes: ENTRY_BYTES,
  entry: { state: 0, errorId: 4, nameBytes: 8, name: NAME_BYTE },
  banksByte: BANKS_BYTE,
  bankBytes: BANK_WORDS * 4,
  bank: { counts: 0, high: SHADOW_ENTRY_COUNT * 4 },
} as const;

export interface ShadowCount {
  /** '' for policies that found no room. */
  readonly place: string;
  readonly errorId: number;
  readonly count: number;
}

export class ShadowTable {
  readonly buffer: SharedArrayBuffer;
  readonly workerCount: number;
  readonly #words: Uint32Array;
  readonly #bytes: Buffer;

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.#words = new Uint32Array(buffer);
    assert(this.#words[0] === MAGIC, 'the buffer is a shadow table');
    this.#bytes = Buffer.from(buffer);
    this.workerCount = this.#words[1] ?? 0;
  }

  static create(workerCount: number): ShadowTable {
    const buffer = new SharedArrayBuffer(BANKS_BYTE + BANK_WORDS * 4 * workerCount);
    new Uint32Array(buffer).set([MAGIC, workerCount]);
    return new ShadowTable(buffer);
  }

  /**
   * The entry of a policy and an error, made when there is none yet. To be kept by the caller: it compares names.
   * @param place  latin1
   * @throws  never (data plane)
   */
  entryOf(place: string, errorId: number): ShadowIndex {
    const name = place.slice(0, NAME_BYTES_MAX);
    const named = SHADOW_ENTRY_COUNT - NAMELESS_COUNT;
    const start = (hashName(name).low >>> 0) + errorId;
    for (let probe = 0; probe < named; probe++) {
      const entry = (NAMELESS_COUNT + ((start + probe) % named)) as ShadowIndex;
      const at = entryWord(entry);
      const state = Atomics.load(this.#words, at);
      if (state === NAMED && this.#words[at + 1] === errorId && this.#nameOf(entry) === name) return entry;
      if (state !== FREE || Atomics.compareExchange(this.#words, at, FREE, BEING_NAMED) !== FREE) continue;
      this.#words[at + 1] = errorId;
      this.#words[at + 2] = this.#bytes.write(name, at * 4 + NAME_BYTE, 'latin1');
      Atomics.store(this.#words, at, NAMED);
      return entry;
    }
    return (errorId % NAMELESS_COUNT) as ShadowIndex;
  }

  /** @hot */
  count(worker: WorkerIndex, entry: ShadowIndex): void {
    const at = bankWord(worker) + entry;
    countOne(this.#words, at, at + SHADOW_ENTRY_COUNT);
  }

  /** What all workers counted, each pair of a place and an error once. From any thread. */
  counts(): readonly ShadowCount[] {
    const sums = new Map<string, ShadowCount>();
    for (let index = 0; index < SHADOW_ENTRY_COUNT; index++) {
      const entry = index as ShadowIndex;
      const at = entryWord(entry);
      const isNameless = index < NAMELESS_COUNT;
      if (!isNameless && Atomics.load(this.#words, at) !== NAMED) continue;
      const place = isNameless ? '' : this.#nameOf(entry);
      const errorId = isNameless ? index : (this.#words[at + 1] as number);
      const key = `${errorId} ${place}`;
      const count = this.#countOf(entry) + (sums.get(key)?.count ?? 0);
      if (count > 0) sums.set(key, { place, errorId, count });
    }
    return [...sums.values()];
  }

  #countOf(entry: ShadowIndex): number {
    let count = 0;
    for (let worker = 0; worker < this.workerCount; worker++) {
      const at = bankWord(worker as WorkerIndex) + entry;
      count += readCount(this.#words, at, at + SHADOW_ENTRY_COUNT);
    }
    return count;
  }

  #nameOf(entry: ShadowIndex): string {
    const at = entryWord(entry);
    const start = at * 4 + NAME_BYTE;
    return this.#bytes.toString('latin1', start, start + (this.#words[at + 2] as number));
  }
}

function entryWord(entry: ShadowIndex): number {
  return (HEADER_BYTES + ENTRY_BYTES * entry) / 4;
}

function bankWord(worker: WorkerIndex): number {
  return BANKS_BYTE / 4 + BANK_WORDS * worker;
}
