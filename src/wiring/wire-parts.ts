// Who knows whom. Decisions are made in the parts.

import { type Clock, monotonicClock } from '../base/clock.ts';
import { UpstreamWatch } from '../control/health/upstream-watch.ts';
import type { Log } from '../control/log.ts';
import { type WiredLedger, wireLedger } from '../control/metering/ledger/wire-ledger.ts';
import type { ClusterLimits, ClusterLimitsOptions } from '../control/quota/leases/cluster-limits.ts';
import { LimitRegistry } from '../control/quota/limit-registry.ts';
import { Publisher } from '../control/releases/publisher.ts';
import { Reloader } from '../control/releases/reloader.ts';
import type { TakeOver } from '../control/takeover/take-over.ts';
import { SpanForwarder } from '../control/telemetry/span-forwarder.ts';
import { ListenerPlan } from '../control/workers/listener-plan.ts';
import type { TaskPool } from '../control/workers/task-pool.ts';
import { WorkerFleet } from '../control/workers/worker-fleet.ts';
import { Acceptors } from '../gateway/listener/uws/acceptors.ts';
import { SharedMemory } from '../shm/shared-memory.ts';
import type { FirstCompile } from './compile-first.ts';
import type { Parts } from './parts.ts';
import { StartError } from './start-error.ts';
import { wireCatalog } from './wire-catalog.ts';
import { type WiredQuotas, wireQuotas } from './wire-quotas.ts';

// How long all workers may take to hold a new snapshot ready; a worker that hangs for longer ends the process.
const ATTACH_TIMEOUT_MS = 10_000;

/** @throws {StartError} */
export async function wireParts(first: FirstCompile, takeOver: TakeOver, tasks: TaskPool, log: Log): Promise<Parts> {
  const { workerCount, threads } = first;
  const clock = monotonicClock();
  const shm = SharedMemory.create(workerCount, takeOver.seedLow, takeOver.seedHigh, first.gateway.limitKeys);
  const limits = new LimitRegistry(shm.limits, clock);
  const askLimits = (isOn: boolean) => fleet.askLimits(isOn);
  const answerLimits: WorkerFleet['answerLimits'] = (worker, answers) => fleet.answerLimits(worker, answers);
  await takeOver.open({ shm, limits, clock, workers: { askLimits, answerLimits } });
  const plan = new ListenerPlan(takeOver.gateway, workerCount, takeOver.sharesPorts);
  const acceptors = new Acceptors(plan.uws);
  const fleet: WorkerFleet = new WorkerFleet({
    threads,
    sealKey: first.sealKey,
    shm,
    clock,
    log,
    distributor: acceptors,
    listenersOf: (worker) => plan.listenersOf(worker),
    snapshots: () => publisher.snapshots(),
    onSpans: (batch) => spans.add(batch),
    onQuotaNeed: (need) => void quotas.keeper.need(need),
    onLimitQuestion: (worker, question) => takeOver.ask(worker, question),
    onLeaseQuestion: (worker, question) => cluster?.ask(worker, question),
    onHopeless: (worker, lateMs) => endHopeless(worker, lateMs, log),
  });
  let cluster: ClusterLimits | undefined;
  const quotas: WiredQuotas = await wireQuotas({
    ...{ table: shm.quotas, clock, folder: first.folder, url: first.gateway.redis, log },
    timeZone: () => reloader.gateway.timeZone,
    wake: (key) => fleet.wakeQuota(key),
    alerts: () => reloader.gateway.alerts,
    send: (task) => tasks.sendWebhook(task),
  });
  const catalog = await wireCatalog({
    ...{ folder: first.folder, url: first.gateway.redis, log, workers: fleet },
    publish: (why) => void reloader.republish(why),
  });
  const upstreams = new UpstreamWatch({
    table: shm.targets,
    clock,
    log,
    readTargets: ({ file, httpsOnly }) => tasks.readTargets({ file, httpsOnly, env: { ...process.env } }),
    publish: (why) => reloader.republish(why),
    indexes: () => publisher.targets(),
  });
  const publisher: Publisher = new Publisher({
    shm,
    limits,
    compile: (epoch, recycled, kept) =>
      upstreams.compile((discovered, last) =>
        first.compile({
          ...{ epoch, discovered, recycled: last?.buffer ?? recycled, kept: last?.source ?? kept },
          stored: catalog.source(kept === undefined),
        }),
      ),
    attach: (snapshot) => fleet.attach(snapshot, ATTACH_TIMEOUT_MS),
    discard: (epoch) => fleet.discard(epoch),
    settleUsage: () => usage.ledger.settle(),
    onSettled: (current, isNew) => {
      cluster?.useLimits(current?.clusterLimits ?? []);
      upstreams.settle(current?.upstreams ?? [], isNew);
      catalog.settle(current?.catalogVersion ?? 0);
      if (isNew) void quotas.keeper.refresh();
    },
  });
  const usage: WiredLedger = wireLedger({
    ...{ table: shm.usage, tasks, folder: first.folder, redis: first.gateway.redis, log, publisher },
    config: () => reloader.gateway.usage,
  });
  const published = await publisher.publish(() => []);
  if (!published.ok) throw new StartError(published.error);
  cluster = await startCluster({ url: first.gateway.redis, table: shm.leases, clock, log, workers: fleet });
  cluster?.useLimits(published.value.summary.clusterLimits);
  const reloader: Reloader = new Reloader(publisher, first.gateway, log);
  const spans = forwardSpans(tasks, clock, log, () => reloader);
  return {
    gateway: takeOver.gateway,
    ...{ takeOver, clock, shm, limits, quotas, plan, acceptors, fleet },
    ...{ publisher, reloader, spans, upstreams, usage, cluster, catalog },
  };
}

function forwardSpans(tasks: TaskPool, clock: Clock, log: Log, reloader: () => Reloader): SpanForwarder {
  return new SpanForwarder({
    export: (task) => tasks.exportSpans(task),
    tracing: () => reloader().gateway.tracing,
    clock,
    log,
  });
}

/** The client of Redis costs a start 130 ms: it is loaded where there is one. */
async function startCluster(options: ClusterLimitsOptions): Promise<ClusterLimits | undefined> {
  if (options.url === '') return undefined;
  const { ClusterLimits } = await import('../control/quota/leases/cluster-limits.ts');
  return ClusterLimits.start(options);
}

function endHopeless(worker: number, lateMs: number, log: Log): void {
  log('error', `worker ${worker} has hung for ${Math.round(lateMs)} ms: the process ends, to be started again`);
  process.kill(process.pid, 'SIGKILL');
}
