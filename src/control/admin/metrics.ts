// GET /metrics, but for what grows with the routes (series-metrics.ts).

import { memoryUsage } from 'node:process';
import type { TargetIndex, WorkerIndex } from '../../base/ids.ts';
import type { WorkerField } from '../../shm/control-block.ts';
import { MetricsPage, type Sample } from '../metering/metrics-page.ts';
import { shadowSamples } from '../metering/shadow-metrics.ts';
import type { AdminView } from './admin-view.ts';
import { renderAlerts } from './alert-metrics.ts';
import { renderBalancing } from './balancing-metrics.ts';
import { renderBlocks } from './block-metrics.ts';
import { renderCertificates } from './certificate-metrics.ts';
import { renderForward } from './forward-metrics.ts';
import { renderGuards } from './guard-metrics.ts';
import { renderLeases } from './lease-metrics.ts';
import { renderLedger } from './ledger-metrics.ts';
import { renderLoad } from './load-metrics.ts';
import { renderNonces } from './nonce-metrics.ts';
import { renderSecurity } from './security-metrics.ts';
import { renderUpstreams } from './upstream-metrics.ts';

/** @returns lines of the Prometheus text format */
export function renderMetrics(view: AdminView): string {
  const page = new MetricsPage();
  renderWorkers(page, view);
  renderTargets(page, view);
  renderUpstreams(page, view);
  renderGuards(page, view);
  renderBalancing(page, view);
  renderSteering(page, view);
  renderLoad(page, view);
  renderForward(page, view);
  renderLedger(page, view);
  renderLeases(page, view);
  renderBlocks(page, view);
  renderNonces(page, view);
  renderAlerts(page, view);
  renderCertificates(page, view);
  renderSecurity(page, view);
  page.add('sluice_reloads_total', 'counter', 'Configurations that were published or refused.', [
    [{ result: 'published' }, view.reloadsPublished()],
    [{ result: 'refused' }, view.reloadsRefused()],
  ]);
  page.add('sluice_worker_restarts_total', 'counter', 'Gateway workers that failed and were replaced.', [
    [{}, view.workerRestarts()],
  ]);
  page.add('sluice_snapshot_bytes', 'gauge', 'Shared memory held by snapshots, free arenas included.', [
    [{}, view.arenaBytes()],
  ]);
  page.add('sluice_limit_overflow_total', 'counter', 'Limit decisions taken on an overflow slot (stricter).', [
    [{}, view.limitOverflows()],
  ]);
  page.add(
    'sluice_shadow_rejections_total',
    'counter',
    'Requests that a policy in shadow mode would have refused, and that were admitted.',
    shadowSamples(view.shm.shadow),
  );
  renderSpans(page, view);
  renderProcess(page);
  return page.text();
}

function renderWorkers(page: MetricsPage, view: AdminView): void {
  const control = view.shm.control;
  const perWorker = (read: (worker: WorkerIndex) => number, labels = {}) => samplesPerWorker(view, read, labels);
  page.add('sluice_snapshot_epoch', 'gauge', 'Number of the snapshot that a worker uses.', [
    ...perWorker((worker) => control.read(worker, 'epoch')),
  ]);
  page.add(
    'sluice_requests_in_flight',
    'gauge',
    'Requests under way.',
    perWorker((w) => control.read(w, 'inFlight')),
  );
  page.add(
    'sluice_requests_parked',
    'gauge',
    'Requests waiting for a decision.',
    perWorker((w) => control.read(w, 'parked')),
  );
  page.add(
    'sluice_retries_waiting',
    'gauge',
    'Requests waiting for their next try at an upstream.',
    perWorker((w) => control.read(w, 'retriesWaiting')),
  );
  renderConnections(page, view);
  page.add(
    'sluice_websockets',
    'gauge',
    'Open WebSockets.',
    perWorker((w) => control.read(w, 'webSockets')),
  );
  page.add(
    'sluice_websocket_messages_total',
    'counter',
    'Messages of WebSockets, from clients (in) and to them (out).',
    [
      ...perWorker((w) => control.read(w, 'messagesIn') >>> 0, { direction: 'in' }),
      ...perWorker((w) => control.read(w, 'messagesOut') >>> 0, { direction: 'out' }),
    ],
  );
  page.add(
    'sluice_event_loop_delay_seconds',
    'gauge',
    "The longest delay of a worker's event loop within the last second.",
    perWorker((w) => control.read(w, 'loopDelayUs') / 1_000_000),
  );
  page.add(
    'sluice_main_loop_delay_seconds',
    'gauge',
    "The longest delay of the main thread's event loop since the last scrape.",
    [[{}, view.mainLoopDelayMs() / 1_000]],
  );
  page.add(
    'sluice_access_log_lines_total',
    'counter',
    'Lines of the access log that were written.',
    perWorker((w) => control.read(w, 'logLines') >>> 0),
  );
  page.add(
    'sluice_access_log_dropped_total',
    'counter',
    'Lines of the access log that were lost because it could not be written fast enough, or at all.',
    perWorker((w) => control.read(w, 'logLinesDropped') >>> 0),
  );
  page.add('sluice_workers_registered', 'gauge', 'Workers that get connections.', [[{}, view.registeredWorkers()]]);
}

function renderConnections(page: MetricsPage, view: AdminView): void {
  const { control } = view.shm;
  const perWorker = (read: (worker: WorkerIndex) => number) => samplesPerWorker(view, read);
  page.add(
    'sluice_connections',
    'gauge',
    'Open client connections.',
    perWorker((w) => control.read(w, 'connections')),
  );
  page.add(
    'sluice_connections_refused_total',
    'counter',
    'Connections that were closed at once: there were too many, of all or of one address.',
    perWorker((w) => control.read(w, 'connectionsRefused') >>> 0),
  );
}

function renderTargets(page: MetricsPage, view: AdminView): void {
  const nowMs = view.nowMs();
  page.add(
    'sluice_upstream_healthy',
    'gauge',
    '0 while a target gets no requests because it failed, or its checks do.',
    [...view.targets()].map(([name, index]): Sample => {
      const [upstream = '', target = ''] = name.split('\n');
      return [{ upstream, target }, view.shm.targets.isOut(index as TargetIndex, nowMs) ? 0 : 1];
    }),
  );
}

function renderSteering(page: MetricsPage, view: AdminView): void {
  const { control } = view.shm;
  const counted = (field: WorkerField, labels: Readonly<Record<string, string>>): Sample[] =>
    samplesPerWorker(view, (worker) => control.read(worker, field) >>> 0, labels);
  page.add('sluice_mirrored_requests_total', 'counter', 'Requests that were to be mirrored, by what became of that.', [
    ...counted('mirrorsAnswered', { result: 'answered' }),
    ...counted('mirrorsFailed', { result: 'failed' }),
    ...counted('mirrorsTooLarge', { result: 'too_large' }),
    ...counted('mirrorsNoRoom', { result: 'no_room' }),
    ...counted('mirrorsIncomplete', { result: 'incomplete' }),
  ]);
  page.add('sluice_faults_injected_total', 'counter', 'Faults made on purpose, by the policy fault.', [
    ...counted('faultsDelayed', { kind: 'delay' }),
    ...counted('faultsAborted', { kind: 'abort' }),
    ...counted('faultsSkipped', { kind: 'delay_skipped' }),
  ]);
}

/** Workers count modulo 2³²: whoever computes rates takes the step to 0 for a restart, which it may. */
function renderSpans(page: MetricsPage, view: AdminView): void {
  const { control } = view.shm;
  page.add(
    'sluice_spans_total',
    'counter',
    'Trace spans that a worker kept.',
    samplesPerWorker(view, (worker) => control.read(worker, 'spans') >>> 0),
  );
  page.add(
    'sluice_spans_dropped_total',
    'counter',
    'Trace spans for which a worker had no room.',
    samplesPerWorker(view, (worker) => control.read(worker, 'spansDropped') >>> 0),
  );
  page.add(
    'sluice_span_exports_total',
    'counter',
    'Trace spans that workers handed over, by what became of them.',
    Object.entries(view.spans()).map(([result, count]): Sample => [{ result }, count]),
  );
}

function samplesPerWorker(
  view: AdminView,
  read: (worker: WorkerIndex) => number,
  labels: Readonly<Record<string, string>> = {},
): Sample[] {
  return Array.from({ length: view.shm.control.workerCount }, (_, worker) => [
    { worker: String(worker), ...labels },
    read(worker as WorkerIndex),
  ]);
}

function renderProcess(page: MetricsPage): void {
  const cpu = process.cpuUsage();
  page.add('process_cpu_seconds_total', 'counter', 'CPU time of the process.', [[{}, (cpu.user + cpu.system) / 1e6]]);
  page.add('process_resident_memory_bytes', 'gauge', 'Resident memory.', [[{}, memoryUsage.rss()]]);
  page.add('process_start_time_seconds', 'gauge', 'Start of the process since the epoch.', [
    [{}, Math.round(Date.now() / 1_000 - process.uptime())],
  ]);
  page.add('nodejs_version_info', 'gauge', 'The version of Node.js.', [[{ version: process.version }, 1]]);
}
