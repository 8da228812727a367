// GET /metrics: limits over instances, and the store that they are leased from.

import type { MetricsPage } from '../metering/metrics-page.ts';
import type { AdminView } from './admin-view.ts';

const US_PER_SECOND = 1e6;

/** Nothing where no store is configured. */
export function renderLeases(page: MetricsPage, view: AdminView): void {
  const status = view.clusterLimits();
  if (status === undefined) return;
  page.add('sluice_store_up', 'gauge', 'Whether Redis answers.', [[{}, status.isUp ? 1 : 0]]);
  page.add('sluice_store_masters_down', 'gauge', 'Masters of a Redis cluster that do not answer while others do.', [
    [{}, status.downCount],
  ]);
  page.add('sluice_quota_lease_keys', 'gauge', 'Keys of limits over the cluster that are in use on this instance.', [
    [{}, status.keys],
  ]);
  page.add('sluice_quota_lease_commands_total', 'counter', 'Scripts that Redis was asked to run for leases.', [
    [{}, status.commands],
  ]);
  page.add('sluice_quota_lease_failures_total', 'counter', 'Those that had no answer in time, or a refusal.', [
    [{}, status.failures],
  ]);
  page.add('sluice_quota_lease_round_trip_seconds', 'gauge', 'How long Redis lately took to answer, on average.', [
    [{}, status.roundTripUs / US_PER_SECOND],
  ]);
  page.add('sluice_quota_lease_no_room_total', 'counter', 'Requests refused because too many keys were in use.', [
    [{}, status.noRoom],
  ]);
  page.add('sluice_quota_lease_busy_total', 'counter', 'Charges given up because other threads were in the way.', [
    [{}, status.busy],
  ]);
}
