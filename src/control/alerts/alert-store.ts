// Alerts that wait to be delivered, and which have been made: LMDB in gateway.data, so that a restart loses none and repeats none.
// Several processes may have it open (a take-over): who sends one next is decided by a transaction.

import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import type { RootDatabase } from 'lmdb';

/** The oldest is dropped for the next. */
export const ALERT_COUNT_MAX = 1_000;

export interface StoredAlert {
  /** Of the message: the same in every attempt, and on every instance that makes it. */
  readonly id: string;
  readonly body: string;
  /** Milliseconds since 1970. */
  readonly createdMs: number;
  readonly nextMs: number;
  readonly attempts: number;
  /** No other instance sends it: this one was the first. */
  readonly isClaimed: boolean;
  /** When the window ends. */
  readonly endMs: number;
}

interface Mark {
  readonly endMs: number;
}

const MAP_BYTES = 2 ** 28;
const KEPT_MS = 86_400_000;
const NAME_BYTES = 8;
const QUEUE = 'q\n';
const MARKS = 'm\n';
// Lexical order is that of time until the year 2286.
const TIME_DIGITS = 13;

const require = createRequire(import.meta.url);

export class AlertStore {
  readonly #db: RootDatabase<StoredAlert | Mark | string, string>;
  /** Of this folder, among all instances. */
  readonly owner: string;
  #pending: number;

  /** @param folder  made if need be @throws when it cannot be used */
  static async open(folder: string): Promise<AlertStore> {
    const { open } = require('lmdb') as typeof import('lmdb', { with: { 'resolution-mode': 'require' }});
    const db = open<StoredAlert | Mark | string, string>({
      path: folder,
      overlappingSync: false,
      mapSize: MAP_BYTES,
      noSubdir: false,
    });
    const owner = await db.transaction(() => {
      const kept = db.get('owner') as string | undefined;
      const named = kept ?? randomBytes(NAME_BYTES).toString('hex');
      if (kept === undefined) void db.put('owner', named);
      return named;
    });
    return new AlertStore(db, owner);
  }

  private constructor(db: RootDatabase<StoredAlert | Mark | string, string>, owner: string) {
    this.#db = db;
    this.owner = owner;
    this.#pending = db.getKeysCount(under(QUEUE));
  }

  /** As this process knows it: another one on this folder sends what is its own. */
  get pending(): number {
    return this.#pending;
  }

  /** Whether it was made here before. */
  has(id: string): boolean {
    return this.#db.get(`${MARKS}${id}`) !== undefined;
  }

  /** @returns how many of the oldest were dropped for it; -1 when it was made before */
  async add(alert: StoredAlert): Promise<number> {
    const dropped = await this.#db.transaction(() => {
      if (this.has(alert.id)) return -1;
      void this.#db.put(`${MARKS}${alert.id}`, { endMs: alert.endMs });
      const excess = this.#db.getKeysCount(under(QUEUE)) + 1 - ALERT_COUNT_MAX;
      const oldest = excess > 0 ? [...this.#db.getKeys({ ...under(QUEUE), limit: excess })] : [];
      for (const key of oldest) void this.#db.remove(key);
      void this.#db.put(keyOf(alert), alert);
      return oldest.length;
    });
    this.#count();
    return dropped;
  }

  /** @returns the first that is due, put off for whoever looks next */
  async takeDue(nowMs: number, putOff: (alert: StoredAlert) => number): Promise<StoredAlert | undefined> {
    const isDue = ({ value }: { readonly value: unknown }): boolean => (value as StoredAlert).nextMs <= nowMs;
    // Most of the time none is: that costs no transaction.
    if (this.#pending === 0 || ![...this.#db.getRange(under(QUEUE))].some(isDue)) return undefined;
    return this.#db.transaction(() => {
      for (const { key, value } of this.#db.getRange(under(QUEUE))) {
        if (!isDue({ value })) continue;
        const alert = value as StoredAlert;
        void this.#db.put(key, { ...alert, attempts: alert.attempts + 1, nextMs: nowMs + putOff(alert) });
        return alert;
      }
      return undefined;
    });
  }

  /** No other instance sends it. */
  async claim(alert: StoredAlert): Promise<StoredAlert> {
    const key = keyOf(alert);
    await this.#db.transaction(() => {
      const current = this.#db.get(key) as StoredAlert | undefined;
      if (current !== undefined) void this.#db.put(key, { ...current, isClaimed: true });
    });
    return { ...alert, isClaimed: true };
  }

  async remove(alert: StoredAlert): Promise<void> {
    await this.#db.remove(keyOf(alert));
    this.#count();
  }

  /** Forget which alerts were made for windows that are over. */
  async prune(nowMs: number): Promise<void> {
    const over = [...this.#db.getRange(under(MARKS))].filter(({ value }) => (value as Mark).endMs + KEPT_MS < nowMs);
    await this.#db.transaction(() => {
      for (const { key } of over) void this.#db.remove(key);
    });
  }

  close(): Promise<void> {
    return this.#db.close();
  }

  #count(): void {
    this.#pending = this.#db.getKeysCount(under(QUEUE));
  }
}

function keyOf({ createdMs, id }: StoredAlert): string {
  return `${QUEUE}${String(createdMs).padStart(TIME_DIGITS, '0')}\n${id}`;
}

/** Anew for each use: lmdb writes into what it is given. */
function under(prefix: string): { readonly start: string; readonly end: string } {
  return { start: prefix, end: prefix.replace('\n', '\u000b') };
}
