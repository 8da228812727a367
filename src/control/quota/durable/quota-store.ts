// The durable counters of quotas: how much of each window has been handed out in blocks. LMDB in gateway.data, on disk before a
// block is spent. Several processes may have it open: each take is one transaction.

import { createRequire } from 'node:module';
import type { RootDatabase } from 'lmdb';
import { blockOf } from './block-of.ts';

interface Counter {
  readonly taken: number;
  /** Milliseconds since 1970; after that nobody asks. */
  readonly endMs: number;
}

export interface Taken {
  readonly granted: number;
  /** What can still be taken afterwards. */
  readonly left: number;
}

// Loaded when there is a quota: every gateway's start would cost 60 ms more.
const require = createRequire(import.meta.url);

// Clocks of two processes differ, and a block of yesterday may still be given back.
const KEPT_MS = 86_400_000;
const MAP_BYTES = 2 ** 30;

export class QuotaStore {
  readonly #db: RootDatabase<Counter, string>;

  /** @param folder  made if need be @throws when it cannot be used */
  constructor(folder: string) {
    const { open } = require('lmdb') as typeof import('lmdb', { with: { 'resolution-mode': 'require' }});
    // No overlapping sync: what a transaction says is on the disk when it has ended.
    this.#db = open<Counter, string>({ path: folder, overlappingSync: false, mapSize: MAP_BYTES, noSubdir: false });
  }

  /** @param max  of the window @param wanted  requests; fewer are granted as the end comes near */
  take(id: string, max: number, wanted: number, endMs: number): Promise<Taken> {
    return this.#db.transaction((): Taken => {
      const { taken = 0 } = this.#db.get(id) ?? {};
      const granted = blockOf(Math.max(0, max - taken), wanted);
      if (granted > 0) void this.#db.put(id, { taken: taken + granted, endMs });
      return { granted, left: Math.max(0, max - taken - granted) };
    });
  }

  /** What was granted and is not going to be used. */
  async giveBack(blocks: readonly { readonly id: string; readonly count: number }[]): Promise<void> {
    await this.#db.transaction(() => {
      for (const { id, count } of blocks) {
        const counter = this.#db.get(id);
        if (counter !== undefined) void this.#db.put(id, { ...counter, taken: Math.max(0, counter.taken - count) });
      }
    });
  }

  /** Forget windows that are over. */
  async prune(nowMs: number): Promise<void> {
    const over = [...this.#db.getRange()].filter(({ value }) => value.endMs + KEPT_MS < nowMs);
    if (over.length === 0) return;
    await this.#db.transaction(() => {
      for (const { key } of over) void this.#db.remove(key);
    });
  }

  close(): Promise<void> {
    return this.#db.close();
  }
}
