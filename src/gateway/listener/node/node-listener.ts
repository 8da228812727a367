// The strict engine: node:http with llhttp. Serves HTTP/1.0, trailers and pipelining, at some 15 µs more per request.
// It listens in the worker itself, since a node:http server cannot be handed connections by another thread.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { DataPlane } from '../../data-plane.ts';
import { type ErrorCode, errors } from '../../pipeline/errors.ts';
import type { Exchange } from '../../pipeline/exchange.ts';
import { handle } from '../../pipeline/handle.ts';
import { problemBody } from '../../pipeline/problem.ts';
import { receiveBody } from '../../pipeline/receive-body.ts';
import { cut, onClientGone, statusLine } from '../../pipeline/respond.ts';
import type { NodeListenerOptions } from '../../worker-messages.ts';
import { CUT, inspectRequest, TARGET_BYTES_MAX } from '../inspect-request.ts';
import { peerAddress } from '../peer-address.ts';
import { NodeStream } from './node-stream.ts';

const NO_BYTES = Buffer.alloc(0);

export class NodeListener {
  readonly #plane: DataPlane;
  readonly #options: NodeListenerOptions;
  readonly #server: Server;

  constructor(plane: DataPlane, options: NodeListenerOptions) {
    this.#plane = plane;
    this.#options = options;
    this.#server = createServer(
      {
        // The guards' own limits answer first; this bounds what the parser keeps until then.
        maxHeaderSize: options.headerBytesMax + TARGET_BYTES_MAX + 1_024,
        headersTimeout: options.headerTimeoutMs,
        // Bodies are timed by their exchange.
        requestTimeout: 0,
        connectionsCheckingInterval: 1_000,
        keepAliveTimeout: options.idleTimeoutMs,
        noDelay: true,
      },
      (req, res) => this.#onRequest(req, res),
    );
    this.#server.maxConnections = options.connectionsMax;
    this.#server.on('checkExpectation', (req, res) => this.#onRequest(req, res));
    this.#server.on('connect', (_req, socket: Socket) => answerRaw(socket, 'METHOD_NOT_IMPLEMENTED'));
    this.#server.on('clientError', (error: Error & { code?: string }, socket) =>
      answerRaw(socket as Socket, codeOf(error)),
    );
  }

  /** @returns the port; rejects with the system's error when the address cannot be had */
  listen(): Promise<number> {
    const { host, port, reusePort } = this.#options;
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ port, host: host === '' ? '::' : host, backlog: 511, ...(reusePort && { reusePort }) }, () => {
        this.#server.off('error', reject);
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  /** Stop accepting, and close connections that have no request under way. */
  drain(): void {
    this.#server.close();
    this.#server.closeIdleConnections();
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #onRequest(req: IncomingMessage, res: ServerResponse): void {
    let x: Exchange | undefined;
    const stream = new NodeStream(req, res, this.#plane, () => x?.call?.resumeAnswer());
    x = this.#plane.open(stream);
    const exchange = x;
    res.on('close', () => onClientGone(exchange));
    readHead(exchange, req);
    const target = takeAbsoluteForm(exchange);
    const verdict = target !== 0 ? target : inspectRequest(exchange, this.#options, req.httpVersionMinor > 0);
    if (verdict === CUT) return cut(exchange);
    if (exchange.bodyLength !== 0) listenForBody(exchange, req);
    handle(exchange, verdict);
  }
}

function readHead(x: Exchange, req: IncomingMessage): void {
  x.method = req.method ?? '';
  const target = req.url ?? '';
  const mark = target.indexOf('?');
  x.rawPath = mark < 0 ? target : target.slice(0, mark);
  x.query = mark < 0 ? '' : target.slice(mark);
  x.peerAddress = peerAddress(req.socket.remoteAddress ?? '');
  const raw = req.rawHeaders;
  for (let i = 0; i < raw.length; i += 2) x.headers.push((raw[i] as string).toLowerCase(), raw[i + 1] as string);
}

function listenForBody(x: Exchange, req: IncomingMessage): void {
  x.bodyEnded = false;
  req.on('data', (chunk: Buffer) => receiveBody(x, chunk, false));
  req.on('end', () => receiveBody(x, NO_BYTES, true));
  // A body that breaks off: node:http tells it as an error; the close of the response follows.
  req.on('error', () => {});
}

/**
 * http://host/path: allowed where the authority is the Host's, and read as /path (RFC 9112 §3.2.2).
 * @returns 0, or an error's id
 */
function takeAbsoluteForm(x: Exchange): number {
  if (x.rawPath.startsWith('/')) return 0;
  const form = /^https?:\/\/([^/]+)(\/.*)?$/i.exec(x.rawPath);
  if (form === null) {
    x.detail = 'the request target must start with a slash';
    return errors.BAD_REQUEST.id;
  }
  if ((form[1] as string).toLowerCase() !== x.header('host').toLowerCase()) {
    x.detail = 'the authority of the request target is not that of the Host header';
    return errors.BAD_HOST.id;
  }
  x.rawPath = form[2] ?? '/';
  return 0;
}

function codeOf(error: Error & { code?: string }): ErrorCode {
  if (error.code === 'HPE_HEADER_OVERFLOW') return 'HEADERS_TOO_LARGE';
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'REQUEST_TIMEOUT';
  return 'BAD_REQUEST';
}

function answerRaw(socket: Socket, code: ErrorCode): void {
  const spec = errors[code];
  if (!socket.writable) return void socket.destroy();
  const body = problemBody(code);
  socket.end(
    `HTTP/1.1 ${statusLine(spec.status)}\r\nconnection: close\r\ncontent-type: application/problem+json\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
