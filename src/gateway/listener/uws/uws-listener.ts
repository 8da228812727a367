// A worker's uWebSockets.js app. It does not listen: the main thread accepts (acceptor.ts) and hands connections over.

import type { HttpRequest, HttpResponse, us_socket_context_t } from 'uWebSockets.js';
import type { DataPlane } from '../../data-plane.ts';
import { ADMIT, type Verdict } from '../../pipeline/errors.ts';
import { type Exchange, type HeaderList, type ListenerState, Phase } from '../../pipeline/exchange.ts';
import { handle } from '../../pipeline/handle.ts';
import { receiveBody } from '../../pipeline/receive-body.ts';
import { cut, onClientGone } from '../../pipeline/respond.ts';
import type { UwsListenerOptions } from '../../worker-messages.ts';
import type { AddressLimit } from '../address-limit.ts';
import { CUT, inspectRequest } from '../inspect-request.ts';
import { listenerState } from '../listener-state.ts';
import { loadUws, type UwsApp, type UwsAppDescriptor } from '../load-uws.ts';
import { redirectToHttps } from '../redirect-to-https.ts';
import { FlushWatch } from './flush-watch.ts';
import { HeadFlusher } from './head-flusher.ts';
import { PeerAddresses } from './peer-addresses.ts';
import { createTlsApp, forgetHosts, type TlsApp } from './tls-app.ts';
import { sendSwitch, socketBehavior, UwsSocket } from './uws-socket.ts';
import { UwsStream } from './uws-stream.ts';

export class UwsListener {
  readonly options: UwsListenerOptions;
  readonly #app: UwsApp;
  readonly #tlsApp: TlsApp | undefined;
  readonly #plane: DataPlane;
  readonly #addresses: AddressLimit | undefined;
  readonly #scheme: 'http' | 'https';
  #state: ListenerState;
  readonly #heads = new HeadFlusher();
  readonly #flushes: FlushWatch;
  readonly #peers = new PeerAddresses();
  readonly #collect: (name: string, value: string) => void;
  #headers: HeaderList = [];
  #connections = 0;

  /**
   * @param addresses  the limit of each address, of all of this worker's listeners; absent: there is none
   * @throws {Error} when the addon refuses what `options.tls` says
   */
  constructor(plane: DataPlane, options: UwsListenerOptions, addresses?: AddressLimit) {
    this.#plane = plane;
    this.#addresses = addresses;
    this.options = options;
    this.#flushes = new FlushWatch(options.flushTimeoutMs, plane.clock.nowUs() / 1_000);
    this.#scheme = options.tls === undefined ? 'http' : 'https';
    this.#state = listenerState(options.tls);
    this.#collect = (name, value) => {
      this.#headers.push(name, value);
    };
    const route = (app: UwsApp): void => this.#addRoutes(app);
    this.#tlsApp = options.tls === undefined ? undefined : createTlsApp(options.tls, route);
    this.#app = this.#tlsApp?.app ?? loadUws().App();
    if (this.#tlsApp === undefined) route(this.#app);
    this.#app.setIdleTimeout(options.idleTimeoutSeconds);
    this.#app.filter((res, change) => this.#countConnection(res, Number(change)));
  }

  #addRoutes(app: UwsApp): void {
    // GET with a Sec-WebSocket-Key of 24 characters comes this way, whatever else it says.
    app.ws(
      '/*',
      socketBehavior(this.options.messageBytesMax, (res, req, context) => this.#onRequest(res, req, context)),
    );
    app.any('/*', (res, req) => this.#onRequest(res, req));
  }

  descriptor(): UwsAppDescriptor {
    return this.#app.getDescriptor();
  }

  /** @param nowMs  monotonic */
  tick(nowMs: number): void {
    this.#flushes.tick(nowMs);
  }

  get connectionCount(): number {
    return this.#connections;
  }

  /** Each connection ends behind its next answer. */
  startClosing(): void {
    this.#state = { ...this.#state, isClosing: true };
  }

  /** Cuts every connection. The main thread has removed the descriptor before. */
  close(): void {
    this.#app.close();
  }

  /** To be called a turn of the loop after close(): by then its sockets are freed. */
  forget(): void {
    if (this.#tlsApp !== undefined) forgetHosts(this.#tlsApp);
  }

  #countConnection(res: HttpResponse, change: number): void {
    const { shm, worker } = this.#plane;
    const step = change > 0 ? 1 : -1;
    this.#connections += step;
    shm.control.add(worker, 'connections', step);
    if (step < 0) {
      this.#peers.closed();
      shm.control.add(worker, 'connectionsClosed', 1);
    } else if (!this.#letsIn(this.#peers.opened(res))) {
      shm.control.add(worker, 'connectionsRefused', 1);
      res.close();
    }
  }

  #letsIn(address: string): boolean {
    if (this.#connections > this.options.connectionsMax) return false;
    if (this.#addresses === undefined || this.#plane.isTrustedProxy(address)) return true;
    return this.#addresses.opened(address, this.#plane.clock.nowUs() / 1_000);
  }

  /** @hot */
  #onRequest(res: HttpResponse, req: HttpRequest, context?: us_socket_context_t): void {
    let x: Exchange | undefined;
    const stream = new UwsStream(res, this.#plane, this.#heads, this.#flushes);
    // First of all: a handler that throws before this is attached ends the process.
    res.onAborted(() => {
      stream.markGone();
      if (x !== undefined) onClientGone(x);
    });
    x = this.#plane.open(stream);
    stream.exchange = x;
    x.scheme = this.#scheme;
    x.listener = this.#state;
    this.#readHead(x, res, req);
    const verdict = inspectRequest(x, this.options, true);
    if (verdict === CUT) return cut(x);
    if (x.closeAfter) return refuseNextTurn(x, verdict);
    if (x.bodyLength !== 0) this.#listenForBody(x, res);
    if (verdict === ADMIT && this.options.redirectPort > 0) return redirectToHttps(x, this.options.redirectPort);
    if (x.isHandshake && context !== undefined) this.#offerSocket(x, res, stream, context);
    handle(x, verdict);
  }

  #offerSocket(x: Exchange, res: HttpResponse, stream: UwsStream, context: us_socket_context_t): void {
    const { messageBytesMax } = this.options;
    x.offer = {
      messageBytesMax,
      accept: (headers, protocol, listener) => {
        if (x.clientGone) return undefined;
        // The filter does not tell of the ends of WebSockets.
        const socket = new UwsSocket(listener, messageBytesMax, () => this.#countConnection(res, -1));
        stream.markGone();
        sendSwitch(res, socket, context, headers, x.header('sec-websocket-key'), protocol);
        return socket;
      },
    };
  }

  #readHead(x: Exchange, res: HttpResponse, req: HttpRequest): void {
    x.method = req.getCaseSensitiveMethod();
    x.rawPath = req.getUrl();
    // Undefined where the target has no '?', whatever the package's types say; '' where nothing follows it.
    const query = req.getQuery() as string | undefined;
    if (query !== undefined) x.query = `?${query}`;
    this.#headers = x.headers;
    req.forEach(this.#collect);
    x.hasPlainValues = this.#arePlain(x.headers);
    x.peerAddress = this.#peers.of(res);
  }

  /** @returns true when all values are printable ASCII; what is not is made the client's own bytes */
  #arePlain(headers: HeaderList): boolean {
    let arePlain = true;
    for (let i = 1; i < headers.length; i += 2) {
      const value = headers[i] as string;
      if (!NOT_PLAIN.test(value)) continue;
      arePlain = false;
      // The addon reads headers as UTF-8; upstreams get the client's own bytes. Bytes that are no UTF-8 have become U+FFFD
      // and are refused by the guards.
      if (!value.includes('\ufffd')) headers[i] = Buffer.from(value).toString('latin1');
    }
    return arePlain;
  }

  #listenForBody(x: Exchange, res: HttpResponse): void {
    x.bodyEnded = false;
    res.onData((bytes, last) => {
      // The addon takes its buffer back when this returns.
      receiveBody(x, Buffer.from(new Uint8Array(bytes)), last);
    });
  }
}

// Where the body's end is in doubt, what follows it in the same read may be a smuggled request. An answer given at once,
// closing or not, lets the addon go on to it; while one is owed, the addon closes the connection instead.
function refuseNextTurn(x: Exchange, verdict: Verdict): void {
  setImmediate(() => {
    if (x.phase !== Phase.DONE) handle(x, verdict);
  });
}

const NOT_PLAIN = /[^\x20-\x7e]/;
