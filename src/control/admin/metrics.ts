// GET /metrics: the Prometheus text format, version 0.0.4.

import { memoryUsage } from 'node:process';
import type { TargetIndex, WorkerIndex } from '../../base/ids.ts';
import { ERROR_ID_COUNT, errorCodes } from '../../gateway/pipeline/errors.ts';
import { STATUS_CLASSES } from '../../shm/series-table.ts';
import type { AdminView } from './admin-view.ts';
import type { CounterReader } from './counter-reader.ts';

/** @returns the whole page */
export function renderMetrics(view: AdminView, counters: CounterReader): string {
  const page = new Page();
  renderRequests(page, view, counters);
  renderWorkers(page, view);
  renderTargets(page, view);
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
  renderProcess(page);
  return page.text();
}

function renderRequests(page: Page, view: AdminView, counters: CounterReader): void {
  const series = [...view.series()];
  counters.poll(series);
  const names = series.map(([name, index]) => [name.split('\n'), index] as const);
  const samples: Sample[] = [];
  for (const [[service = '', route = ''], index] of [[['', ''], 0] as const, ...names]) {
    STATUS_CLASSES.forEach((status_class, statusClass) => {
      const count = counters.exchanges(index, statusClass);
      // Routes that nobody has called print nothing.
      if (count > 0) samples.push([{ service, route, status_class }, count]);
    });
  }
  page.add('sluice_requests_total', 'counter', 'Requests that ended, by the class of their answer.', samples);
  const rejections: Sample[] = [];
  for (let id = 1; id < ERROR_ID_COUNT; id++) {
    const count = counters.rejections(id);
    if (count > 0) rejections.push([{ code: errorCodes[id] ?? '' }, count]);
  }
  page.add('sluice_rejections_total', 'counter', 'Answers that the gateway gave instead of an upstream.', rejections);
}

function renderWorkers(page: Page, view: AdminView): void {
  const control = view.shm.control;
  const perWorker = (read: (worker: WorkerIndex) => number): Sample[] =>
    Array.from({ length: control.workerCount }, (_, worker) => [
      { worker: String(worker) },
      read(worker as WorkerIndex),
    ]);
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
    'sluice_connections',
    'gauge',
    'Open client connections.',
    perWorker((w) => control.read(w, 'connections')),
  );
  page.add(
    'sluice_event_loop_delay_seconds',
    'gauge',
    "The longest delay of a worker's event loop within the last second.",
    perWorker((w) => control.read(w, 'loopDelayUs') / 1_000_000),
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

function renderTargets(page: Page, view: AdminView): void {
  const nowMs = view.nowMs();
  page.add(
    'sluice_upstream_healthy',
    'gauge',
    '0 while a target gets no requests because connecting to it failed.',
    [...view.targets()].map(([name, index]): Sample => {
      const [upstream = '', target = ''] = name.split('\n');
      return [{ upstream, target }, view.shm.targets.isOut(index as TargetIndex, nowMs) ? 0 : 1];
    }),
  );
}

function renderProcess(page: Page): void {
  const cpu = process.cpuUsage();
  page.add('process_cpu_seconds_total', 'counter', 'CPU time of the process.', [[{}, (cpu.user + cpu.system) / 1e6]]);
  page.add('process_resident_memory_bytes', 'gauge', 'Resident memory.', [[{}, memoryUsage.rss()]]);
  page.add('process_start_time_seconds', 'gauge', 'Start of the process since the epoch.', [
    [{}, Math.round(Date.now() / 1_000 - process.uptime())],
  ]);
  page.add('nodejs_version_info', 'gauge', 'The version of Node.js.', [[{ version: process.version }, 1]]);
}

type Sample = readonly [labels: Readonly<Record<string, string>>, value: number];

class Page {
  readonly #lines: string[] = [];

  add(name: string, type: 'counter' | 'gauge', help: string, samples: readonly Sample[]): void {
    this.#lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
    for (const [labels, value] of samples) {
      const list = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`);
      this.#lines.push(`${name}${list.length === 0 ? '' : `{${list.join(',')}}`} ${value}`);
    }
  }

  text(): string {
    return `${this.#lines.join('\n')}\n`;
  }
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
