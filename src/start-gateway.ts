// Wires both planes: shared memory, task pool, publisher, fleet of gateway workers, acceptors, admin port. Decisions are
// made in the parts; here is only who knows whom.

import { randomInt } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { type Clock, monotonicClock } from './base/clock.ts';
import type { LimitIndex, WorkerIndex } from './base/ids.ts';
import { AdminServer } from './control/admin/admin-server.ts';
import type { AdminView } from './control/admin/admin-view.ts';
import type { GatewayConfig } from './control/config/config.ts';
import { type Log, logToStderr } from './control/log.ts';
import { LimitRegistry } from './control/quota/limit-registry.ts';
import { LimitSweeper, SLICE_INTERVAL_MS } from './control/quota/sweep-limits.ts';
import { ConfigWatcher } from './control/releases/config-watcher.ts';
import { type CompileAnswer, Publisher } from './control/releases/publisher.ts';
import { Reloader } from './control/releases/reloader.ts';
import { SpanForwarder } from './control/telemetry/span-forwarder.ts';
import { ListenerPlan } from './control/workers/listener-plan.ts';
import { MemoryWatch } from './control/workers/memory-watch.ts';
import { TaskPool } from './control/workers/task-pool.ts';
import { WorkerFleet } from './control/workers/worker-fleet.ts';
import { WorkerThreads } from './control/workers/worker-threads.ts';
import { loadUws } from './gateway/listener/load-uws.ts';
import { probePorts } from './gateway/listener/node/probe-ports.ts';
import { Acceptors } from './gateway/listener/uws/acceptors.ts';
import { WorkerStatus } from './shm/control-block.ts';
import { SharedMemory } from './shm/shared-memory.ts';

export interface GatewayOptions {
  /** sluice.yaml */
  readonly file: string;
  /** Overrides gateway.workers. */
  readonly workers?: number;
  readonly log?: Log;
  /** Another piscina entry for the gateway workers, with policies of one's own. */
  readonly workerFile?: string;
}

/** A gateway that serves. */
export interface RunningGateway {
  /** http://127.0.0.1:8080, in the order of gateway.listen. */
  readonly addresses: readonly string[];
  readonly adminAddress: string;
  /** Read the configuration again, and open log files anew. @param why  for the log */
  reload(why: string): Promise<void>;
  /** Stop accepting, finish what is under way, end every thread. */
  drain(): Promise<void>;
}

/** The configuration cannot be used, or an address not be had. */
export class StartError extends Error {
  override readonly name = 'StartError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}

/** The parts of a process, once they know each other. */
interface Parts {
  readonly gateway: GatewayConfig;
  readonly clock: Clock;
  readonly shm: SharedMemory;
  readonly limits: LimitRegistry;
  readonly plan: ListenerPlan;
  readonly acceptors: Acceptors;
  readonly fleet: WorkerFleet;
  readonly publisher: Publisher;
  readonly reloader: Reloader;
  readonly spans: SpanForwarder;
}

// At the end: how long spans that are left may take to be exported.
const SPANS_FLUSH_MS = 2_000;
// How long all workers may take to hold a new snapshot ready; a worker that hangs for longer ends the process.
const ATTACH_TIMEOUT_MS = 10_000;
const LOOP_DELAY_RESOLUTION_MS = 20;

/** @throws {StartError} */
export async function startGateway(options: GatewayOptions): Promise<RunningGateway> {
  const log = options.log ?? logToStderr;
  const tasks = new TaskPool(entry('task.worker'));
  try {
    const parts = await wire(options, tasks, log);
    return await serve(parts, options.file, tasks, log);
  } catch (error) {
    await tasks.close();
    throw error;
  }
}

async function wire(options: GatewayOptions, tasks: TaskPool, log: Log): Promise<Parts> {
  const clock = monotonicClock();
  const compile = (epoch: number, recycled: SharedArrayBuffer | undefined): Promise<CompileAnswer> =>
    tasks.compile({ file: options.file, env: { ...process.env }, epoch, recycled });
  // The first snapshot says how many workers there are, which the shared memory must know. The addon and the threads are
  // loaded meanwhile; the addon first, because its settings reach a thread through the environment it starts with.
  const compiling = compile(1, undefined);
  loadUws();
  const threads = new WorkerThreads(
    options.workerFile ?? entry('gateway.worker'),
    options.workers ?? availableParallelism(),
  );
  let first: CompileAnswer | undefined = await compiling;
  if (!first.ok) throw new StartError(first.problems);
  const gateway = first.gateway;
  for (const warning of first.warnings) log('warn', warning);
  const workerCount = options.workers ?? (gateway.workers === 0 ? availableParallelism() : gateway.workers);
  threads.fit(workerCount);
  const shm = SharedMemory.create(workerCount, randomInt(2 ** 32), randomInt(2 ** 32));
  const limits = new LimitRegistry(shm.limits, clock);
  const plan = new ListenerPlan(gateway, workerCount);
  const acceptors = new Acceptors(plan.uws);
  const fleet: WorkerFleet = new WorkerFleet({
    threads,
    shm,
    clock,
    log,
    distributor: acceptors,
    listenersOf: (worker) => plan.listenersOf(worker),
    snapshots: () => publisher.snapshots(),
    onSpans: (batch) => spans.add(batch),
    onHopeless: (worker, lateMs) => {
      log('error', `worker ${worker} has hung for ${Math.round(lateMs)} ms: the process ends, to be started again`);
      process.kill(process.pid, 'SIGKILL');
    },
  });
  const publisher: Publisher = new Publisher({
    shm,
    limits,
    compile: (epoch, recycled) => {
      if (first === undefined) return compile(epoch, recycled);
      const answer = first;
      first = undefined;
      return Promise.resolve(answer);
    },
    attach: (snapshot) => fleet.attach(snapshot, ATTACH_TIMEOUT_MS),
    discard: (epoch) => fleet.discard(epoch),
  });
  const published = await publisher.publish(() => []);
  if (!published.ok) throw new StartError(published.error);
  const reloader = new Reloader(publisher, gateway, log);
  const spans = new SpanForwarder({
    export: (task) => tasks.exportSpans(task),
    tracing: () => reloader.gateway.tracing,
    clock,
    log,
  });
  return { gateway, clock, shm, limits, plan, acceptors, fleet, publisher, reloader, spans };
}

async function serve(parts: Parts, file: string, tasks: TaskPool, log: Log): Promise<RunningGateway> {
  const { gateway, clock, shm, limits, plan, acceptors, fleet, reloader, spans } = parts;
  const admin = new AdminServer(adminView(parts, tasks));
  let uwsPorts: readonly number[];
  let adminPort: number;
  try {
    await probePorts(plan.node);
    // Clients come when there are workers to take them.
    const nodePorts = await fleet.start();
    plan.noteNodePorts(nodePorts[0] ?? []);
    uwsPorts = acceptors.listen();
    adminPort = await admin.listen(gateway.admin.host, gateway.admin.port);
  } catch (error) {
    await fleet.drain(0);
    acceptors.close();
    throw new StartError([error instanceof Error ? error.message : String(error)]);
  }
  const sweeper = new LimitSweeper(shm.limits, limits, clock, {
    workerCount: shm.control.workerCount,
    turnOf: (worker) => shm.control.read(worker as WorkerIndex, 'turn'),
    isRunning: (worker) => shm.control.status(worker as WorkerIndex) !== WorkerStatus.ABSENT,
  });
  const sweepTimer = setInterval(() => sweeper.sweepSlice(), SLICE_INTERVAL_MS);
  const memory = new MemoryWatch(shm.control, () => reloader.gateway.overload.memory);
  memory.start();
  const watcher = new ConfigWatcher(file, () => void reloader.reload(`${file} changed`), log);
  await watcher.ready;

  return {
    addresses: gateway.listen.map((listen) => {
      const at = plan.uws.indexOf(listen);
      return url(listen.host, at >= 0 ? (uwsPorts[at] as number) : plan.nodePort(plan.node.indexOf(listen)));
    }),
    adminAddress: url(gateway.admin.host, adminPort),
    reload(why) {
      // Also when the configuration will be refused: whoever moved the logs away waits for new ones.
      fleet.reopenLogs();
      return reloader.reload(why);
    },
    async drain() {
      // First nobody comes any more, then those who are here are sent away: a client that is told Connection: close
      // connects anew at once, and would meet a listening socket on the point of being closed.
      acceptors.stopListening();
      await fleet.stopListening();
      shm.control.startDraining();
      await watcher.close();
      clearInterval(sweepTimer);
      memory.stop();
      await fleet.drain(reloader.gateway.drainTimeoutMs);
      acceptors.close();
      admin.close();
      await spans.flush(SPANS_FLUSH_MS);
      await tasks.close();
    },
  };
}

function adminView({ shm, clock, publisher, fleet, reloader, spans }: Parts, tasks: TaskPool): AdminView {
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
    mainLoopDelayMs: () => {
      // What is measured includes the timer's own interval.
      const ms = Math.max(0, loopDelay.max / 1e6 - LOOP_DELAY_RESOLUTION_MS);
      loopDelay.reset();
      return ms;
    },
    targets: () => publisher.targets(),
    loads: () => publisher.loads(),
    registeredWorkers: () => fleet.registeredCount,
    workerRestarts: () => fleet.restarts,
    reloadsPublished: () => reloader.published,
    reloadsRefused: () => reloader.refused,
    arenaBytes: () => publisher.arenaBytes,
    limitOverflows: () => totalOverflows(shm),
    spans: () => spans.counts,
    notReady: () => notReady(fleet, shm),
  };
}

function notReady(fleet: WorkerFleet, shm: SharedMemory): readonly string[] {
  const reasons: string[] = [];
  if (shm.control.isDraining()) reasons.push('the gateway is draining');
  if (shm.control.epoch() === 0) reasons.push('no snapshot is published');
  if (fleet.registeredCount === 0) reasons.push('no worker is registered');
  return reasons;
}

function totalOverflows(shm: SharedMemory): number {
  let sum = 0;
  for (let limit = 0; limit < shm.limits.limitCount; limit++) sum += shm.limits.overflowCount(limit as LimitIndex);
  return sum;
}

/** The compiled piscina entry: dist/workers/NAME.js, two folders up from dist/src. */
function entry(name: string): string {
  return new URL(`../workers/${name}.js`, import.meta.url).href;
}

function url(host: string, port: number): string {
  const shown = host === '' || host === '::' || host === '0.0.0.0' ? '127.0.0.1' : host;
  return `http://${shown.includes(':') ? `[${shown}]` : shown}:${port}`;
}
