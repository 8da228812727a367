// The gateway's own handshake with an upstream, by the package ws. It arms no timers: deadlines are the exchange's.

import type { ClientRequest, IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { WebSocket } from 'ws';
import type { HeaderList } from '../pipeline/exchange.ts';
import type { SocketConnector } from '../upstream/transports/socket-connector.ts';
import type { TransportFailure } from '../upstream/transports/transport.ts';
import type { SocketListener } from './message-socket.ts';
import { socketOptions, WsSocket } from './ws-socket.ts';

const HEAD_BYTES_MAX = 64 * 1024;

export interface SocketRequest {
  readonly connector: SocketConnector;
  /** Origin form: path with query. */
  readonly path: string;
  /** Host included; of Sec-WebSocket-… only the protocol. */
  readonly headers: OutgoingHttpHeaders;
  /** Names of subprotocols that the client offers. */
  readonly protocols: readonly string[];
  readonly messageBytesMax: number;
}

/** Whom a handshake tells; the last three end it. After cancel() nothing is told. */
export interface SocketRequestHandler {
  /** The connection stands: from here on it is the upstream that is waited for. */
  onConnected(): void;
  /**
   * The upstream's 101.
   * @param take  gives the socket to whoever listens to it; in this turn of the loop, or what it sends is lost
   * @param protocol  '' for none
   */
  onOpen(headers: HeaderList, protocol: string, take: (listener: SocketListener) => WsSocket): void;
  /** Another answer, whose body is the handler's to read or to destroy. */
  onAnswer(status: number, headers: HeaderList, body: IncomingMessage): void;
  onFailure(failure: TransportFailure): void;
}

export interface SocketCall {
  cancel(): void;
}

/** Never throws. */
export function connectSocket(request: SocketRequest, handler: SocketRequestHandler): SocketCall {
  try {
    return new Handshake(request, handler);
  } catch {
    // Headers that node:http refuses to write; the guards let none through that we know of.
    handler.onFailure('invalid');
    return { cancel() {} };
  }
}

class Handshake implements SocketCall {
  readonly #ws: WebSocket;
  readonly #request: SocketRequest;
  readonly #handler: SocketRequestHandler;
  #headers: HeaderList = [];
  #protocol = '';
  #body: IncomingMessage | undefined;
  #settled = false;
  #isConnected = false;

  constructor(request: SocketRequest, handler: SocketRequestHandler) {
    this.#request = request;
    this.#handler = handler;
    // The connector knows where to; the address says only what is a WebSocket's.
    this.#ws = new WebSocket('ws://upstream/', {
      ...socketOptions(request.messageBytesMax),
      createConnection: () => request.connector.open(),
      headers: request.headers,
      maxHeaderSize: HEAD_BYTES_MAX,
      followRedirects: false,
      finishRequest: (req: ClientRequest) => this.#send(req),
    });
    this.#ws.on('upgrade', (res) => this.#readHead(res));
    this.#ws.on('open', () => this.#onOpen());
    this.#ws.on('unexpected-response', (_req, res) => this.#onAnswer(res));
    this.#ws.on('error', (error) => this.#onError(error));
  }

  cancel(): void {
    this.#settled = true;
    this.#body?.destroy();
    this.#ws.terminate();
  }

  #send(req: ClientRequest): void {
    // As it was matched: the package would write it anew, by the rules of browsers.
    req.path = this.#request.path;
    req.once('socket', (socket) => {
      socket.once(this.#request.connector.connectEvent, () => {
        this.#isConnected = true;
        if (!this.#settled) this.#handler.onConnected();
      });
    });
    req.end();
  }

  /** The package has its own opinion of the subprotocol; a server need not choose any of those offered (RFC 6455 §4.2.2). */
  #readHead(res: IncomingMessage): void {
    this.#headers = flatHeaders(res.rawHeaders);
    const chosen = res.headers['sec-websocket-protocol'];
    if (chosen === undefined || !this.#request.protocols.includes(chosen)) return;
    this.#protocol = chosen;
    delete res.headers['sec-websocket-protocol'];
  }

  #onOpen(): void {
    if (this.#settled) return this.#ws.terminate();
    this.#settled = true;
    this.#handler.onOpen(this.#headers, this.#protocol, (listener) => new WsSocket(this.#ws, listener));
  }

  #onAnswer(res: IncomingMessage): void {
    if (this.#settled) return void res.destroy();
    this.#settled = true;
    this.#body = res;
    this.#handler.onAnswer(res.statusCode ?? 0, flatHeaders(res.rawHeaders), res);
  }

  #onError(error: Error & { code?: string }): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#handler.onFailure(this.#isConnected ? failureOf(error) : connectFailureOf(error));
  }
}

function flatHeaders(raw: readonly string[]): HeaderList {
  return raw.map((text, index) => (index % 2 === 0 ? text.toLowerCase() : text));
}

function failureOf({ code = '' }: Error & { code?: string }): TransportFailure {
  return code === 'ECONNRESET' || code === 'EPIPE' ? 'reset' : 'invalid';
}

/** A handshake of TLS that failed is a connection that never came about. */
function connectFailureOf({ code = '' }: Error & { code?: string }): TransportFailure {
  return code === 'ETIMEDOUT' ? 'connect-timeout' : 'unreachable';
}
