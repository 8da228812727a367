// What the task pool does for the ledger. One thread writes, and keeps the store open; another one reads.

import type { UsageRetention } from '../../config/config.ts';
import { LmdbStore } from './lmdb-store.ts';
import type { UsageDelta } from './usage-delta.ts';
import { queryUsage, type UsageAnswer, type UsageQuery } from './usage-query.ts';
import { type Statement, type StatementQuery, statementOf } from './usage-statement.ts';
import type { StoreReport, UsageStore } from './usage-store.ts';

/** Where the ledger is. */
export interface LedgerPlace {
  /** The data folder. */
  readonly folder: string;
  /** The address of the Redis that instances share, a secret; '' for none: the ledger is in the data folder. */
  readonly redis: string;
  /** Of this start of the process. */
  readonly instance: string;
}

export interface LedgerTask {
  readonly place: LedgerPlace;
  /** Minutes since 1970. */
  readonly nowMinute: number;
}

export interface Maintained {
  /** There is more to do. */
  readonly isMore: boolean;
  readonly report: StoreReport | undefined;
}

export type LedgerRead =
  | { readonly kind: 'query'; readonly query: UsageQuery }
  | { readonly kind: 'statement'; readonly query: StatementQuery };

// Of this thread.
let opened: { readonly folder: string; readonly store: UsageStore } | undefined;

export async function writeUsage({
  place,
  nowMinute,
  delta,
}: LedgerTask & { readonly delta: UsageDelta }): Promise<StoreReport | undefined> {
  const store = await storeOf(place);
  await store.apply(delta, nowMinute);
  return store.report();
}

export async function maintainUsage({
  place,
  nowMinute,
  retention,
}: LedgerTask & { readonly retention: UsageRetention }): Promise<Maintained> {
  const store = await storeOf(place);
  const isMore = await store.maintain(retention, nowMinute);
  return { isMore, report: store.report() };
}

export async function readUsage({
  place,
  read,
}: {
  readonly place: LedgerPlace;
  readonly read: LedgerRead;
}): Promise<UsageAnswer | Statement> {
  const store = await storeOf(place);
  return read.kind === 'query' ? queryUsage(store, read.query) : statementOf(store, read.query);
}

/** Before the thread ends. */
export async function closeUsage(): Promise<void> {
  await opened?.store.close();
  opened = undefined;
}

async function storeOf(place: LedgerPlace): Promise<UsageStore> {
  if (opened?.folder !== place.folder) opened = { folder: place.folder, store: await open(place) };
  return opened.store;
}

/** The client of Redis costs a thread 130 ms: it is loaded where there is one. */
async function open({ folder, redis, instance }: LedgerPlace): Promise<UsageStore> {
  if (redis === '') return LmdbStore.open(folder);
  const { RedisStore } = await import('./redis/redis-store.ts');
  return new RedisStore({ url: redis, folder, consumer: instance });
}
