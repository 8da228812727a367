// A transport over undici's Pool. Its own timers are off except the one for connecting: deadlines are the exchange's.

import { Readable } from 'node:stream';
import type { buildConnector, Dispatcher, Pool } from 'undici';
import { listOfLines } from '../../pipeline/header-lines.ts';
import { headOfFields } from './head-of-fields.ts';
import { loadUndici } from './load-undici.ts';
import type {
  AnswerHandler,
  Transport,
  TransportCall,
  TransportFailure,
  TransportOptions,
  UpstreamRequest,
} from './transport.ts';
import { undiciConnector } from './undici-connector.ts';
import { watchStreams } from './undici-streams.ts';

// Requests that may wait for a connection, on top of those that have one: a burst of a few milliseconds.
const WAITING_PER_CONNECTION = 4;
const HEAD_BYTES_MAX = 64 * 1024;
// What servers allow by default, and RFC 9113 (§6.5.2) wants at least.
const STREAMS_PER_CONNECTION = 100;

export class UndiciTransport implements Transport {
  readonly #pool: Pool;
  readonly #inFlightMax: number;
  readonly #resets = new SocketResets();
  #inFlight = 0;

  constructor(options: TransportOptions) {
    const perConnection = options.http2 ? STREAMS_PER_CONNECTION : 1;
    this.#inFlightMax = options.connectionsMax * (perConnection + WAITING_PER_CONNECTION);
    this.#pool = new (loadUndici().Pool)(options.origin, {
      connections: options.connectionsMax,
      pipelining: perConnection,
      allowH2: options.http2,
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: this.#resets.watch(undiciConnector(options)),
      keepAliveTimeout: options.idleTimeoutMs,
      keepAliveMaxTimeout: options.idleTimeoutMs,
      maxHeaderSize: HEAD_BYTES_MAX,
    });
    if (options.http2) this.#pool.on('connect', (_origin, [, client]) => watchStreams(client as object, this.#resets));
  }

  send(request: UpstreamRequest, handler: AnswerHandler): TransportCall {
    const call = new UndiciCall(handler, request.bodyLength, this.#resets, () => {
      this.#inFlight--;
    });
    if (this.#inFlight++ >= this.#inFlightMax) {
      call.drop('busy');
      return call;
    }
    try {
      this.#pool.dispatch(
        {
          path: request.path,
          method: request.method as Dispatcher.HttpMethod,
          headers: listOfLines(request.headerLines),
          body: call.body,
        },
        call,
      );
    } catch {
      // A closed pool, or a request that undici refuses to write; the guards let none through that we know of.
      call.drop('invalid');
    }
    return call;
  }

  close(): void {
    this.#pool.close().catch(() => {});
  }

  destroy(): Promise<void> {
    return this.#pool.destroy();
  }
}

class UndiciCall implements TransportCall, Dispatcher.DispatchHandler {
  readonly body: RequestBody | null;
  readonly #handler: AnswerHandler;
  readonly #resets: SocketResets;
  readonly #onDropped: () => void;
  #controller: Dispatcher.DispatchController | undefined;
  #paused = false;
  /** Nothing more is told. */
  #settled = false;
  #isDropped = false;
  #hasBytes = false;
  /** The answer has no body, whatever length it tells. */
  #isBodyless = false;

  /** @param onDropped  undici holds nothing of the request any more */
  constructor(handler: AnswerHandler, bodyLength: number, resets: SocketResets, onDropped: () => void) {
    this.#handler = handler;
    this.#resets = resets;
    this.#onDropped = onDropped;
    this.body = bodyLength === 0 ? null : new RequestBody(() => handler.onBodyWanted());
  }

  sendBody(chunk: Buffer, last: boolean): boolean {
    if (this.body === null || this.body.destroyed) return true;
    const more = chunk.length === 0 || this.body.push(chunk);
    if (last) this.body.push(null);
    return more;
  }

  pause(): void {
    this.#paused = true;
    this.#controller?.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#controller?.resume();
  }

  cancel(): void {
    if (this.#settled) return;
    this.#settled = true;
    this.body?.destroy();
    // One that still waits for a connection stays in undici's queue, and counts, until its turn comes.
    this.#controller?.abort(new Error('cancelled'));
  }

  /** undici holds nothing of it any more. @param failure  undefined: it ended well */
  drop(failure: TransportFailure | undefined): void {
    if (!this.#isDropped) {
      this.#isDropped = true;
      this.#onDropped();
    }
    if (this.#settled) return;
    this.#settled = true;
    // An answer that came before the whole request was sent: undici drops the connection, the body goes nowhere.
    this.body?.destroy();
    if (failure === undefined) this.#handler.onEnd();
    else this.#handler.onFailure(failure);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // Thrown, it is dropped; abort() would take the idle connection with it.
    if (this.#settled) throw new Error('cancelled while it waited for a connection');
    this.#controller = controller;
  }

  /** The first byte of an answer, 1xx included. */
  onResponseStarted(): void {
    this.#hasBytes = true;
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    if (status < 200 || this.#settled) return;
    this.#isBodyless = status === 204 || status === 304;
    const head = headOfFields(status, controller.rawHeaders as Buffer[]);
    if (head === undefined) return controller.abort(new Error('a header that cannot be passed on'));
    this.#handler.onHead(head);
    if (this.#paused) controller.pause();
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#settled) return;
    this.#handler.onChunk(chunk);
    if (this.#paused && !this.#settled) controller.pause();
  }

  onResponseEnd(): void {
    this.drop(this.#resets.isUnderWay ? 'invalid' : undefined);
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error & { code?: string }): void {
    // undici misses the body that a 304's Content-Length tells of (RFC 9110 §8.6), and closes the connection.
    const isWhole = this.#isBodyless && error.code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH';
    this.drop(isWhole ? undefined : failureOf(error, this.#hasBytes));
  }
}

// undici takes a reset for the end of an answer that ends with its connection (onHttpSocketError): a truncated answer
// would look complete. It tells of that end while the socket emits its error, so that this one listens before and after it.
class SocketResets {
  isUnderWay = false;

  watch(connect: buildConnector.connector): buildConnector.connector {
    return (options, callback) =>
      connect(options, (...result) => {
        const socket = result[1];
        socket?.on('error', () => {
          this.isUnderWay = true;
        });
        callback(...result);
        socket?.on('error', () => {
          this.isUnderWay = false;
        });
      });
  }
}

// undici reads a request's body from a stream; this one is filled by sendBody.
class RequestBody extends Readable {
  readonly #onWanted: () => void;

  constructor(onWanted: () => void) {
    super({ highWaterMark: 64 * 1024 });
    this.#onWanted = onWanted;
    // undici destroys the body with its own errors; they are told through onResponseError.
    this.on('error', () => {});
  }

  override _read(): void {
    this.#onWanted();
  }
}

const CONNECT_CODES = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'EACCES',
  'EMFILE',
  'ENFILE',
  'UND_ERR_CONNECT',
]);

function failureOf(error: Error & { code?: string; syscall?: string }, hasBytes: boolean): TransportFailure {
  const code = error.code ?? '';
  if (code === 'UND_ERR_CONNECT_TIMEOUT') return 'connect-timeout';
  if (error instanceof AggregateError || error.syscall === 'connect' || error.syscall === 'getaddrinfo') {
    return code === 'ETIMEDOUT' ? 'connect-timeout' : 'unreachable';
  }
  if (CONNECT_CODES.has(code)) return 'unreachable';
  if (!hasBytes && (code === 'UND_ERR_SOCKET' || code === 'ECONNRESET' || code === 'EPIPE')) return 'reset';
  return 'invalid';
}
