// GET /metrics: alerts about quotas.

import type { MetricsPage } from '../metering/metrics-page.ts';
import type { AdminView } from './admin-view.ts';

/** Nothing where none are configured. */
export function renderAlerts(page: MetricsPage, view: AdminView): void {
  const counts = view.alerts();
  if (counts === undefined) return;
  const { sent, failed, pending, dropped } = counts;
  page.add('sluice_alerts_sent_total', 'counter', 'Alerts that the webhook has taken.', [[{}, sent]]);
  page.add('sluice_alerts_failed_total', 'counter', 'Attempts that it refused, or did not answer.', [[{}, failed]]);
  page.add('sluice_alerts_pending', 'gauge', 'Alerts that wait to be delivered.', [[{}, pending]]);
  page.add('sluice_alerts_dropped_total', 'counter', 'Alerts that were given up, or had no room.', [[{}, dropped]]);
}
