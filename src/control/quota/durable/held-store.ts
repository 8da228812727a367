// What this instance has had of quotas over instances, window by window, for as long as the windows last: what a Redis that has
// lost its data is told. LMDB in gateway.data, on disk before a token is spent.
//
// NAMES. A data folder has one name, made with it: the instance's. Its processes are lives, numbered. Lives take turns in
// SEAT_COUNT seats, each with a name and a total of its own in Redis, so that a process that takes over and the one that it
// takes over from do not answer for each other's requests; a life's sequences begin above all those of the lives before. After
// SEAT_COUNT lives a seat is taken again, with its total. Totals grow by transactions: two processes on one seat
// (five in a row that overlap) still count right.

import { randomBytes, randomInt } from 'node:crypto';
import { createRequire } from 'node:module';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { RootDatabase } from 'lmdb';

export const SEAT_COUNT = 4;

export interface HeldTotal {
  readonly id: string;
  /** Its name in Redis. */
  readonly holder: string;
  readonly total: number;
  readonly endMs: number;
  /** For list(): those after this one. */
  readonly key: string;
}

/** LMDB in the data folder, or a test's. */
export interface HeldTotals {
  /** This life's name in Redis. */
  readonly holder: string;
  /** Of this life, less 1. */
  readonly firstSequence: number;
  /** The store that has heard of all totals; '' for none. */
  readonly marker: string;
  totalOf(id: string): number;
  /** @returns the total, when it is on disk */
  add(id: string, tokens: number, endMs: number): Promise<number>;
  /** Of all lives, in the order of their keys. @param after  a key, '' for the first */
  list(after: string, count: number): readonly HeldTotal[];
  settle(marker: string): Promise<void>;
  /** Forget windows that are over. */
  prune(nowMs: number): Promise<void>;
  close(): Promise<void>;
}

interface Counter {
  readonly total: number;
  readonly endMs: number;
}

const NAME_BYTES = 8;
// A life has so many sequences: at 1,000 requests a second, for seven weeks beyond 2^31. 2^53 holds two million lives.
const SEQUENCES_PER_LIFE = 2 ** 32;
// Where a life begins in them. In a folder that was copied there are two of the same life: they must not be taken for one that repeats.
const SEQUENCE_OFFSET_MAX = 2 ** 31;
const MAP_BYTES = 2 ** 30;
// Clocks of instances differ.
const KEPT_MS = 86_400_000;
const PRUNE_COUNT = 512;
const TOTALS = 't\n';
const TOTALS_END = 't\u000b';

const require = createRequire(import.meta.url);

export class HeldStore implements HeldTotals {
  readonly holder: string;
  readonly firstSequence: number;
  readonly #db: RootDatabase<Counter | string | number, string>;
  readonly #name: string;
  readonly #seat: number;
  #marker: string;

  /** @param folder  made if need be @throws when it cannot be used */
  static async open(folder: string): Promise<HeldStore> {
    const { open } = require('lmdb') as typeof import('lmdb', { with: { 'resolution-mode': 'require' }});
    const db = open<Counter | string | number, string>({
      path: folder,
      overlappingSync: false,
      mapSize: MAP_BYTES,
      noSubdir: false,
    });
    const { name, life } = await db.transaction(() => {
      const kept = db.get('name') as string | undefined;
      const named = kept ?? randomBytes(NAME_BYTES).toString('hex');
      const next = ((db.get('life') as number | undefined) ?? 0) + 1;
      if (kept === undefined) void db.put('name', named);
      void db.put('life', next);
      return { name: named, life: next };
    });
    return new HeldStore(db, name, life);
  }

  private constructor(db: RootDatabase<Counter | string | number, string>, name: string, life: number) {
    this.#db = db;
    this.#name = name;
    this.#seat = life % SEAT_COUNT;
    this.holder = `${name}${this.#seat}`;
    this.firstSequence = life * SEQUENCES_PER_LIFE + randomInt(SEQUENCE_OFFSET_MAX);
    this.#marker = (db.get('marker') as string | undefined) ?? '';
  }

  get marker(): string {
    return this.#marker;
  }

  totalOf(id: string): number {
    return this.#counter(this.#key(id))?.total ?? 0;
  }

  add(id: string, tokens: number, endMs: number): Promise<number> {
    const key = this.#key(id);
    return this.#db.transaction(() => {
      const total = Math.max(0, (this.#counter(key)?.total ?? 0) + tokens);
      void this.#db.put(key, { total, endMs });
      return total;
    });
  }

  list(after: string, count: number): readonly HeldTotal[] {
    const range = { start: after === '' ? TOTALS : after, end: TOTALS_END, exclusiveStart: true, limit: count };
    return [...this.#db.getRange(range)].map(({ key, value }) => {
      const [, seat = '', ...id] = key.split('\n');
      return { ...(value as Counter), id: id.join('\n'), holder: `${this.#name}${seat}`, key };
    });
  }

  async settle(marker: string): Promise<void> {
    await this.#db.put('marker', marker);
    this.#marker = marker;
  }

  async prune(nowMs: number): Promise<void> {
    // In slices: others need this thread.
    for (let batch = this.list('', PRUNE_COUNT); batch.length > 0; ) {
      const over = batch.filter(({ endMs }) => endMs + KEPT_MS < nowMs);
      const after = batch.at(-1)?.key as string;
      if (over.length > 0) {
        await this.#db.transaction(() => {
          for (const { key } of over) void this.#db.remove(key);
        });
      }
      await nextTurn();
      batch = this.list(after, PRUNE_COUNT);
    }
  }

  close(): Promise<void> {
    return this.#db.close();
  }

  #counter(key: string): Counter | undefined {
    return this.#db.get(key) as Counter | undefined;
  }

  #key(id: string): string {
    return `${TOTALS}${this.#seat}\n${id}`;
  }
}
