// The part of /metrics that tells what balancing goes by.

import type { TargetIndex } from '../../base/ids.ts';
import type { MetricsPage, Sample } from '../metering/metrics-page.ts';
import type { AdminView } from './admin-view.ts';

export function renderBalancing(page: MetricsPage, view: AdminView): void {
  const { targets: table } = view.shm;
  const targets = [...view.targets()].map(([name, index]) => {
    const [upstream = '', target = ''] = name.split('\n');
    return { upstream, target, index: index as TargetIndex };
  });
  const perTarget = (read: (index: TargetIndex) => number): Sample[] =>
    targets.map(({ upstream, target, index }) => [{ upstream, target }, read(index)]);
  page.add(
    'sluice_upstream_ejections_total',
    'counter',
    'Times that a target was put out because it failed.',
    perTarget((index) => table.ejectionCount(index)),
  );
  page.add(
    'sluice_upstream_in_flight',
    'gauge',
    'Requests and WebSockets under way at a target.',
    perTarget((index) => table.underWay(index)),
  );
  page.add(
    'sluice_upstream_ewma_seconds',
    'gauge',
    'Peak EWMA of the latencies of targets that are balanced by it.',
    perTarget((index) => table.latencyUs(index) / 1_000_000).filter(([, seconds]) => seconds > 0),
  );
  const panics = new Map<string, number>();
  for (const { upstream, index } of targets) {
    panics.set(upstream, (panics.get(upstream) ?? 0) + table.panicCount(index));
  }
  page.add(
    'sluice_upstream_panic_total',
    'counter',
    'Tries for which health was ignored, since too few targets were available.',
    [...panics].map(([upstream, count]): Sample => [{ upstream }, count]),
  );
}
