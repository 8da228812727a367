// The audit log of one instance: LMDB in gateway.data. Every entry is on the disk before it is acknowledged. Two processes may
// append (a take-over): each append is one transaction.

import { createRequire } from 'node:module';
import type { RootDatabase } from 'lmdb';
import { type AuditHead, EMPTY_HEAD } from './audit-entry.ts';
import type { AuditStore } from './audit-store.ts';

// Of address space; the file grows with the entries, some 700 bytes each.
const MAP_BYTES = 2 ** 34;
const ENTRIES = 'e\n';
const ENTRIES_END = 'e\u000b';
// Lexical order is that of sequences.
const SEQUENCE_DIGITS = 16;

const require = createRequire(import.meta.url);

export class LmdbAuditStore implements AuditStore {
  readonly #db: RootDatabase<string | AuditHead, string>;

  /** @param folder  made if need be, unless it is only read @throws when it cannot be used */
  constructor(folder: string, readOnly = false) {
    const { open } = require('lmdb') as typeof import('lmdb', { with: { 'resolution-mode': 'require' }});
    this.#db = open<string | AuditHead, string>({
      path: folder,
      overlappingSync: false,
      mapSize: MAP_BYTES,
      noSubdir: false,
      readOnly,
    });
  }

  async head(): Promise<AuditHead> {
    return this.#head();
  }

  append(head: AuditHead, line: string, next: AuditHead): Promise<boolean> {
    return this.#db.transaction(() => {
      const current = this.#head();
      if (current.hash === next.hash) return true;
      if (current.hash !== head.hash || current.sequence !== head.sequence) return false;
      void this.#db.put(keyOf(next.sequence), line);
      void this.#db.put('head', { sequence: next.sequence, hash: next.hash });
      return true;
    });
  }

  async read(after: number, count: number): Promise<readonly string[]> {
    const range = this.#db.getRange({ start: keyOf(after + 1), end: ENTRIES_END, limit: count });
    return [...range].map(({ value }) => value as string);
  }

  async close(): Promise<void> {
    await this.#db.close();
  }

  #head(): AuditHead {
    return (this.#db.get('head') as AuditHead | undefined) ?? EMPTY_HEAD;
  }
}

function keyOf(sequence: number): string {
  return `${ENTRIES}${String(sequence).padStart(SEQUENCE_DIGITS, '0')}`;
}
