// The strict engine: node:http with llhttp. Serves HTTP/1.0, trailers and pipelining, at some 15 µs more per request.
// It listens in the worker itself, since a node:http server cannot be handed connections by another thread.

import { createServer, type IncomingMessage, type Server, type ServerOptions, ServerResponse } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import { type AddressInfo, Server as NetServer, type Socket } from 'node:net';
import { peerAddress } from '../../../base/peer-address.ts';
import type { DataPlane } from '../../data-plane.ts';
import { ADMIT, type ErrorCode, errors, type Verdict } from '../../pipeline/errors.ts';
import type { Exchange, ListenerState, PeerCertificate } from '../../pipeline/exchange.ts';
import { handle } from '../../pipeline/handle.ts';
import { problemBody } from '../../pipeline/problem.ts';
import { receiveBody } from '../../pipeline/receive-body.ts';
import { cut, onClientGone, statusLine } from '../../pipeline/respond.ts';
import { SocketAcceptor } from '../../websocket/accept-socket.ts';
import type { NodeListenerOptions, TlsPlan } from '../../worker-messages.ts';
import { CUT, inspectRequest, TARGET_BYTES_MAX } from '../inspect-request.ts';
import { listenerState } from '../listener-state.ts';
import { redirectToHttps } from '../redirect-to-https.ts';
import { NodeStream } from './node-stream.ts';
import { peerCertificateOf } from './peer-certificate.ts';
import { ProxiedPeers } from './proxied-peers.ts';
import { TlsContexts } from './tls-contexts.ts';
import { UpgradableMessage } from './upgradable-message.ts';

const NO_BYTES = Buffer.alloc(0);
// How long a connection that was answered with an error may stay for its client to read the answer.
const LINGER_MS = 1_000;

/** What is known of a connection. */
interface Connection {
  /** Requests whose answers are not out, in order. */
  readonly open: Map<ServerResponse, Exchange>;
  /** The latest request. */
  latest: IncomingMessage | undefined;
  /** No request is taken any more. */
  ended: boolean;
  readonly peerAddress: string;
  readonly peerCertificate: PeerCertificate | undefined;
}

export class NodeListener {
  readonly #plane: DataPlane;
  readonly #options: NodeListenerOptions;
  readonly #server: Server | TlsServer;
  readonly #scheme: 'http' | 'https';
  #tls: TlsPlan | undefined;
  #state: ListenerState;
  #contexts: TlsContexts | undefined;
  /** What new connections are to meet, once it is used. */
  #prepared: { readonly tls: TlsPlan; readonly contexts: TlsContexts } | undefined;
  readonly #proxied: ProxiedPeers | undefined;
  /** All that have been accepted, in the midst of a handshake too. */
  readonly #sockets = new Set<Socket>();
  readonly #connections = new WeakMap<Socket, Connection>();
  readonly #acceptor: SocketAcceptor;
  /** Connections that node:http has let go of for a handshake. */
  readonly #upgrading = new Set<Socket>();
  /** Connections of each client's address, where there is a limit. */
  readonly #perAddress = new Map<string, number>();

  constructor(plane: DataPlane, options: NodeListenerOptions) {
    this.#plane = plane;
    this.#options = options;
    this.#acceptor = new SocketAcceptor(options.messageBytesMax);
    const { tls } = options;
    this.#scheme = tls === undefined ? 'http' : 'https';
    this.#tls = tls;
    this.#state = listenerState(tls);
    this.#contexts = tls === undefined ? undefined : new TlsContexts(tls);
    const onRequest = (req: IncomingMessage, res: ServerResponse): void => void this.#onRequest(req, res);
    this.#server =
      tls === undefined ? createServer(serverOptions(options), onRequest) : this.#createTlsServer(tls, onRequest);
    this.#server.maxConnections = options.connectionsMax;
    this.#server.on('drop', () => this.#plane.shm.control.add(this.#plane.worker, 'connectionsRefused', 1));
    if (options.connectionsPerAddress > 0) this.#server.on('connection', (socket) => this.#countAddress(socket));
    this.#server.on('checkExpectation', (req, res) => this.#onRequest(req, res));
    this.#server.on('upgrade', (req, socket, head) => this.#onHandshake(req, socket as Socket, head));
    this.#server.on('connect', (_req, socket: Socket) => this.#endWith(socket, 'METHOD_NOT_IMPLEMENTED'));
    this.#server.on('clientError', (error: Error & { code?: string }, socket) =>
      this.#endWith(socket as Socket, codeOf(error)),
    );
    if (options.proxyProtocol) this.#proxied = new ProxiedPeers(this.#server, options.headerTimeoutMs, plane);
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  #createTlsServer(tls: TlsPlan, onRequest: (req: IncomingMessage, res: ServerResponse) => void): TlsServer {
    const server = createTlsServer(
      {
        ...serverOptions(this.#options),
        ...this.#contexts?.fallback,
        SNICallback: (name, use) => use(null, this.#contexts?.of(name)),
        requestCert: tls.clientAuth !== 'none',
        rejectUnauthorized: tls.clientAuth === 'require',
        handshakeTimeout: this.#options.headerTimeoutMs,
      },
      onRequest,
    );
    // node:https takes a failed handshake for a client's error; but nobody is there to read an answer.
    server.removeAllListeners('tlsClientError');
    server.on('tlsClientError', (_error, socket) => socket.destroy());
    return server;
  }

  /** Hold other certificates ready. @throws {Error} when OpenSSL refuses them */
  prepare(tls: TlsPlan): void {
    this.#prepared = { tls, contexts: new TlsContexts(tls) };
  }

  /** New connections meet what was prepared; those that there are go on as they are. Sessions from before are not taken up again. */
  usePrepared(): void {
    const prepared = this.#prepared;
    if (prepared === undefined) return;
    this.#prepared = undefined;
    this.#tls = prepared.tls;
    this.#contexts = prepared.contexts;
    this.#state = listenerState(prepared.tls);
    (this.#server as TlsServer).setSecureContext(prepared.contexts.fallback);
  }

  discardPrepared(): void {
    this.#prepared = undefined;
  }

  /** What new connections meet; undefined: plain HTTP. */
  get tls(): TlsPlan | undefined {
    return this.#tls;
  }

  /** @returns the port; rejects with the system's error when the address cannot be had */
  listen(): Promise<number> {
    const { host, port, reusePort } = this.#options;
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(
        // Without a host, :: where there is IPv6, else 0.0.0.0.
        { port, backlog: 511, ...(host !== '' && { host }), ...(reusePort && { reusePort }) },
        () => {
          this.#server.off('error', reject);
          resolve((this.#server.address() as AddressInfo).port);
        },
      );
    });
  }

  /**
   * Stop accepting. Connections stay: http.Server's own close() would cut the idle ones, and a request that is on its way
   * on one of them would be lost. Each gets Connection: close with its next answer; close() ends the rest.
   */
  stopListening(): void {
    NetServer.prototype.close.call(this.#server);
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
    for (const socket of this.#upgrading) socket.destroy();
    for (const socket of this.#sockets) socket.destroy();
  }

  #countAddress(socket: Socket): void {
    const address = peerAddress(socket.remoteAddress ?? '');
    if (this.#plane.isTrustedProxy(address)) return;
    const count = (this.#perAddress.get(address) ?? 0) + 1;
    this.#perAddress.set(address, count);
    socket.once('close', () => {
      const left = (this.#perAddress.get(address) ?? 1) - 1;
      if (left === 0) this.#perAddress.delete(address);
      else this.#perAddress.set(address, left);
    });
    if (count <= this.#options.connectionsPerAddress) return;
    this.#plane.shm.control.add(this.#plane.worker, 'connectionsRefused', 1);
    socket.destroy();
  }

  /** @param isFree  node:http has let go of the connection */
  #onRequest(req: IncomingMessage, res: ServerResponse, isFree = false): Exchange | undefined {
    const connection = this.#connectionOf(req.socket);
    // llhttp goes on to what came in the same read, though the connection ends with the answer before: that request's end
    // is in doubt, or nobody would get the answer.
    for (const [before, { closeAfter }] of connection.open) if (closeAfter || !before.shouldKeepAlive) return undefined;
    if (connection.ended) return undefined;
    let x: Exchange | undefined;
    const stream = new NodeStream(
      ...([req, res, this.#plane, () => x?.call?.resumeAnswer(), this.#options.idleTimeoutMs] as const),
    );
    x = this.#plane.open(stream);
    const exchange = x;
    connection.latest = req;
    connection.open.set(res, exchange);
    res.on('close', () => {
      connection.open.delete(res);
      connection.ended ||= exchange.closeAfter || !res.shouldKeepAlive;
      onClientGone(exchange);
    });
    exchange.scheme = this.#scheme;
    exchange.listener = this.#state;
    exchange.peerAddress = connection.peerAddress;
    exchange.peerCertificate = connection.peerCertificate;
    readHead(exchange, req);
    let verdict = inspectRequest(exchange, this.#options, req.httpVersion !== '1.0');
    if (verdict === ADMIT) verdict = inspectLine(exchange, req.httpVersion);
    if (isFree) this.#offerSocket(exchange, req, res);
    if (verdict === CUT) {
      cut(exchange);
      return exchange;
    }
    if (exchange.bodyLength !== 0) listenForBody(exchange, req);
    const { redirectPort } = this.#options;
    if (verdict === ADMIT && redirectPort > 0) redirectToHttps(exchange, redirectPort);
    else handle(exchange, verdict);
    return exchange;
  }

  /**
   * node:http has let go of the connection, and looks after it no more.
   * @param head  what came behind the handshake
   */
  #onHandshake(req: IncomingMessage, socket: Socket, head: Buffer): void {
    socket.on('error', () => {});
    this.#upgrading.add(socket);
    socket.once('close', () => this.#upgrading.delete(socket));
    // Answers that are owed to requests before it would be lost.
    if (this.#connectionOf(socket).open.size > 0) return void socket.destroy();
    const res = new ServerResponse(req);
    res.shouldKeepAlive = false;
    res.assignSocket(socket);
    const x = this.#onRequest(req, res, true);
    // A client must not say anything before it has its 101 (RFC 6455 §4.1); one that has closed its side wants none.
    if (x === undefined || head.length > 0) return void socket.destroy();
    socket.on('data', destroy);
    socket.on('end', destroy);
  }

  #offerSocket(x: Exchange, req: IncomingMessage, res: ServerResponse): void {
    const { messageBytesMax } = this.#options;
    // Its connection can carry nothing else.
    x.closeAfter = true;
    x.offer = {
      messageBytesMax,
      accept: (headers, protocol, listener) => {
        const { socket } = res;
        if (socket === null || socket.destroyed) return undefined;
        res.detachSocket(socket);
        this.#connectionOf(socket).open.delete(res);
        socket.off('data', destroy);
        socket.off('end', destroy);
        return this.#acceptor.accept(req, socket, headers, protocol, listener);
      },
    };
  }

  #connectionOf(socket: Socket): Connection {
    const known = this.#connections.get(socket);
    if (known !== undefined) return known;
    const connection: Connection = {
      open: new Map(),
      latest: undefined,
      ended: false,
      peerAddress: this.#proxied?.of(socket) ?? peerAddress(socket.remoteAddress ?? ''),
      peerCertificate: peerCertificateOf(socket),
    };
    this.#connections.set(socket, connection);
    socket.once('close', () => {
      // An answer that waits behind another has no socket yet, and is never told that there will be none.
      for (const res of connection.open.keys()) if (res.socket === null) res.emit('close');
    });
    return connection;
  }

  /** The parser has given up on a connection: answer where that cannot be taken for the answer to another request. */
  #endWith(socket: Socket, code: ErrorCode): void {
    const { open, latest } = this.#connectionOf(socket);
    const [res, exchange] = [...open].at(-1) ?? [];
    if (latest !== undefined && !latest.complete) {
      // It is the latest request's body.
      if (open.size !== 1 || res === undefined || exchange === undefined || res.headersSent)
        return void socket.destroy();
      onClientGone(exchange);
      return answerRaw(socket, 'BODY_INCOMPLETE');
    }
    if (res !== undefined) {
      // It came behind whole requests: their answers go out, and the connection ends.
      if (!res.shouldKeepAlive) return;
      res.shouldKeepAlive = false;
      return void res.once('finish', () => socket.destroySoon());
    }
    answerRaw(socket, code);
  }
}

function serverOptions(options: NodeListenerOptions): ServerOptions<typeof UpgradableMessage> {
  return {
    // The guards' own limits answer first; this bounds what the parser keeps until then.
    maxHeaderSize: options.headerBytesMax + TARGET_BYTES_MAX + 1_024,
    headersTimeout: options.headerTimeoutMs,
    // Bodies are timed by their exchange.
    requestTimeout: 0,
    connectionsCheckingInterval: 1_000,
    keepAliveTimeout: options.idleTimeoutMs,
    noDelay: true,
    // Whatever the process was started with (--insecure-http-parser).
    insecureHTTPParser: false,
    // The guards look at the host, and their refusals are recorded.
    requireHostHeader: false,
    IncomingMessage: UpgradableMessage,
  };
}

function destroy(this: Socket): void {
  this.destroy();
}

function readHead(x: Exchange, req: IncomingMessage): void {
  x.method = req.method ?? '';
  const target = req.url ?? '';
  const mark = target.indexOf('?');
  x.rawPath = mark < 0 ? target : target.slice(0, mark);
  x.query = mark < 0 ? '' : target.slice(mark);
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
 * @param version  llhttp also takes 0.9 (no version at all) and 2.0 for one
 * @returns ADMIT, or an error's id
 */
function inspectLine(x: Exchange, version: string): Verdict {
  if (version !== '1.1' && version !== '1.0') {
    x.closeAfter = true;
    x.detail = 'the version is neither HTTP/1.1 nor HTTP/1.0';
    return errors.BAD_REQUEST.id;
  }
  if (x.rawPath.startsWith('/')) return ADMIT;
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
  return ADMIT;
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
  // No timer of node:http's looks after a connection whose parser has failed.
  socket.setTimeout(LINGER_MS, () => socket.destroy());
}
