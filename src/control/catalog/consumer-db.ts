// The consumers and keys that are managed at run time, on disk: LMDB in <data folder>/consumers. One instance has them here and nowhere
// else; of several, each has a copy of what Redis has (consumer-sync.ts), from which it starts, and goes on, while Redis is away.
//
//   key              value
//   ----------------------------------------------------------------------------------------------------------------------
//   c\nNAME          StoredConsumer
//   i\nKEYID         the name of its consumer; of a secret: s\nSHA256
//   l\nVERSION       what the change took away: [digest, untilMs][]; of the last LOG_COUNT changes
//   g\nMS\nNAME       when a consumer was removed, for GONE_MS
//   meta             StoreMeta
//
// Versions number the changes of this folder, one after the other. Several processes may have it open (a take-over): each reads the log
// of what the others did. A change is one transaction, on disk when it has ended.

import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { RootDatabase } from 'lmdb';
import { checkStoreFile } from '../metering/ledger/check-store-file.ts';
import { type CurbedCredential, curbsBetween, type StoredConsumer } from './stored-consumer.ts';

/** Of the data folder. */
export const CONSUMERS_FOLDER = 'consumers';
const VERSION_DIGITS = 15;
// A million consumers with some keys each.
const MAP_BYTES = 2 ** 31;
// Other processes on the folder look four times a second.
const LOG_COUNT = 1_000;
// Copies that are older than this may bring a removed consumer back.
const GONE_MS = 7 * 86_400_000;
const PRUNED_AT_ONCE = 10;
const NAMES = 'c\n';

export interface StoreMeta {
  /** Of the last change; 0: there has been none. */
  readonly version: number;
  /** Of the Redis that it is a copy of; '' for none. */
  readonly remoteId: string;
  /** Of that Redis's changes, up to here all are in it. */
  readonly remoteRev: number;
}

export interface LoggedChange {
  readonly version: number;
  readonly curbs: readonly CurbedCredential[];
}

type Value = StoredConsumer | readonly CurbedCredential[] | StoreMeta | string;

/** What stands in the way of a change: another consumer, or another of its keys, has the id or the secret. */
export interface TakenField {
  readonly field: 'id' | 'secret';
  readonly keyId: string;
  readonly owner: string;
}

const NOTHING: StoreMeta = { version: 0, remoteId: '', remoteRev: 0 };
const require = createRequire(import.meta.url);

export class ConsumerDb {
  readonly #db: RootDatabase<Value, string>;

  /** @param folder  made if need be @throws when it cannot be used */
  static open(folder: string): ConsumerDb {
    checkStoreFile(join(folder, 'data.mdb'));
    const { open } = require('lmdb') as typeof import('lmdb', { with: { 'resolution-mode': 'require' }});
    return new ConsumerDb(
      open<Value, string>({ path: folder, overlappingSync: false, mapSize: MAP_BYTES, noSubdir: false }),
    );
  }

  private constructor(db: RootDatabase<Value, string>) {
    this.#db = db;
  }

  get meta(): StoreMeta {
    return (this.#db.get('meta') as StoreMeta | undefined) ?? NOTHING;
  }

  /** @returns undefined when there is none; one that is gone is not there */
  get(name: string): StoredConsumer | undefined {
    const record = this.record(name);
    return record?.isGone === true ? undefined : record;
  }

  /** Also of one that is gone. */
  record(name: string): StoredConsumer | undefined {
    return this.#db.get(NAMES + name) as StoredConsumer | undefined;
  }

  /** In the order of their names, those that are gone too. @param after  a name, '' for the first */
  list(after: string, count: number): readonly StoredConsumer[] {
    const range = { start: NAMES + after, end: 'c\u000b', exclusiveStart: after !== '', limit: count };
    return [...this.#db.getRange(range)].map(({ value }) => value as StoredConsumer);
  }

  /** Changes of all processes after this version, in their order. */
  changesSince(version: number): readonly LoggedChange[] {
    return [...this.#db.getRange({ start: logKey(version + 1), end: 'l\u000b' })].map(({ key, value }) => ({
      version: Number(key.slice(2)),
      curbs: value as readonly CurbedCredential[],
    }));
  }

  /**
   * Change one consumer.
   * @param change  given what there is, in the transaction; a record without a rev, which it gets here; or why not
   * @returns what it is now with what it was, or why not
   */
  async change<E>(
    name: string,
    change: (before: StoredConsumer | undefined) => Omit<StoredConsumer, 'rev'> | { readonly refusal: E },
  ): Promise<
    | { readonly before: StoredConsumer | undefined; readonly after: StoredConsumer }
    | { readonly refusal: E | TakenField }
  > {
    return this.#db.transaction(() => {
      const before = this.get(name);
      const next = change(before);
      if ('refusal' in next) return next;
      const taken = this.taken(next);
      if (taken !== undefined) return { refusal: taken };
      const { version } = this.meta;
      const after = { ...next, rev: version + 1 };
      this.#write([after], {});
      return { before, after };
    });
  }

  /** Take what Redis has; of each consumer the higher rev counts. @param meta  what is known of Redis with it */
  async apply(records: readonly StoredConsumer[], meta: Partial<StoreMeta> = {}): Promise<void> {
    await this.#db.transaction(() => {
      const newer = records.filter(({ name, rev }) => rev > (this.record(name)?.rev ?? 0));
      this.#write(newer, meta);
    });
  }

  /** Everything is another Redis's, or nobody's: begin anew. What called before calls no more. */
  async clear(): Promise<void> {
    await this.#db.transaction(() => {
      const all = [...this.#db.getRange({ start: NAMES, end: 'c\u000b' })].map(({ value }) => value as StoredConsumer);
      this.#log(
        all.flatMap((record) => curbsBetween(record, undefined)),
        { remoteId: '', remoteRev: 0 },
      );
      for (const record of all) this.#drop(record);
    });
  }

  /** @returns why the record cannot stand beside the others */
  taken(record: Omit<StoredConsumer, 'rev'>): TakenField | undefined {
    const ids = new Set<string>();
    const secrets = new Set<string>();
    for (const { id, sha256 } of record.keys) {
      const idOwner = ids.has(id) ? record.name : this.#db.get(`i\n${id}`);
      if (idOwner !== undefined && (idOwner !== record.name || ids.has(id))) {
        return { field: 'id', keyId: id, owner: idOwner as string };
      }
      const secretOwner = secrets.has(sha256) ? record.name : this.#db.get(`s\n${sha256}`);
      if (secretOwner !== undefined && (secretOwner !== record.name || secrets.has(sha256))) {
        return { field: 'secret', keyId: id, owner: secretOwner as string };
      }
      ids.add(id);
      secrets.add(sha256);
    }
    return undefined;
  }

  close(): Promise<void> {
    return this.#db.close();
  }

  #write(records: readonly StoredConsumer[], meta: Partial<StoreMeta>): void {
    if (records.length === 0 && Object.keys(meta).length === 0) return;
    const curbs: CurbedCredential[] = [];
    for (const record of records) {
      const before = this.record(record.name);
      curbs.push(...curbsBetween(before, record));
      if (before !== undefined) this.#drop(before);
    }
    for (const record of records) {
      if (record.isGone === true) this.#note(record);
      void this.#db.put(NAMES + record.name, record);
      for (const { id, sha256 } of record.keys) {
        void this.#db.put(`i\n${id}`, record.name);
        void this.#db.put(`s\n${sha256}`, record.name);
      }
    }
    if (records.length > 0) this.#log(curbs, meta);
    else void this.#db.put('meta', { ...this.meta, ...meta });
  }

  #log(curbs: readonly CurbedCredential[], meta: Partial<StoreMeta>): void {
    const before = this.meta;
    const version = before.version + 1;
    void this.#db.put(logKey(version), curbs);
    void this.#db.remove(logKey(version - LOG_COUNT));
    void this.#db.put('meta', { ...before, ...meta, version });
  }

  /** A consumer was removed: forget some of those that were long ago. */
  #note({ name, changedMs }: StoredConsumer): void {
    const over = [...this.#db.getKeys({ start: 'g\n', end: goneKey(changedMs - GONE_MS, ''), limit: PRUNED_AT_ONCE })];
    for (const key of over) {
      const [, , gone = ''] = key.split('\n');
      void this.#db.remove(key);
      if (this.record(gone)?.isGone === true) void this.#db.remove(NAMES + gone);
    }
    void this.#db.put(goneKey(changedMs, name), name);
  }

  #drop({ name, keys }: StoredConsumer): void {
    void this.#db.remove(NAMES + name);
    for (const { id, sha256 } of keys) {
      void this.#db.remove(`i\n${id}`);
      void this.#db.remove(`s\n${sha256}`);
    }
  }
}

function goneKey(ms: number, name: string): string {
  return `g\n${String(Math.max(0, ms)).padStart(VERSION_DIGITS, '0')}\n${name}`;
}

function logKey(version: number): string {
  return `l\n${String(version).padStart(VERSION_DIGITS, '0')}`;
}
