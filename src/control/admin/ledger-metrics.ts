// What of GET /metrics tells how the usage ledger fares.

import type { StoreReport } from '../metering/ledger/usage-store.ts';
import type { MetricsPage } from '../metering/metrics-page.ts';
import type { AdminView } from './admin-view.ts';

export function renderLedger(page: MetricsPage, view: AdminView): void {
  const counts = view.ledger();
  if (counts === undefined) return;
  page.add('sluice_usage_store_up', 'gauge', '0 while usage cannot be written; it is kept in memory then.', [
    [{}, counts.isUp ? 1 : 0],
  ]);
  page.add('sluice_usage_deltas_total', 'counter', 'Writes of usage that succeeded.', [[{}, counts.deltas]]);
  page.add(
    'sluice_usage_overflow_total',
    'counter',
    "Calls that were counted as '*', for want of a row of their own.",
    [[{}, counts.overflow]],
  );
  if (counts.store !== undefined) renderStore(page, counts.store);
}

function renderStore(page: MetricsPage, store: StoreReport): void {
  const gauge = (name: string, help: string, value: number) => page.add(name, 'gauge', help, [[{}, value]]);
  gauge('sluice_usage_outbox_packets', 'Writes of usage that wait on this disk for Redis.', store.outboxPackets);
  gauge('sluice_usage_outbox_bytes', 'Their size; at 256 MiB usage is kept in memory.', store.outboxBytes);
  gauge(
    'sluice_usage_stream_entries',
    'Entries in Redis that are not rolled up yet, of all instances.',
    store.streamEntries,
  );
  gauge('sluice_usage_roll_up_lag_seconds', 'Age of the oldest of them.', store.lagMs / 1_000);
  page.add('sluice_usage_missing_deltas_total', 'counter', 'Writes of usage that Redis took and lost.', [
    [{}, store.missingDeltas],
  ]);
}
