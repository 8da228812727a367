// A client's handshake on the node engine, granted by the package ws. The guards have looked at it before.

import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import type { HeaderList } from '../pipeline/exchange.ts';
import type { SocketListener } from './message-socket.ts';
import { socketOptions, WsSocket } from './ws-socket.ts';

const NO_BYTES = Buffer.alloc(0);

interface Grant {
  readonly headers: HeaderList;
  readonly protocol: string;
}

export class SocketAcceptor {
  readonly #server: WebSocketServer;
  /** Of the handshake that is being granted. */
  #grant: Grant = { headers: [], protocol: '' };

  constructor(messageBytesMax: number) {
    this.#server = new WebSocketServer({
      ...socketOptions(messageBytesMax),
      noServer: true,
      clientTracking: false,
      handleProtocols: () => this.#grant.protocol || false,
    });
    this.#server.on('headers', (lines) => {
      const { headers } = this.#grant;
      for (let i = 0; i < headers.length; i += 2) lines.push(`${headers[i]}: ${headers[i + 1]}`);
    });
  }

  /**
   * Send the 101, at once.
   * @param protocol  '' for none
   * @returns undefined when the client has gone
   */
  accept(
    req: IncomingMessage,
    socket: Socket,
    headers: HeaderList,
    protocol: string,
    listener: SocketListener,
  ): WsSocket | undefined {
    this.#grant = { headers, protocol };
    let accepted: WebSocket | undefined;
    // The package writes the head as a text; header values are latin1, byte for byte.
    socket.setDefaultEncoding('latin1');
    this.#server.handleUpgrade(req, socket, NO_BYTES, (ws) => {
      accepted = ws;
    });
    socket.setDefaultEncoding('utf8');
    return accepted === undefined ? undefined : new WsSocket(accepted, listener);
  }
}
