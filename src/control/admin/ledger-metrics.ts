// What of GET /metrics tells how the usage ledger fares.

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
}
