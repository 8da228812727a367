// Where the audit log lies: LMDB in the data folder, or the Redis that instances share.

import type { AuditHead } from './audit-entry.ts';

export interface AuditStore {
  /** @throws when the store gives no answer; so do the others */
  head(): Promise<AuditHead>;
  /**
   * Append one entry, if `head` is the last one still. The same call twice appends once.
   * @param line  the entry
   * @returns when it is kept; false: others have appended meanwhile
   */
  append(head: AuditHead, line: string, next: AuditHead): Promise<boolean>;
  /** @param after  a sequence @returns the entries that follow it, in order */
  read(after: number, count: number): Promise<readonly string[]>;
  close(): Promise<void>;
}
