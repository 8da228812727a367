// Which thread serves which listener. uWebSockets.js listeners are the main thread's, which hands connections to every
// worker; a node:http server listens in the worker itself: in all of them where the system's and Node's SO_REUSEPORT
// allow it, else in worker 0.

import type { WorkerIndex } from '../../base/ids.ts';
import type { ListenerSettings, ListenerTls, TlsPlan } from '../../gateway/worker-messages.ts';
import type { GatewayConfig } from '../config/config.ts';
import type { ListenConfig, ListenTlsConfig } from '../config/listen-config.ts';

/** A listener, as another process sees it that may take over. */
export interface SharedListener {
  /** As configured; '' for every address. */
  readonly host: string;
  /** As configured; 0 where the system chose. */
  readonly wantedPort: number;
  /** As it is. */
  readonly port: number;
  readonly engine: 'uws' | 'node';
  /** It was opened with SO_REUSEPORT, so that another process may listen beside it. */
  readonly isShared: boolean;
}

export class ListenerPlan {
  readonly uws: readonly ListenConfig[];
  readonly node: readonly ListenConfig[];
  readonly #gateway: GatewayConfig;
  /** As it is now, in the order of the listeners. */
  #tls: ListenerTls;
  readonly #workerCount: number;
  readonly #sharesPorts: boolean;
  /** Of node listeners. */
  readonly #reusesPort: boolean;
  /** Ports of the node listeners once they are known: a replacement gets its predecessor's. */
  readonly #nodePorts: number[];
  #uwsPorts: readonly number[] = [];

  /** @param sharesPorts  another process may listen on the same ports, to take over */
  constructor(gateway: GatewayConfig, workerCount: number, sharesPorts = false) {
    this.#gateway = gateway;
    this.#workerCount = workerCount;
    this.#sharesPorts = sharesPorts;
    this.uws = gateway.listen.filter(({ engine }) => engine === 'uws');
    this.node = gateway.listen.filter(({ engine }) => engine === 'node');
    this.#nodePorts = this.node.map(({ port }) => port);
    this.#tls = listenerTls(gateway.listen);
    // A port that the system chooses cannot be shared before it is known.
    const isWanted = workerCount > 1 || sharesPorts;
    this.#reusesPort = nodeSupportsReusePort() && isWanted && this.#nodePorts.every((port) => port !== 0);
  }

  /** In the order of `uws`. */
  noteUwsPorts(ports: readonly number[]): void {
    this.#uwsPorts = ports;
  }

  get uwsPorts(): readonly number[] {
    return this.#uwsPorts;
  }

  get tls(): ListenerTls {
    return this.#tls;
  }

  /** What workers that start from now on get. */
  useTls(tls: ListenerTls): void {
    this.#tls = tls;
  }

  noteNodePorts(ports: readonly number[]): void {
    ports.forEach((port, index) => {
      this.#nodePorts[index] = port;
    });
  }

  nodePort(index: number): number {
    return this.#nodePorts[index] ?? 0;
  }

  /** What a process that takes over has to know of a listener. */
  sharedListener(listen: ListenConfig, port: number): Omit<SharedListener, 'wantedPort'> {
    const at = this.node.indexOf(listen);
    const isShared = at < 0 ? this.#sharesPorts : this.#reusesPort;
    return { host: listen.host, port, engine: listen.engine, isShared };
  }

  listenersOf(worker: WorkerIndex): ListenerSettings {
    const { limits } = this.#gateway;
    const servesNode = this.#reusesPort || worker === 0;
    const perWorker = Math.ceil(limits.connections / this.#workerCount);
    return {
      connectionsPerAddress: limits.connectionsPerAddress,
      workerCount: this.#workerCount,
      uws: this.uws.map(({ chunked, redirectPort = 0 }, index) => ({
        tls: this.#tls.uws[index],
        redirectPort,
        headerBytesMax: limits.headerBytes,
        refuseChunked: chunked === 'refuse',
        messageBytesMax: limits.messageBytes,
        idleTimeoutSeconds: Math.max(1, Math.round(Math.min(limits.headerTimeoutMs, limits.idleTimeoutMs) / 1_000)),
        flushTimeoutMs: limits.idleTimeoutMs,
        connectionsMax: perWorker,
      })),
      node: servesNode ? this.node.map((listen, index) => this.#nodeSettings(listen, index, perWorker)) : [],
    };
  }

  #nodeSettings(listen: ListenConfig, index: number, perWorker: number) {
    const { limits } = this.#gateway;
    return {
      tls: this.#tls.node[index],
      redirectPort: listen.redirectPort ?? 0,
      proxyProtocol: listen.proxyProtocol === true,
      host: listen.host,
      port: this.nodePort(index),
      reusePort: this.#reusesPort,
      headerBytesMax: limits.headerBytes,
      refuseChunked: listen.chunked === 'refuse',
      messageBytesMax: limits.messageBytes,
      headerTimeoutMs: limits.headerTimeoutMs,
      idleTimeoutMs: limits.idleTimeoutMs,
      connectionsMax: this.#reusesPort ? perWorker : limits.connections,
      connectionsPerAddress: this.#reusesPort
        ? Math.ceil(limits.connectionsPerAddress / this.#workerCount)
        : limits.connectionsPerAddress,
    };
  }
}

/** By engine, each in the order of the listeners. */
export function listenerTls(listen: readonly ListenConfig[]): ListenerTls {
  const plansOf = (wanted: ListenConfig['engine']) =>
    listen.filter(({ engine }) => engine === wanted).map(({ tls }) => (tls === undefined ? undefined : planOf(tls)));
  return { uws: plansOf('uws'), node: plansOf('node') };
}

/** Without what only the control plane wants to know: two plans that say the same are the same as text. */
function planOf({ clientCaFile: _, certificates, ...tls }: ListenTlsConfig): TlsPlan {
  return { ...tls, certificates: certificates.map(({ expiresMs: _expires, ...certificate }) => certificate) };
}

/** net.Server's reusePort came with Node 22.12 and works on Linux. */
export function nodeSupportsReusePort(): boolean {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  return process.platform === 'linux' && (major > 22 || (major === 22 && minor >= 12));
}
