// GET /metrics: quotas over instances.

import type { MetricsPage } from '../metering/metrics-page.ts';
import type { AdminView } from './admin-view.ts';

const US_PER_SECOND = 1e6;

/** Nothing where no store is configured. */
export function renderBlocks(page: MetricsPage, view: AdminView): void {
  const status = view.quotaBlocks();
  if (status === undefined) return;
  const counter = (name: string, help: string, value: number): void =>
    page.add(`sluice_quota_blocks_${name}_total`, 'counter', help, [[{}, value]]);
  page.add(
    'sluice_quota_blocks_windows',
    'gauge',
    'Windows of quotas over the cluster that this instance has asked for.',
    [[{}, status.windows]],
  );
  counter('commands', 'Scripts that Redis was asked to run for quotas.', status.commands);
  counter('failures', 'Those that had no answer in time, or a refusal.', status.failures);
  page.add('sluice_quota_blocks_round_trip_seconds', 'gauge', 'How long Redis lately took to answer, on average.', [
    [{}, status.roundTripUs / US_PER_SECOND],
  ]);
  counter('granted', 'Requests that were handed out to this instance in blocks.', status.granted);
  counter('returned', 'Requests that this instance gave back.', status.returned);
  counter('losses', 'Times that Redis had lost its data, or may have.', status.losses);
  counter('reports', 'Counters that Redis was told of then, and at the start.', status.reports);
}
