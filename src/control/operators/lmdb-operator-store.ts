// Operators of one instance: LMDB in gateway.data, on disk before a change is acknowledged. Two processes may have it open
// (a take-over, `sluice operators recover`): each change is one transaction.

import { createRequire } from 'node:module';
import type { RootDatabase } from 'lmdb';
import type { OperatorStore, StoredBook } from './operator-store.ts';

const MAP_BYTES = 2 ** 28;
const BOOK = 'book';
const USED = 'u\n';
const USED_END = 'u\u000b';

const require = createRequire(import.meta.url);

export class LmdbOperatorStore implements OperatorStore {
  readonly #db: RootDatabase<StoredBook | number, string>;

  /** @param folder  made if need be @throws when it cannot be used */
  constructor(folder: string) {
    const { open } = require('lmdb') as typeof import('lmdb', { with: { 'resolution-mode': 'require' }});
    this.#db = open<StoredBook | number, string>({
      path: folder,
      overlappingSync: false,
      mapSize: MAP_BYTES,
      noSubdir: false,
    });
  }

  async read(known: number): Promise<StoredBook | undefined> {
    const book = this.#book();
    return book.version === known ? undefined : book;
  }

  write(expected: number, text: string): Promise<boolean> {
    return this.#db.transaction(() => {
      const current = this.#book();
      if (current.version === expected + 1 && current.text === text) return true;
      if (current.version !== expected) return false;
      void this.#db.put(BOOK, { version: expected + 1, text });
      return true;
    });
  }

  async uses(): Promise<ReadonlyMap<string, number>> {
    const range = this.#db.getRange({ start: USED, end: USED_END });
    return new Map([...range].map(({ key, value }) => [key.slice(USED.length), value as number]));
  }

  async noteUses(uses: ReadonlyMap<string, number>, gone: readonly string[]): Promise<void> {
    await this.#db.transaction(() => {
      for (const [id, ms] of uses) void this.#db.put(`${USED}${id}`, ms);
      for (const id of gone) void this.#db.remove(`${USED}${id}`);
    });
  }

  async close(): Promise<void> {
    await this.#db.close();
  }

  #book(): StoredBook {
    return (this.#db.get(BOOK) as StoredBook | undefined) ?? { version: 0, text: '' };
  }
}
