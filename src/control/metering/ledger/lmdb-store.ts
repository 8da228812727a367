// The ledger on disk: LMDB in <data folder>/ledger. Runs in the task pool; a second process may write at the same time.
//
//   database   key                                                             value
//   ------------------------------------------------------------------------------------------------
//   minute     [minute, consumer, key, plan, service, route, environment]      figures (usage-figures.ts)
//   hour       the same, with the hour's first minute; day and month too       figures
//   meta       ['applied', instance]                                           [last sequence, when, in minutes]
//   meta       ['rolled']                                                      the first minute that is not rolled up
//
// Invariants: what a delta adds and its sequence are one transaction, so that it counts once. A row of hour, day or month holds
// the minutes before `rolled`, and no other: rolling a minute up and moving `rolled` on are one transaction, and a delta that
// comes late, for a minute before it, is added to all four at once.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Database, open, type RootDatabase, type Transaction } from 'lmdb';
import { USAGE_ROW_WORDS } from '../../../shm/usage-table.ts';
import type { UsageRetention } from '../../config/config.ts';
import { RESOLUTIONS, type Resolution, stepStart } from './calendar.ts';
import { checkStoreFile } from './check-store-file.ts';
import { namesOf, type UsageDelta } from './usage-delta.ts';
import { addFigures, type Figures, readFigures } from './usage-figures.ts';
import type { StoredUsage, UsageKey, UsageStore } from './usage-store.ts';

/** lmdb has it, and its types do not. */
interface WithReset {
  resetReadTxn(): void;
}

type Applied = readonly [sequence: number, minute: number];

const FOLDER = 'ledger';
const FILE = 'data.mdb';
// A minute is rolled up when its stragglers have come: workers turn ten times a second, deltas are written three times.
const ROLL_UP_AFTER_MINUTES = 2;
// Instances that have written nothing for so long are gone, and so are deltas that they may have had on their way.
const INSTANCE_MINUTES = 7 * 24 * 60;
const MINUTE_MS = 60_000;
// A task that deletes more would hold up those behind it.
const DELETED_AT_ONCE = 20_000;
const COARSER = ['hour', 'day', 'month'] as const;

export class LmdbStore implements UsageStore {
  readonly #root: RootDatabase & WithReset;
  readonly #rows: Readonly<Record<Resolution, Database<Figures, UsageKey>>>;
  readonly #meta: Database<number | Applied, string[]>;

  private constructor(root: RootDatabase & WithReset) {
    this.#root = root;
    const rows = (name: Resolution) => root.openDB<Figures, UsageKey>(name, {});
    this.#rows = { minute: rows('minute'), hour: rows('hour'), day: rows('day'), month: rows('month') };
    this.#meta = root.openDB<number | Applied, string[]>('meta', {});
  }

  /**
   * @param folder  the data folder; made when it is not there
   * @throws {Error} it cannot be used
   */
  static open(folder: string): LmdbStore {
    const path = join(folder, FOLDER);
    mkdirSync(path, { recursive: true, mode: 0o700 });
    checkStoreFile(join(path, FILE));
    // Without overlapping, a transaction is on the disk when it returns.
    const root = open({ path, maxDbs: RESOLUTIONS.length + 1, overlappingSync: false });
    return new LmdbStore(root as RootDatabase & WithReset);
  }

  close(): Promise<void> {
    return this.#root.close();
  }

  /**
   * Add a delta up, unless that was done before.
   * @returns whether it was added
   * @throws {Error} one before it is missing; nothing has changed
   */
  apply(delta: UsageDelta, nowMinute: number): boolean {
    return this.#root.transactionSync(() => {
      const [last] = (this.#meta.get(['applied', delta.instance]) as Applied | undefined) ?? [];
      if (last !== undefined && delta.sequence <= last) return false;
      if (last !== undefined && delta.sequence !== last + 1) {
        throw new Error(`delta ${last + 1} of ${delta.instance} is missing before ${delta.sequence}`);
      }
      const rolled = this.rolledMinute();
      for (const bank of delta.banks) {
        const { minute, rows } = bank;
        namesOf(bank).forEach((name, row) => {
          const figures = readFigures(rows, row * USAGE_ROW_WORDS);
          this.#add('minute', [minute, ...name], figures);
          if (minute < rolled) this.#addCoarser([minute, ...name], figures);
        });
      }
      this.#meta.putSync(['applied', delta.instance], [delta.sequence, nowMinute]);
      return true;
    });
  }

  /** The first minute that is not in the hours, days and months; 0: none is. */
  rolledMinute(transaction?: Transaction): number {
    return (this.#meta.get(['rolled'], transaction && { transaction }) as number | undefined) ?? 0;
  }

  maintain(retention: UsageRetention, nowMinute: number): boolean {
    // One after the other, so that neither waits for the other's last.
    return this.rollUp(nowMinute) || this.prune(retention, nowMinute);
  }

  report(): undefined {
    return undefined;
  }

  /**
   * Roll up the oldest minute that is not yet, if there is one and it is over.
   * @returns whether there may be more
   */
  rollUp(nowMinute: number): boolean {
    return this.#root.transactionSync(() => {
      const until = nowMinute - ROLL_UP_AFTER_MINUTES;
      const [first] = this.#rows.minute.getKeys({ start: [this.rolledMinute()], limit: 1 });
      if (first === undefined || first[0] >= until) {
        if (until > this.rolledMinute()) this.#meta.putSync(['rolled'], until);
        return false;
      }
      const [minute] = first;
      for (const { key, value } of this.#rows.minute.getRange(between(minute, minute + 1))) {
        this.#addCoarser(key, value);
      }
      this.#meta.putSync(['rolled'], minute + 1);
      return true;
    });
  }

  /**
   * Delete what is older than it has to be kept; minutes only once they are rolled up.
   * @returns whether there may be more
   */
  prune(retention: UsageRetention, nowMinute: number): boolean {
    const ages: Record<Resolution, number> = {
      minute: retention.minuteMs,
      hour: retention.hourMs,
      day: retention.dayMs,
      month: retention.monthMs,
    };
    return this.#root.transactionSync(() => {
      let deleted = 0;
      for (const resolution of RESOLUTIONS) {
        const oldest = stepStart(resolution, nowMinute - ages[resolution] / MINUTE_MS);
        const until = resolution === 'minute' ? Math.min(oldest, this.rolledMinute()) : oldest;
        const rows = this.#rows[resolution];
        for (const key of [...rows.getKeys({ ...between(0, until), limit: DELETED_AT_ONCE - deleted })]) {
          rows.removeSync(key);
          deleted++;
        }
      }
      for (const { key, value } of [...this.#meta.getRange({ start: ['applied'], end: ['applie~'] })]) {
        if (Array.isArray(value) && value[1] < nowMinute - INSTANCE_MINUTES) this.#meta.removeSync(key);
      }
      return deleted === DELETED_AT_ONCE;
    });
  }

  /** One state of the store, whoever writes meanwhile. */
  async read(resolution: Resolution, from: number, to: number, take: (row: StoredUsage) => boolean): Promise<void> {
    // lmdb would let go of its view in a later turn of the loop; a thread of the pool that waits for its next task has none, would
    // see the same state for ever, and keep the file from using its pages again.
    this.#root.resetReadTxn();
    const transaction = this.#root.useReadTransaction();
    try {
      for (const { key, value } of this.#rows[resolution].getRange({ ...between(from, to), transaction })) {
        if (!take({ key, figures: value })) return;
      }
      if (resolution === 'minute') return;
      const start = Math.max(from, this.rolledMinute(transaction));
      for (const { key, value } of this.#rows.minute.getRange({ ...between(start, to), transaction })) {
        if (!take({ key, figures: value })) return;
      }
    } finally {
      transaction.done();
      this.#root.resetReadTxn();
    }
  }

  #addCoarser([minute, ...names]: UsageKey, figures: readonly number[]): void {
    for (const resolution of COARSER) this.#add(resolution, [stepStart(resolution, minute), ...names], figures);
  }

  #add(resolution: Resolution, key: UsageKey, figures: readonly number[]): void {
    const rows = this.#rows[resolution];
    const sum = rows.get(key);
    if (sum === undefined) return void rows.putSync(key, [...figures]);
    addFigures(sum, figures);
    rows.putSync(key, sum);
  }
}

/** Keys of minutes from one to before another: a list sorts behind its own beginning. */
function between(from: number, to: number): { start: number[]; end: number[] } {
  return { start: [from], end: [Math.max(from, to)] };
}
