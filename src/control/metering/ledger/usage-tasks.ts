// What the task pool does for the ledger. One thread writes, and keeps the store open; another one reads.

import type { UsageRetention } from '../../config/config.ts';
import type { UsageDelta } from './usage-delta.ts';
import { queryUsage, type UsageAnswer, type UsageQuery } from './usage-query.ts';
import { type Statement, type StatementQuery, statementOf } from './usage-statement.ts';
import { UsageStore } from './usage-store.ts';

export interface LedgerTask {
  /** The data folder. */
  readonly folder: string;
  /** Minutes since 1970. */
  readonly nowMinute: number;
}

export type LedgerRead =
  | { readonly kind: 'query'; readonly query: UsageQuery }
  | { readonly kind: 'statement'; readonly query: StatementQuery };

// Of this thread.
let opened: { readonly folder: string; readonly store: UsageStore } | undefined;

export function writeUsage({ folder, nowMinute, delta }: LedgerTask & { readonly delta: UsageDelta }): void {
  storeOf(folder).apply(delta, nowMinute);
}

/** @returns whether there is more to do */
export function maintainUsage({
  folder,
  nowMinute,
  retention,
}: LedgerTask & { readonly retention: UsageRetention }): boolean {
  const store = storeOf(folder);
  // One after the other, so that neither waits for the other's last.
  return store.rollUp(nowMinute) || store.prune(retention, nowMinute);
}

export function readUsage({
  folder,
  read,
}: {
  readonly folder: string;
  readonly read: LedgerRead;
}): UsageAnswer | Statement {
  const store = storeOf(folder);
  return read.kind === 'query' ? queryUsage(store, read.query) : statementOf(store, read.query);
}

/** Before the thread ends. */
export async function closeUsage(): Promise<void> {
  await opened?.store.close();
  opened = undefined;
}

function storeOf(folder: string): UsageStore {
  if (opened?.folder !== folder) opened = { folder, store: UsageStore.open(folder) };
  return opened.store;
}
