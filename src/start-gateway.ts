// The life of a gateway's process: its parts are wired (wiring/), it listens, reloads, drains.

import { AdminServer } from './control/admin/admin-server.ts';
import { viewPages } from './control/admin/view-pages.ts';
import { type Log, logToStderr } from './control/log.ts';
import { CertificateWatcher } from './control/releases/certificate-watcher.ts';
import { ConfigWatcher } from './control/releases/config-watcher.ts';
import { TakeOverError } from './control/takeover/predecessor.ts';
import { TakeOver } from './control/takeover/take-over.ts';
import { TaskPool } from './control/workers/task-pool.ts';
import { probePorts } from './gateway/listener/node/probe-ports.ts';
import { adminViewOf } from './wiring/admin-view-of.ts';
import { auditStart, auditStop } from './wiring/audit-life.ts';
import { compileFirst } from './wiring/compile-first.ts';
import type { Parts } from './wiring/parts.ts';
import { StartError } from './wiring/start-error.ts';
import { startUpkeep } from './wiring/upkeep.ts';
import { wireParts } from './wiring/wire-parts.ts';

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
  /** Resolves to the token of the first operator, to be shown once, when there were no operators and this process has made one. */
  readonly firstToken: Promise<string>;
  /** Read the configuration again, and open log files anew. @param why  for the log */
  reload(why: string): Promise<void>;
  /** Stop accepting, finish what is under way, end every thread. */
  drain(): Promise<void>;
}

// The clients of a gateway that was taken over from leave with their next answer; those who send none for so long meet a
// closed connection, as after any idle time.
const HANDED_OVER_QUIET_MS = 5_000;
// At the end: how long spans that are left may take to be exported.
const SPANS_FLUSH_MS = 2_000;
// And usage to be written.
const LEDGER_CLOSE_MS = 5_000;

/** @throws {StartError} */
export async function startGateway(options: GatewayOptions): Promise<RunningGateway> {
  const log = options.log ?? logToStderr;
  const tasks = new TaskPool(entry('task.worker'));
  let takeOver: TakeOver | undefined;
  try {
    const first = await compileFirst(
      { ...options, workerFile: options.workerFile ?? entry('gateway.worker') },
      tasks,
      log,
    );
    takeOver = await TakeOver.begin({
      folder: first.folder,
      takesOver: options.takeOver === true,
      gateway: first.gateway,
      log,
    });
    const parts = await wireParts(first, takeOver, tasks, log);
    return await serve(parts, options.file, tasks, log);
  } catch (error) {
    takeOver?.close();
    await tasks.close();
    throw error instanceof TakeOverError ? new StartError([error.message]) : error;
  }
}

async function serve(parts: Parts, file: string, tasks: TaskPool, log: Log): Promise<RunningGateway> {
  const { gateway, takeOver, shm, quotas, plan, acceptors, fleet, reloader, spans, upstreams, cluster } = parts;
  const { audit } = parts.admin;
  const admin = adminServer(parts, tasks);
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
    await quotas.keeper.close();
    await cluster?.close();
    await parts.catalog.close();
    throw new StartError([error instanceof Error ? error.message : String(error)]);
  }
  const upkeep = startUpkeep(parts, log);
  const known = parts.admin.start().then(() => void auditStart(audit, takeOver.predecessorPid, log));
  // A token that is made is to be printed with the addresses; but traffic waits for no Redis.
  if (gateway.redis === '') await known;
  parts.usage.ledger.start();
  const watcher = new ConfigWatcher(file, () => void reloader.reload(`${file} changed`));
  const certificates = new CertificateWatcher(
    () => reloader.gateway,
    () => void reloader.reload('certificates changed'),
  );
  await watcher.ready;

  return {
    addresses: gateway.listen.map(({ host, tls }, index) => url(host, ports[index] ?? 0, tls && 'https')),
    adminAddress: url(gateway.admin.host, adminPort),
    handedOver: takeOver.handedOver,
    firstToken: parts.admin.firstToken,
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
      watcher.close();
      certificates.close();
      upstreams.stop();
      upkeep.stop();
      await fleet.drain(reloader.gateway.drainTimeoutMs, takeOver.isHandedOver ? HANDED_OVER_QUIET_MS : undefined);
      await quotas.keeper.close();
      await quotas.alerts.close();
      await cluster?.close();
      await parts.catalog.close();
      acceptors.close();
      admin.close();
      await auditStop(parts.admin, takeOver.isHandedOver, log);
      await parts.admin.close();
      await parts.usage.ledger.close(LEDGER_CLOSE_MS);
      takeOver.close();
      await spans.flush(SPANS_FLUSH_MS);
      await tasks.close();
    },
  };
}

/** What the admin port serves, and to whom. */
function adminServer(parts: Parts, tasks: TaskPool): AdminServer {
  const { gate, guard, tally } = parts.admin;
  const pages = viewPages(adminViewOf(parts, tasks), parts.gateway.admin.metrics);
  return new AdminServer(pages, {
    gate,
    look(req) {
      const refusal = guard.look(req);
      if (refusal !== undefined) tally.noteForeign();
      return refusal;
    },
    more: async () => (await import('./wiring/admin-pages.ts')).adminPages(parts, pages),
  });
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
  plan.noteUwsPorts(uwsPorts);
  return gateway.listen.map((each) => uwsPorts[plan.uws.indexOf(each)] ?? plan.nodePort(plan.node.indexOf(each)));
}

/** The compiled piscina entry: dist/workers/NAME.js, two folders up from dist/src. */
function entry(name: string): string {
  return new URL(`../workers/${name}.js`, import.meta.url).href;
}

function url(host: string, port: number, scheme = 'http'): string {
  const shown = host === '' || host === '::' || host === '0.0.0.0' ? '127.0.0.1' : host;
  return `${scheme}://${shown.includes(':') ? `[${shown}]` : shown}:${port}`;
}
