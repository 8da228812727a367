// The lines of /metrics that tell of active checks and discovery.

import type { DiscoveryStatus } from '../discovery/discovered.ts';
import type { MetricsPage, Sample } from '../metering/metrics-page.ts';
import type { AdminView } from './admin-view.ts';

export function renderUpstreams(page: MetricsPage, view: AdminView): void {
  const upstreams = view.upstreams();
  page.add(
    'sluice_health_checks_total',
    'counter',
    'Active checks of targets, by what came of them.',
    upstreams.flatMap(({ name, targets }) =>
      targets.flatMap(({ target, check }) =>
        Object.entries(check?.counts ?? {}).map(
          ([result, count]): Sample => [{ upstream: name, target, result }, count],
        ),
      ),
    ),
  );
  const perDiscovery = (read: (status: DiscoveryStatus) => number | undefined): Sample[] =>
    upstreams.flatMap(({ name, discovery }) => {
      const value = discovery === undefined ? undefined : read(discovery);
      return value === undefined ? [] : [[{ upstream: name }, value] as const];
    });
  page.add(
    'sluice_discovery_targets',
    'gauge',
    'Targets that were found for an upstream.',
    perDiscovery(({ targetCount }) => targetCount),
  );
  page.add(
    'sluice_discovery_failures_total',
    'counter',
    'Times that an upstream was asked for its targets without an answer.',
    perDiscovery(({ failures }) => failures),
  );
  page.add(
    'sluice_discovery_answer_age_seconds',
    'gauge',
    "Since an upstream's targets were last found, the same or others.",
    perDiscovery(({ ageMs }) => (ageMs === undefined ? undefined : ageMs / 1_000)),
  );
  const { published, refused } = view.republished();
  page.add('sluice_discovery_publications_total', 'counter', 'Snapshots for targets that changed, by their result.', [
    [{ result: 'published' }, published],
    [{ result: 'refused' }, refused],
  ]);
}
