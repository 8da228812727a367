// A worker's transports, one per target and its settings. They outlive snapshots: a reload that leaves a target as it was
// leaves its connections open.

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
    const key = `${options.origin} ${options.connectTimeoutMs} ${options.connectionsMax}`;
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
