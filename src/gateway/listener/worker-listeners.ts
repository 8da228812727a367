// The listeners of one worker, and how they come to other certificates without a connection being lost.
//
// A uWebSockets.js app reads its certificates once. Other ones mean another app beside it, held ready until all workers have theirs;
// then the main thread hands new connections to that one, and the app before goes on with those that it has. Halfway to their
// deadline its answers ask their clients to come anew; at the deadline, or when none is left, it is closed. A node:https server takes
// other certificates as it is.

import type { WorkerIndex } from '../../base/ids.ts';
import type { ControlBlock } from '../../shm/control-block.ts';
import type { DataPlane } from '../data-plane.ts';
import type { ListenerSettings, ListenerTls, TlsPlan } from '../worker-messages.ts';
import { AddressLimit } from './address-limit.ts';
import { NodeListener } from './node/node-listener.ts';
import { UwsListener } from './uws/uws-listener.ts';

interface Prepared {
  readonly round: number;
  readonly uws: readonly UwsListener[];
}

interface Retired {
  readonly listener: UwsListener;
  readonly sinceMs: number;
  readonly closingMs: number;
  readonly untilMs: number;
}

// A connection that the main thread handed to an app just before it was taken out of distribution may not be there yet.
const STRAGGLERS_MS = 1_000;

export class WorkerListeners {
  readonly #plane: DataPlane;
  readonly #askConnections: () => void;
  /** undefined: no address has a limit. */
  #addresses: AddressLimit | undefined;
  #uws: readonly UwsListener[] = [];
  readonly #nodes: NodeListener[] = [];
  #prepared: Prepared | undefined;
  #retired: Retired[] = [];

  /** @param askConnections  for new counts, to be told by useConnections() */
  constructor(plane: DataPlane, askConnections: () => void) {
    this.#plane = plane;
    this.#askConnections = askConnections;
  }

  /** @returns the ports of the node listeners; rejects when an address cannot be had, or a certificate not be used */
  async open(settings: ListenerSettings): Promise<readonly number[]> {
    const ports: number[] = [];
    for (const options of settings.node) {
      const node = new NodeListener(this.#plane, options);
      ports.push(await node.listen());
      this.#nodes.push(node);
    }
    const { connectionsPerAddress, workerCount } = settings;
    if (connectionsPerAddress > 0) {
      const closed = (): number => closedConnections(this.#plane.shm.control);
      this.#addresses = new AddressLimit(connectionsPerAddress, workerCount, closed, this.#askConnections);
    }
    this.#uws = settings.uws.map((options) => new UwsListener(this.#plane, options, this.#addresses));
    return ports;
  }

  /** How many connections each address has, as the system tells. */
  useConnections(counts: Iterable<readonly [address: string, count: number]>): void {
    this.#addresses?.use(counts);
  }

  get descriptors(): readonly number[] {
    return this.#uws.map((uws) => uws.descriptor());
  }

  get hasNode(): boolean {
    return this.#nodes.length > 0;
  }

  /**
   * Hold other certificates ready.
   * @returns the descriptors of the apps that are to get new connections
   * @throws {Error} when they cannot be used; nothing has changed then
   */
  prepare(round: number, tls: ListenerTls): readonly number[] {
    this.discard();
    const made: UwsListener[] = [];
    try {
      const uws = this.#uws.map((listener, index) => {
        const next = tls.uws[index];
        if (next === undefined || isSame(next, listener.options.tls)) return listener;
        const other = new UwsListener(this.#plane, { ...listener.options, tls: next }, this.#addresses);
        made.push(other);
        return other;
      });
      this.#nodes.forEach((node, index) => {
        const next = tls.node[index];
        if (next !== undefined && !isSame(next, node.tls)) node.prepare(next);
      });
      this.#prepared = { round, uws };
      return uws.map((listener) => listener.descriptor());
    } catch (error) {
      for (const listener of made) closeUnused(listener);
      for (const node of this.#nodes) node.discardPrepared();
      throw error;
    }
  }

  /** The main thread hands connections to what was prepared. @param timeoutMs  how long those of the apps before may last */
  use(round: number, timeoutMs: number, nowMs: number): void {
    const prepared = this.#prepared;
    if (prepared?.round !== round) return;
    this.#prepared = undefined;
    for (const listener of this.#uws) {
      if (prepared.uws.includes(listener)) continue;
      const untilMs = nowMs + timeoutMs;
      this.#retired.push({ listener, sinceMs: nowMs, closingMs: nowMs + timeoutMs / 2, untilMs });
    }
    this.#uws = prepared.uws;
    for (const node of this.#nodes) node.usePrepared();
  }

  /** What was prepared is not coming. */
  discard(): void {
    const prepared = this.#prepared;
    if (prepared === undefined) return;
    this.#prepared = undefined;
    for (const listener of prepared.uws) if (!this.#uws.includes(listener)) closeUnused(listener);
    for (const node of this.#nodes) node.discardPrepared();
  }

  /** @param nowMs  by the worker's clock */
  tick(nowMs: number): void {
    for (const listener of this.#uws) listener.tick(nowMs);
    for (const { listener } of this.#retired) listener.tick(nowMs);
    if (this.#retired.length === 0) return;
    this.#retired = this.#retired.filter((retired) => {
      const { listener, sinceMs, closingMs, untilMs } = retired;
      if (nowMs >= closingMs) listener.startClosing();
      const isEmpty = listener.connectionCount === 0;
      if (nowMs - sinceMs < STRAGGLERS_MS || (!isEmpty && nowMs < untilMs)) return true;
      closeUnused(listener);
      return false;
    });
  }

  stopListening(): void {
    for (const node of this.#nodes) node.stopListening();
  }

  /** Cuts every connection. The main thread has taken the worker out of distribution before. */
  close(): void {
    this.discard();
    for (const { listener } of this.#retired) listener.close();
    this.#retired = [];
    for (const uws of this.#uws) uws.close();
    for (const node of this.#nodes) node.close();
  }
}

/** On all workers, modulo 2³². */
function closedConnections(control: ControlBlock): number {
  let closed = 0;
  for (let worker = 0; worker < control.workerCount; worker++) {
    closed += control.read(worker as WorkerIndex, 'connectionsClosed');
  }
  return closed >>> 0;
}

/** One that gets no connections any more. */
function closeUnused(listener: UwsListener): void {
  listener.close();
  // The closed app frees its sockets at the end of the turn.
  setImmediate(() => setImmediate(() => listener.forget()));
}

function isSame(one: TlsPlan, other: TlsPlan | undefined): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
