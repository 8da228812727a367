// A TCP proxy in front of a real upstream, whose faults are switched while it runs (fault.ts says which there are). A fault
// that is set holds for every connection from its next byte on; one that is set for the next connection, for all of that
// connection's life.

import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault, ProxiedRequest } from './fault.ts';
import { FaultConnection } from './fault-connection.ts';

// While nobody listens, the port may be taken by anyone's outgoing connection; those end.
const LISTEN_ATTEMPTS_MAX = 40;
const LISTEN_RETRY_MS = 50;

export class FaultProxy {
  readonly port: number;
  /** Connections that were accepted. */
  connectionCount = 0;
  /** Called with every request that comes, whatever becomes of it. */
  onRequest: (request: ProxiedRequest) => void = () => {};
  #upstreamPort: number;
  #server: Server | undefined;
  #fault: Fault = { kind: 'pass' };
  readonly #next: Fault[] = [];
  readonly #open = new Map<Socket, FaultConnection>();

  private constructor(port: number, upstreamPort: number) {
    this.port = port;
    this.#upstreamPort = upstreamPort;
  }

  /** On a free port of the loopback. */
  static async listen(upstreamPort: number): Promise<FaultProxy> {
    const server = createServer({ allowHalfOpen: true });
    await listenOn(server, 0);
    const proxy = new FaultProxy((server.address() as AddressInfo).port, upstreamPort);
    proxy.#accept(server);
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Connections that are open. */
  get openCount(): number {
    return this.#open.size;
  }

  /** The upstream was started again, and has another port. */
  forwardTo(upstreamPort: number): void {
    this.#upstreamPort = upstreamPort;
  }

  /** Resolves when the port is as the fault says: listened to, or not. */
  async set(fault: Fault): Promise<void> {
    this.#fault = fault;
    const isHangUp = fault.kind === 'hang-up' && fault.at === 'connect';
    // Connections that are open would not feel it.
    if (isHangUp) this.#endAll(fault.how);
    if (fault.kind === 'refuse') await this.#stopListening();
    else if (this.#server === undefined) await this.#listenAgain();
  }

  /** For the next connection only, to its end; several are taken in their order. */
  setNext(fault: Exclude<Fault, { readonly kind: 'refuse' }>): void {
    this.#next.push(fault);
  }

  async close(): Promise<void> {
    await this.#stopListening();
  }

  #accept(server: Server): void {
    this.#server = server;
    server.on('connection', (socket) => {
      this.connectionCount++;
      const own = this.#next.shift();
      const connection = new FaultConnection(socket, {
        fault: () => own ?? this.#fault,
        upstreamPort: () => this.#upstreamPort,
        onRequest: (request) => this.onRequest(request),
      });
      this.#open.set(socket, connection);
      socket.on('close', () => this.#open.delete(socket));
    });
  }

  async #stopListening(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    this.#endAll('reset');
    await closed;
  }

  async #listenAgain(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const server = createServer({ allowHalfOpen: true });
      try {
        await listenOn(server, this.port);
        this.#accept(server);
        return;
      } catch (error) {
        if (attempt === LISTEN_ATTEMPTS_MAX) throw error;
        await sleep(LISTEN_RETRY_MS);
      }
    }
  }

  #endAll(how: 'close' | 'reset'): void {
    for (const connection of this.#open.values()) connection.end(how);
  }
}

function listenOn(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      resolve();
    });
  });
}
