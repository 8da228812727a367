// What the admin port may look at, of the parts.

import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { AdminView } from '../control/admin/admin-view.ts';
import { notReady } from '../control/admin/not-ready.ts';
import type { TaskPool } from '../control/workers/task-pool.ts';
import type { Parts } from './parts.ts';

const LOOP_DELAY_RESOLUTION_MS = 20;

export function adminViewOf(parts: Parts, tasks: TaskPool): AdminView {
  const { shm, clock, publisher, fleet, reloader, spans, upstreams, usage, cluster, quotas, admin, catalog } = parts;
  const seriesTask = () => ({
    series: shm.series.buffer,
    histograms: shm.histograms.buffer,
    names: publisher.seriesNames(),
  });
  const loopDelay = monitorEventLoopDelay({ resolution: LOOP_DELAY_RESOLUTION_MS });
  loopDelay.enable();
  return {
    shm,
    nowMs: () => clock.nowUs() / 1_000,
    seriesMetrics: () => tasks.seriesMetrics(seriesTask()),
    latencies: () => tasks.latencies(seriesTask()),
    usage: usage.view,
    ledger: () => usage.ledger.counts,
    mainLoopDelayMs: () => {
      // What is measured includes the timer's own interval.
      const ms = Math.max(0, loopDelay.max / 1e6 - LOOP_DELAY_RESOLUTION_MS);
      loopDelay.reset();
      return ms;
    },
    targets: () => publisher.targets(),
    upstreams: () => upstreams.statuses(),
    publishedUpstreams: () => publisher.upstreams(),
    republished: () => ({ published: reloader.republished, refused: reloader.republicationsRefused }),
    loads: () => publisher.loads(),
    registeredWorkers: () => fleet.registeredCount,
    workerRestarts: () => fleet.restarts,
    reloadsPublished: () => reloader.published,
    reloadsRefused: () => reloader.refused,
    arenaBytes: () => publisher.arenaBytes,
    limitOverflows: () => shm.limits.overflowTotal(),
    clusterLimits: () => cluster?.status(),
    alerts: () => (reloader.gateway.alerts === undefined ? undefined : quotas.alerts.counts),
    quotaBlocks: () => quotas.cluster?.status(),
    listeners: () => reloader.gateway.listen,
    security: {
      auditSequence: () => admin.audit.knownHead?.sequence,
      auditFailures: () => admin.audit.failures,
      refusals: () => ({ token: admin.tally.logins, permission: admin.tally.denials, origin: admin.tally.foreign }),
    },
    spans: () => spans.counts,
    notReady: () => [
      ...notReady(fleet, shm),
      ...(cluster?.notReady() ?? []),
      ...(catalog.notReady === '' ? [] : [catalog.notReady]),
    ],
  };
}
