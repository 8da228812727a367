// A store in a folder of its own, and deltas as a gateway makes them.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CallerIndex, SeriesIndex, WorkerIndex } from '../../../../src/base/ids.ts';
import type { Resolution } from '../../../../src/control/metering/ledger/calendar.ts';
import { LmdbStore } from '../../../../src/control/metering/ledger/lmdb-store.ts';
import type { UsageDelta } from '../../../../src/control/metering/ledger/usage-delta.ts';
import { callsOf } from '../../../../src/control/metering/ledger/usage-figures.ts';
import type { UsageStore } from '../../../../src/control/metering/ledger/usage-store.ts';
import { UsageTable } from '../../../../src/shm/usage-table.ts';

export interface Call {
  readonly minute: number;
  readonly consumer?: string;
  readonly plan?: string;
  readonly service?: string;
  readonly route?: string;
  readonly count?: number;
  readonly us?: number;
  readonly bytes?: number;
  /** Index in USAGE_CAUSES; -1: none. */
  readonly cause?: number;
}

export function openStore(t: { teardown(end: () => Promise<void>): void }): LmdbStore {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-ledger-'));
  const store = LmdbStore.open(folder);
  t.teardown(async () => {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return store;
}

/** Through a real table: rows are as workers write them. */
export function deltaOf(instance: string, sequence: number, calls: readonly Call[]): UsageDelta {
  const banks = calls.map((call) => {
    const table = UsageTable.create(1);
    const worker = 0 as WorkerIndex;
    const row = table.rowOf(worker, 2 as CallerIndex, 1 as SeriesIndex, 0, 0);
    for (let n = 0; n < (call.count ?? 1); n++) table.count(row, 2, call.cause ?? -1, call.us ?? 1_000);
    table.addBytes(row, call.bytes ?? 0, 0);
    const [bank] = table.take(worker, true);
    if (bank === undefined) throw new Error('nothing was counted');
    return { minute: call.minute, rows: bank.rows, names: namesOf(call) };
  });
  return { instance, sequence, banks };
}

function namesOf({ consumer = 'alice', plan = '', service = 'shop', route = 'orders' }: Call): string {
  return [consumer, `${consumer}-1`, plan, service, route, '', ''].join('\n');
}

/** Calls by 'step consumer', of all that there is. */
export async function callsBy(store: UsageStore, resolution: Resolution, stepOf = (minute: number) => minute) {
  const sums: Record<string, number> = {};
  await store.read(resolution, 0, 2 ** 31, ({ key, figures }) => {
    const name = `${stepOf(key[0])} ${key[1]}`;
    sums[name] = (sums[name] ?? 0) + callsOf(figures);
    return true;
  });
  return sums;
}

export function total(sums: Readonly<Record<string, number>>): number {
  return Object.values(sums).reduce((sum, count) => sum + count, 0);
}
