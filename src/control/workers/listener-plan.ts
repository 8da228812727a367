// Which thread serves which listener. uWebSockets.js listeners are the main thread's, which hands connections to every
// worker; a node:http server listens in the worker itself: in all of them where the system's and Node's SO_REUSEPORT
// allow it, else in worker 0.

import type { WorkerIndex } from '../../base/ids.ts';
import type { ListenerSettings } from '../../gateway/worker-messages.ts';
import type { GatewayConfig, ListenConfig } from '../config/config.ts';

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
      uws: this.uws.map(({ chunked }) => ({
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

/** net.Server's reusePort came with Node 22.12 and works on Linux. */
export function nodeSupportsReusePort(): boolean {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  return process.platform === 'linux' && (major > 22 || (major === 22 && minor >= 12));
}
