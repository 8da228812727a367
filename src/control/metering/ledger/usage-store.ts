// Where the ledger is kept: on the disk of one instance (lmdb-store.ts), or in the Redis that all instances share (redis/redis-store.ts).
// One thread of the task pool writes and maintains, another one reads; each has a store of its own.

import type { UsageRetention } from '../../config/config.ts';
import type { Resolution } from './calendar.ts';
import type { UsageDelta, UsageNames } from './usage-delta.ts';
import type { Figures } from './usage-figures.ts';

/** Not readonly, as lmdb has its keys. */
export type UsageKey = [minute: number, ...names: UsageNames];

export interface StoredUsage {
  readonly key: UsageKey;
  readonly figures: Figures;
}

/** How a store that instances share fares, as far as the thread that writes knows. */
export interface StoreReport {
  /** undefined: it answers; else the kind of error that it was left for. */
  readonly trouble: string | undefined;
  /** Entries in the store that are not rolled up yet, of all instances. */
  readonly streamEntries: number;
  /** Age of the oldest of them, milliseconds of the store's clock. */
  readonly lagMs: number;
  /** What waits on this instance's disk. */
  readonly outboxPackets: number;
  readonly outboxBytes: number;
  /** Deltas that were in the store, and are not any more, nor here. */
  readonly missingDeltas: number;
}

export interface UsageStore {
  /**
   * Add a delta up, unless that was done before.
   * @returns whether it was added, or will be
   * @throws {Error} one before it is missing, or it can be kept nowhere; nothing has changed, or it may be repeated
   */
  apply(delta: UsageDelta, nowMinute: number): boolean | Promise<boolean>;
  /**
   * Some of what has to be done beside: roll up, delete what is older than it has to be kept.
   * @returns whether there may be more
   */
  maintain(retention: UsageRetention, nowMinute: number): boolean | Promise<boolean>;
  /**
   * Everything counted from one minute to before another, in rows of a resolution, or of minutes that are not rolled up yet.
   * @param take  of each row; false when it wants no more
   * @throws {Error} it cannot be read
   */
  read(resolution: Resolution, from: number, to: number, take: (row: StoredUsage) => boolean): Promise<void>;
  /** undefined: it is this instance's own. */
  report(): StoreReport | undefined;
  close(): Promise<void>;
}
