// Who knows whom. Decisions are made in the parts.

import { type Clock, monotonicClock } from '../base/clock.ts';
import { UpstreamWatch } from '../control/health/upstream-watch.ts';
import type { Log } from '../control/log.ts';
import { type WiredLedger, wireLedger } from '../control/metering/ledger/wire-ledger.ts';
import { NonceDesk } from '../control/nonces/nonce-desk.ts';
import type { ClusterLimits, ClusterLimitsOptions } from '../control/quota/leases/cluster-limits.ts';
import { LimitRegistry } from '../control/quota/limit-registry.ts';
import type { Publisher } from '../control/releases/publisher.ts';
import { Reloader } from '../control/releases/reloader.ts';
import type { TakeOver } from '../control/takeover/take-over.ts';
import { SpanForwarder } from '../control/telemetry/span-forwarder.ts';
import { ListenerCertificates } from '../control/workers/listener-certificates.ts';
import { ListenerPlan } from '../control/workers/listener-plan.ts';
import type { TaskPool } from '../control/workers/task-pool.ts';
import { WorkerFleet } from '../control/workers/worker-fleet.ts';
import { SharedMemory } from '../shm/shared-memory.ts';
import { auditReload } from './audit-life.ts';
import type { FirstCompile } from './compile-first.ts';
import type { Parts } from './parts.ts';
import { StartError } from './start-error.ts';
import { wireAdmin } from './wire-admin.ts';
import { wireCatalog } from './wire-catalog.ts';
import { acceptorsOf, watchConnections } from './wire-listeners.ts';
import { wirePublisher } from './wire-publisher.ts';
import { type WiredQuotas, wireQuotas } from './wire-quotas.ts';

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
  const acceptors = acceptorsOf(plan);
  const fleet: WorkerFleet = new WorkerFleet({
    threads,
    sealKey: first.sealKey,
    shm,
    clock,
    log,
    distributor: acceptors,
    listenersOf: (worker) => plan.listenersOf(worker),
    snapshots: () => publisher.snapshots(),
    onCountConnections: () => void connections?.count(),
    onSpans: (batch) => spans.add(batch),
    onQuotaNeed: (need) => void quotas.keeper.need(need),
    onLimitQuestion: (worker, question) => takeOver.ask(worker, question),
    onLeaseQuestion: (worker, question) => cluster?.ask(worker, question),
    onNonceQuestion: (worker, question) => void nonces?.ask(worker, question),
    onHopeless: (worker, lateMs) => endHopeless(worker, lateMs, log),
  });
  const connections = watchConnections({ gateway: takeOver.gateway, plan, fleet, tasks, clock, log });
  let cluster: ClusterLimits | undefined;
  let nonces: NonceDesk | undefined;
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
  const publisher: Publisher = wirePublisher({
    ...{ shm, limits, first, fleet, upstreams, catalog, quotas },
    usage: () => usage,
    cluster: () => cluster,
  });
  const usage: WiredLedger = wireLedger({
    ...{ table: shm.usage, tasks, folder: first.folder, redis: first.gateway.redis, log, publisher },
    config: () => reloader.gateway.usage,
  });
  const published = await publisher.publish(() => []);
  if (!published.ok) throw new StartError(published.error);
  cluster = await startCluster({ url: first.gateway.redis, table: shm.leases, clock, log, workers: fleet });
  cluster?.useLimits(published.value.summary.clusterLimits);
  if (cluster !== undefined) nonces = new NonceDesk({ connection: cluster.connection, workers: fleet });
  const { folder, gateway } = first;
  const admin = wireAdmin({ folder, redis: gateway.redis, admin: takeOver.gateway.admin, log });
  const reloader: Reloader = new Reloader(publisher, gateway, log, {
    certificates: new ListenerCertificates(plan, fleet.tls),
    onReload: (told) => auditReload(admin.audit, told, log),
  });
  const spans = forwardSpans(tasks, clock, log, () => reloader);
  return {
    gateway: takeOver.gateway,
    ...{ takeOver, clock, shm, limits, quotas, plan, acceptors, fleet },
    ...{ publisher, reloader, spans, upstreams, usage, cluster, connections, admin, catalog },
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
