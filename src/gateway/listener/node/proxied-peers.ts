// Whose the connections of trusted proxies are: the header of the PROXY protocol is read before node:http, or TLS, sees a byte.

import type { Server, Socket } from 'node:net';
import { peerAddress } from '../../../base/peer-address.ts';
import type { DataPlane } from '../../data-plane.ts';
import { readProxyHeader } from './proxy-header.ts';

interface ProxiedPeer {
  readonly socket: Socket;
  readonly address: string;
}

export class ProxiedPeers {
  readonly #isTls: boolean;
  readonly #timeoutMs: number;
  readonly #plane: DataPlane;
  /** By both ends of the connection: a TLSSocket does not say which socket it is on. */
  readonly #peers = new Map<string, ProxiedPeer>();

  /**
   * @param server  whose connections are looked at first, and handed to it then
   * @param timeoutMs  how long a header may take
   */
  constructor(server: Server, timeoutMs: number, plane: DataPlane) {
    this.#isTls = 'setSecureContext' in server;
    this.#timeoutMs = timeoutMs;
    this.#plane = plane;
    const takers = server.listeners('connection');
    server.removeAllListeners('connection');
    const pass = (socket: Socket): void => {
      for (const take of takers) take.call(server, socket);
    };
    server.on('connection', (socket: Socket) => this.#onConnection(socket, pass));
  }

  /** @returns undefined where nobody who is trusted has named a client */
  of(socket: Socket): string | undefined {
    return this.#peers.get(endsOf(socket))?.address;
  }

  #onConnection(socket: Socket, pass: (socket: Socket) => void): void {
    if (!this.#plane.trustsProxy(peerAddress(socket.remoteAddress ?? ''))) return pass(socket);
    readProxyHeader(socket, this.#timeoutMs, (address) => {
      if (address !== '') this.#note(socket, address);
      pass(socket);
      // TLS reads what is left of the first bytes by itself; node:http waits for them to come.
      if (!this.#isTls) socket.resume();
    });
  }

  #note(socket: Socket, address: string): void {
    const ends = endsOf(socket);
    const peer: ProxiedPeer = { socket, address };
    this.#peers.set(ends, peer);
    // By then another connection may have the same ends.
    socket.once('close', () => {
      if (this.#peers.get(ends) === peer) this.#peers.delete(ends);
    });
  }
}

function endsOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort} ${socket.localAddress}`;
}
