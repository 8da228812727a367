// A worker's transports, one per target and its settings. They outlive snapshots: a reload that leaves a target as it was
// leaves its connections open.

import { createHash } from 'node:crypto';
import type { UpstreamTlsPlan } from '../snapshot.ts';
import type { Transport, TransportOptions } from './transports/transport.ts';

interface Entry {
  readonly key: string;
  readonly transport: Transport;
  users: number;
}

export class TransportPools {
  readonly #create: (options: TransportOptions) => Transport;
  readonly #byKey = new Map<string, Entry>();
  readonly #byTransport = new Map<Transport, Entry>();

  constructor(create: (options: TransportOptions) => Transport) {
    this.#create = create;
  }

  acquire(options: TransportOptions): Transport {
    const key = keyOf(options);
    let entry = this.#byKey.get(key);
    if (entry === undefined) {
      entry = { key, transport: this.#create(options), users: 0 };
      this.#byKey.set(key, entry);
      this.#byTransport.set(entry.transport, entry);
    }
    entry.users++;
    return entry.transport;
  }

  /** The last user's release closes the transport, once what is under way has ended. */
  release(transport: Transport): void {
    const entry = this.#byTransport.get(transport);
    if (entry === undefined || --entry.users > 0) return;
    this.#byKey.delete(entry.key);
    this.#byTransport.delete(transport);
    transport.close();
  }

  /** Close everything now: the worker ends. */
  async destroy(): Promise<void> {
    const transports = [...this.#byTransport.keys()];
    this.#byKey.clear();
    this.#byTransport.clear();
    await Promise.allSettled(transports.map((transport) => transport.destroy()));
  }
}

/** The same for the same settings, and for no others. */
function keyOf(options: TransportOptions): string {
  const { origin, socketPath, connectTimeoutMs, connectionsMax, connectionsMin, idleTimeoutMs } = options;
  const { pipelining, http2, tls } = options;
  const numbers = [connectTimeoutMs, connectionsMax, connectionsMin, idleTimeoutMs, pipelining];
  return JSON.stringify([origin, socketPath, ...numbers, http2, tls && digestOf(tls)]);
}

/** Of the texts too: no private key lies in a map's key. */
function digestOf({ ca, cert, key, serverName, verify }: UpstreamTlsPlan): string {
  return createHash('sha256')
    .update(JSON.stringify([ca, cert, key, serverName, verify]))
    .digest('base64');
}
