// An upstream of raw bytes: what each connection does is the test's. It knows when things happened, so that no test waits
// for time to pass.

import type { AddressInfo } from 'node:net';
import { createServer, type Server, type Socket } from 'node:net';
import { resetConnection } from './reset-connection.ts';

export class RawConnection {
  readonly socket: Socket;
  /** The connection has ended, however. */
  readonly closed: Promise<void>;
  #received = Buffer.alloc(0);
  #onData: () => void = () => {};

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#onData();
    });
    socket.on('error', () => {});
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        resolve();
        this.#onData();
      });
    });
  }

  /** In latin1. */
  get received(): string {
    return this.#received.toString('latin1');
  }

  /** Resolves to what was received once `enough` says so, or the connection has ended; then it is forgotten. */
  async take(enough: (received: string) => boolean = (received) => received.includes('\r\n\r\n')): Promise<string> {
    await new Promise<void>((resolve) => {
      this.#onData = () => {
        if (enough(this.received) || this.socket.destroyed) resolve();
      };
      this.#onData();
    });
    const taken = this.received;
    this.#received = Buffer.alloc(0);
    return taken;
  }

  send(text: string | Uint8Array): void {
    this.socket.write(typeof text === 'string' ? Buffer.from(text, 'latin1') : text);
  }

  /** Send in pieces, the other side's loop turning between them. */
  async sendInPieces(pieces: readonly string[]): Promise<void> {
    for (const piece of pieces) {
      // The other side has refused what came before.
      if (this.socket.destroyed) return;
      this.send(piece);
      await turns(2);
    }
  }

  end(): void {
    this.socket.end();
  }

  /** With a TCP reset. */
  reset(): void {
    resetConnection(this.socket);
  }
}

export class RawUpstream {
  readonly port: number;
  readonly connections: RawConnection[] = [];
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
  }

  /** @param serve  is called for each connection; what it rejects with ends it */
  static async listen(serve: (connection: RawConnection, index: number) => Promise<void> | void): Promise<RawUpstream> {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      const connection = new RawConnection(socket);
      upstream.connections.push(connection);
      void Promise.resolve(serve(connection, upstream.connections.length - 1)).catch(() => socket.destroy());
      // What is over on their side is over here, once the script has ended.
      socket.on('end', () => socket.end());
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const upstream = new RawUpstream(server);
    return upstream;
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Connections that are open. */
  get openCount(): number {
    return this.connections.filter(({ socket }) => !socket.destroyed).length;
  }

  async close(): Promise<void> {
    for (const { socket } of this.connections) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

/** So many turns of the event loop. */
export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}
