// The durable counters of quotas: how much of each window has been handed out in blocks. LMDB in gateway.data, on disk before a
// block is spent. Several processes may have it open: each take is one transaction.

import { createRequire } from 'node:module';
import type { RootDatabase } from 'lmdb';
import type { CountedWindow, QuotaCounters, ReturnedBlock, Taken } from '../quota-counters.ts';
import { blockOf } from './block-of.ts';

interface Counter {
  readonly taken: number;
  /** Milliseconds since 1970; after that nobody asks. */
  readonly endMs: number;
}

// Loaded when there is a quota: every gateway's start would cost 60 ms more.
const require = createRequire(import.meta.url);

// Clocks of two processes differ, and a block of yesterday may still be given back.
const KEPT_MS = 86_400_000;
const MAP_BYTES = 2 ** 30;

const PRUNE_MS = 3_600_000;

export class QuotaStore implements QuotaCounters {
  readonly isShared = false;
  readonly #folder: string;
  #db: RootDatabase<Counter, string> | undefined;
  #prunedMs = 0;

  /** @param folder  made, and opened, at the first need */
  constructor(folder: string) {
    this.#folder = folder;
  }

  async take({ id, max, endMs }: CountedWindow, wanted: number): Promise<Taken> {
    const db = this.#open();
    return db.transaction((): Taken => {
      const { taken = 0 } = db.get(id) ?? {};
      const granted = blockOf(Math.max(0, max - taken), wanted);
      if (granted > 0) void db.put(id, { taken: taken + granted, endMs });
      return { granted, left: Math.max(0, max - taken - granted) };
    });
  }

  async giveBack(blocks: readonly ReturnedBlock[]): Promise<void> {
    const db = this.#open();
    await db.transaction(() => {
      for (const { id, count } of blocks) {
        const counter = db.get(id);
        if (counter !== undefined) void db.put(id, { ...counter, taken: Math.max(0, counter.taken - count) });
      }
    });
  }

  /** Forgets windows that are over, each hour. */
  tick(nowMs: number): void {
    if (this.#db === undefined || nowMs < this.#prunedMs + PRUNE_MS) return;
    this.#prunedMs = nowMs;
    // Whatever is wrong shows at the next take.
    this.#prune(this.#db, nowMs).catch(() => {});
  }

  async close(): Promise<void> {
    await this.#db?.close();
    this.#db = undefined;
  }

  async #prune(db: RootDatabase<Counter, string>, nowMs: number): Promise<void> {
    const over = [...db.getRange()].filter(({ value }) => value.endMs + KEPT_MS < nowMs);
    if (over.length === 0) return;
    await db.transaction(() => {
      for (const { key } of over) void db.remove(key);
    });
  }

  /** @throws when it cannot be used */
  #open(): RootDatabase<Counter, string> {
    if (this.#db !== undefined) return this.#db;
    const { open } = require('lmdb') as typeof import('lmdb', { with: { 'resolution-mode': 'require' }});
    // No overlapping sync: what a transaction says is on the disk when it has ended.
    this.#db = open<Counter, string>({
      path: this.#folder,
      overlappingSync: false,
      mapSize: MAP_BYTES,
      noSubdir: false,
    });
    return this.#db;
  }
}
