// What the admin port looks at, with what a test says of it.

import { pack } from 'msgpackr';
import type { LoadIndex } from '../../src/base/ids.ts';
import type { AdminView } from '../../src/control/admin/admin-view.ts';
import { latencySummary } from '../../src/control/metering/latency-summary.ts';
import { renderSeriesMetrics } from '../../src/control/metering/series-metrics.ts';
import { SharedMemory } from '../../src/shm/shared-memory.ts';

export function buildView(parts: Partial<AdminView> = {}): AdminView {
  const shm = parts.shm ?? SharedMemory.create(2, 1, 2);
  const task = {
    series: shm.series.buffer,
    histograms: shm.histograms.buffer,
    names: pack([
      ['shop\norders', 1],
      ['shop\nidle', 2],
    ]),
  };
  return {
    shm,
    nowMs: () => 5_000,
    seriesMetrics: () => Promise.resolve(renderSeriesMetrics(task)),
    latencies: () => Promise.resolve(latencySummary(task)),
    usage: {
      config: () => undefined,
      nowMinute: () => 0,
      query: () => Promise.reject(new Error('there is no ledger')),
      statement: () => Promise.reject(new Error('there is no ledger')),
    },
    ledger: () => undefined,
    mainLoopDelayMs: () => 2,
    targets: () => [['main\nhttp://a:1', 0]],
    upstreams: () => [],
    publishedUpstreams: () => [],
    republished: () => ({ published: 0, refused: 0 }),
    loads: () => [['main', 0 as LoadIndex]],
    registeredWorkers: () => 2,
    workerRestarts: () => 3,
    reloadsPublished: () => 4,
    reloadsRefused: () => 5,
    arenaBytes: () => 65_536,
    limitOverflows: () => 6,
    clusterLimits: () => undefined,
    quotaBlocks: () => undefined,
    alerts: () => undefined,
    listeners: () => [],
    security: {
      auditSequence: () => 1,
      auditFailures: () => 0,
      refusals: () => ({ token: 0, permission: 0, origin: 0 }),
    },
    spans: () => ({ exported: 7, failed: 8, dropped: 9 }),
    notReady: () => [],
    ...parts,
  };
}
