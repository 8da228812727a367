// What of GET /metrics tells of overload: the upstreams' limits and the gateway's own.

import type { WorkerIndex } from '../../base/ids.ts';
import { ShedCause } from '../../shm/load-table.ts';
import type { MetricsPage, Sample } from '../metering/metrics-page.ts';
import type { AdminView } from './admin-view.ts';

const CAUSES = [
  ['queue-full', ShedCause.QUEUE_FULL],
  ['queue-time', ShedCause.QUEUE_TIME],
  ['queue-standing', ShedCause.QUEUE_STANDING],
  ['priority', ShedCause.PRIORITY],
] as const;

/** limit has a fraction of 1/256. */
const LIMIT_FRACTION = 256;

export function renderLoad(page: MetricsPage, { shm, loads }: AdminView): void {
  const { control } = shm;
  const workers = Array.from({ length: control.workerCount }, (_, worker) => worker as WorkerIndex);
  const upstreams = [...loads()];
  const perUpstream = (read: (load: (typeof upstreams)[number][1]) => number): Sample[] =>
    upstreams.map(([upstream, load]) => [{ upstream }, read(load)]);
  page.add(
    'sluice_upstream_concurrency_limit',
    'gauge',
    'Requests that an upstream may have under way, as configured or found out.',
    perUpstream((load) => shm.loads.read(load, 'limit') / LIMIT_FRACTION),
  );
  page.add(
    'sluice_upstream_concurrency_in_flight',
    'gauge',
    'Requests that an upstream with a limit has under way.',
    perUpstream((load) => shm.loads.read(load, 'inFlight')),
  );
  page.add(
    'sluice_upstream_queued',
    'gauge',
    'Requests that wait for a place at an upstream.',
    perUpstream((load) => shm.loads.read(load, 'waiting')),
  );
  const ofWorkers = (field: 'shedsLoop' | 'shedsMemory'): number =>
    workers.reduce((sum, worker) => sum + (control.read(worker, field) >>> 0), 0);
  page.add(
    'sluice_shed_total',
    'counter',
    "Requests that were refused because there was too much to do; without an upstream's name, for the gateway itself.",
    [
      ...upstreams.flatMap(([upstream, load]) =>
        CAUSES.map(([cause, index]): Sample => [{ upstream, cause }, shm.loads.sheds(load, index)]),
      ),
      [{ upstream: '', cause: 'loop-delay' }, ofWorkers('shedsLoop')],
      [{ upstream: '', cause: 'memory' }, ofWorkers('shedsMemory')],
    ],
  );
  page.add(
    'sluice_overload_level',
    'gauge',
    'The share of requests, 0 to 1, that a worker sheds because it, or the process, has too much to do.',
    workers.map((worker) => [{ worker: String(worker) }, control.read(worker, 'overload') / 1_000]),
  );
}
