// Wires both planes: shared memory, task pool, publisher, fleet of gateway workers, acceptors, admin port. Decisions are
// made in the parts; here is only who knows whom.

import { availableParallelism } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { type Clock, monotonicClock } from './base/clock.ts';
import type { LimitIndex, WorkerIndex } from './base/ids.ts';
import { AdminServer } from './control/admin/admin-server.ts';
import type { AdminView } from './control/admin/admin-view.ts';
import type { GatewayConfig } from './control/config/config.ts';
import { CIRCUIT_LOOK_MS, CircuitWatcher } from './control/health/circuit-watcher.ts';
import { UpstreamWatch } from './control/health/upstream-watch.ts';
import { type Log, logToStderr } from './control/log.ts';
import { ClusterLimits } from './control/quota/leases/cluster-limits.ts';
import { LimitRegistry } from './control/quota/limit-registry.ts';
import { LimitSweeper, SLICE_INTERVAL_MS } from './control/quota/sweep-limits.ts';
import type { CompileTask } from './control/releases/compile-file.ts';
import { ConfigWatcher } from './control/releases/config-watcher.ts';
import { type CompileAnswer, Publisher } from './control/releases/publisher.ts';
import { Reloader } from './control/releases/reloader.ts';
import { TakeOverError } from './control/takeover/predecessor.ts';
import { TakeOver } from './control/takeover/take-over.ts';
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
  /** Overrides gateway.data. */
  readonly data?: string;
  /** Replace the gateway that runs with the data folder, if there is one. */
  readonly takeOver?: boolean;
  readonly log?: Log;
  /** Another piscina entry for the gateway workers, with policies of one's own. */
  readonly workerFile?: string;
}

/** A gateway that serves. */
export interface RunningGateway {
  /** http://127.0.0.1:8080, in the order of gateway.listen. */
  readonly addresses: readonly string[];
  readonly adminAddress: string;
  /** Resolves to the process that has taken over, and serves: this one is to be drained. */
  readonly handedOver: Promise<number>;
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
  /** With the ports of a gateway that is taken over from. */
  readonly gateway: GatewayConfig;
  readonly takeOver: TakeOver;
  readonly clock: Clock;
  readonly shm: SharedMemory;
  readonly limits: LimitRegistry;
  readonly plan: ListenerPlan;
  readonly acceptors: Acceptors;
  readonly fleet: WorkerFleet;
  readonly publisher: Publisher;
  readonly reloader: Reloader;
  readonly spans: SpanForwarder;
  readonly upstreams: UpstreamWatch;
  /** undefined: there is no store that instances share. */
  readonly cluster: ClusterLimits | undefined;
}

// The clients of a gateway that was taken over from leave with their next answer; those who send none for so long meet a
// closed connection, as after any idle time.
const HANDED_OVER_QUIET_MS = 5_000;
// At the end: how long spans that are left may take to be exported.
const SPANS_FLUSH_MS = 2_000;
// How long all workers may take to hold a new snapshot ready; a worker that hangs for longer ends the process.
const ATTACH_TIMEOUT_MS = 10_000;
const LOOP_DELAY_RESOLUTION_MS = 20;

/** @throws {StartError} */
export async function startGateway(options: GatewayOptions): Promise<RunningGateway> {
  const log = options.log ?? logToStderr;
  const tasks = new TaskPool(entry('task.worker'));
  let takeOver: TakeOver | undefined;
  try {
    const first = await compileFirst(options, tasks, log);
    takeOver = await TakeOver.begin({
      folder: options.data ?? first.gateway.data,
      takesOver: options.takeOver === true,
      gateway: first.gateway,
      log,
    });
    const parts = await wire(first, takeOver, tasks, log);
    return await serve(parts, options.file, tasks, log);
  } catch (error) {
    takeOver?.close();
    await tasks.close();
    throw error instanceof TakeOverError ? new StartError([error.message]) : error;
  }
}

/** The first snapshot, and what is loaded while it is compiled. */
interface FirstCompile {
  readonly gateway: GatewayConfig;
  readonly workerCount: number;
  readonly threads: WorkerThreads;
  /** The first call gets the first snapshot. */
  compile(task: Omit<CompileTask, 'file' | 'env'>): Promise<CompileAnswer>;
}

async function compileFirst(options: GatewayOptions, tasks: TaskPool, log: Log): Promise<FirstCompile> {
  const compile = (task: Omit<CompileTask, 'file' | 'env'>): Promise<CompileAnswer> =>
    tasks.compile({ file: options.file, env: { ...process.env }, ...task });
  // The first snapshot says how many workers there are, which the shared memory must know. The addon and the threads are
  // loaded meanwhile; the addon first, because its settings reach a thread through the environment it starts with.
  const compiling = compile({ epoch: 1, recycled: undefined, discovered: new Map() });
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
  return {
    gateway,
    workerCount,
    threads,
    compile: (task) => {
      if (first === undefined) return compile(task);
      const answer = first;
      first = undefined;
      return Promise.resolve(answer);
    },
  };
}

async function wire(first: FirstCompile, takeOver: TakeOver, tasks: TaskPool, log: Log): Promise<Parts> {
  const clock = monotonicClock();
  const shm = SharedMemory.create(first.workerCount, takeOver.seedLow, takeOver.seedHigh);
  const limits = new LimitRegistry(shm.limits, clock);
  await takeOver.open({
    shm,
    limits,
    clock,
    workers: {
      askLimits: (isOn) => fleet.askLimits(isOn),
      answerLimits: (worker, answers) => fleet.answerLimits(worker, answers),
    },
  });
  let cluster: ClusterLimits | undefined;
  const plan = new ListenerPlan(takeOver.gateway, first.workerCount, takeOver.sharesPorts);
  const acceptors = new Acceptors(plan.uws);
  const fleet: WorkerFleet = new WorkerFleet({
    threads: first.threads,
    shm,
    clock,
    log,
    distributor: acceptors,
    listenersOf: (worker) => plan.listenersOf(worker),
    snapshots: () => publisher.snapshots(),
    onSpans: (batch) => spans.add(batch),
    onLimitQuestion: (worker, question) => takeOver.ask(worker, question),
    onLeaseQuestion: (worker, question) => cluster?.ask(worker, question),
    onHopeless: (worker, lateMs) => {
      log('error', `worker ${worker} has hung for ${Math.round(lateMs)} ms: the process ends, to be started again`);
      process.kill(process.pid, 'SIGKILL');
    },
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
        first.compile({ epoch, recycled: last?.buffer ?? recycled, kept: last?.source ?? kept, discovered }),
      ),
    attach: (snapshot) => fleet.attach(snapshot, ATTACH_TIMEOUT_MS),
    discard: (epoch) => fleet.discard(epoch),
    onSettled: (current, isNew) => {
      cluster?.useLimits(current?.clusterLimits ?? []);
      upstreams.settle(current?.upstreams ?? [], isNew);
    },
  });
  const published = await publisher.publish(() => []);
  if (!published.ok) throw new StartError(published.error);
  cluster = ClusterLimits.start({ url: first.gateway.redis, table: shm.leases, clock, log, workers: fleet });
  cluster?.useLimits(published.value.summary.clusterLimits);
  const reloader = new Reloader(publisher, first.gateway, log);
  const spans = new SpanForwarder({
    export: (task) => tasks.exportSpans(task),
    tracing: () => reloader.gateway.tracing,
    clock,
    log,
  });
  return {
    gateway: takeOver.gateway,
    takeOver,
    clock,
    shm,
    limits,
    plan,
    acceptors,
    fleet,
    publisher,
    reloader,
    spans,
    upstreams,
    cluster,
  };
}

async function serve(parts: Parts, file: string, tasks: TaskPool, log: Log): Promise<RunningGateway> {
  const {
    gateway,
    takeOver,
    clock,
    shm,
    limits,
    plan,
    acceptors,
    fleet,
    publisher,
    reloader,
    spans,
    upstreams,
    cluster,
  } = parts;
  const admin = new AdminServer(adminView(parts, tasks));
  // Whoever takes over needs the admin port.
  void takeOver.handedOver.then(() => admin.close());
  let ports: readonly number[];
  let adminPort: number;
  try {
    ports = await listen(parts);
    takeOver.serving(gateway.listen.map((each, index) => plan.sharedListener(each, ports[index] ?? 0)));
    adminPort = await takeOver.listenAdmin(() => admin.listen(gateway.admin.host, gateway.admin.port));
    takeOver.publish();
  } catch (error) {
    await fleet.drain(0);
    acceptors.close();
    upstreams.stop();
    await cluster?.close();
    throw new StartError([error instanceof Error ? error.message : String(error)]);
  }
  const sweeper = new LimitSweeper(shm.limits, limits, clock, {
    workerCount: shm.control.workerCount,
    turnOf: (worker) => shm.control.read(worker as WorkerIndex, 'turn'),
    isRunning: (worker) => shm.control.status(worker as WorkerIndex) !== WorkerStatus.ABSENT,
  });
  const sweepTimer = setInterval(() => sweeper.sweepSlice(), SLICE_INTERVAL_MS);
  const circuits = new CircuitWatcher(shm.upstreams, () => publisher.upstreams(), log);
  const circuitTimer = setInterval(() => circuits.look(clock.nowUs() / 1_000), CIRCUIT_LOOK_MS);
  const memory = new MemoryWatch(shm.control, () => reloader.gateway.overload.memory);
  memory.start();
  const watcher = new ConfigWatcher(file, () => void reloader.reload(`${file} changed`), log);
  await watcher.ready;

  return {
    addresses: gateway.listen.map(({ host }, index) => url(host, ports[index] ?? 0)),
    adminAddress: url(gateway.admin.host, adminPort),
    handedOver: takeOver.handedOver,
    reload(why) {
      // Also when the configuration will be refused: whoever moved the logs away waits for new ones.
      fleet.reopenLogs();
      upstreams.refresh();
      return reloader.reload(why);
    },
    async drain() {
      // First nobody comes any more, then those who are here are sent away: a client that is told Connection: close
      // connects anew at once, and would meet a listening socket on the point of being closed.
      takeOver.stopListening();
      await acceptors.stopListening();
      await fleet.stopListening();
      shm.control.startDraining();
      await watcher.close();
      upstreams.stop();
      clearInterval(sweepTimer);
      clearInterval(circuitTimer);
      memory.stop();
      await fleet.drain(reloader.gateway.drainTimeoutMs, takeOver.isHandedOver ? HANDED_OVER_QUIET_MS : undefined);
      acceptors.close();
      await cluster?.close();
      admin.close();
      takeOver.close();
      await spans.flush(SPANS_FLUSH_MS);
      await tasks.close();
    },
  };
}

/** Clients come when there are workers to take them. @returns the ports of gateway.listen */
async function listen({ gateway, takeOver, plan, acceptors, fleet }: Parts): Promise<readonly number[]> {
  // Before anything changes for a gateway that is taken over from.
  await probePorts(takeOver.ownListeners);
  // A node listener takes requests as soon as its worker runs.
  if (plan.node.length > 0) await takeOver.take();
  const nodePorts = await fleet.start();
  plan.noteNodePorts(nodePorts[0] ?? []);
  if (plan.node.length === 0) await takeOver.take();
  // Shared ports would be shared with a gateway that was started at the same time, too.
  if (takeOver.sharesPorts) await probePorts(takeOver.ownListeners.filter(({ engine }) => engine === 'uws'));
  const uwsPorts = acceptors.listen(takeOver.sharesPorts);
  return gateway.listen.map((each) => uwsPorts[plan.uws.indexOf(each)] ?? plan.nodePort(plan.node.indexOf(each)));
}

function adminView(parts: Parts, tasks: TaskPool): AdminView {
  const { shm, clock, publisher, fleet, reloader, spans, upstreams, cluster } = parts;
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
    upstreams: () => upstreams.statuses(),
    publishedUpstreams: () => publisher.upstreams(),
    republished: () => ({ published: reloader.republished, refused: reloader.republicationsRefused }),
    loads: () => publisher.loads(),
    registeredWorkers: () => fleet.registeredCount,
    workerRestarts: () => fleet.restarts,
    reloadsPublished: () => reloader.published,
    reloadsRefused: () => reloader.refused,
    arenaBytes: () => publisher.arenaBytes,
    limitOverflows: () => totalOverflows(shm),
    clusterLimits: () => cluster?.status(),
    spans: () => spans.counts,
    notReady: () => [...notReady(fleet, shm), ...(cluster?.notReady() ?? [])],
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
