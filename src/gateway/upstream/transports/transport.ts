// The one shape of a transport: what carries a request to one target and its answer back. wire is the default, undici serves
// HTTP/2; both pass the same contract suite (test/gateway/upstream/transport-contract.ts).

import type { UpstreamTlsPlan } from '../../snapshot.ts';
import type { AnswerHead } from './answer-head.ts';

export interface UpstreamRequest {
  readonly method: string;
  /** Origin form: path with query. */
  readonly path: string;
  /** 'name: value\r\n' each, in latin1. Host included; Content-Length only when bodyLength > 0. */
  readonly headerLines: string;
  /** Bytes; 0: no body; -1: unknown, sent chunked. */
  readonly bodyLength: number;
  /** Sending it twice does no harm (RFC 9110 §9.2.2), and it has no body. */
  readonly isRepeatable: boolean;
  /** It was sent before, on a connection that turned out to be dead: it gets a new one, or one that has just answered. */
  readonly isRetry: boolean;
}

/** Why there is no (whole) answer. */
export type TransportFailure =
  /** No connection: refused, unreachable, name not found. Not a byte was sent. */
  | 'unreachable'
  /** No connection in time. Not a byte was sent. */
  | 'connect-timeout'
  /** The connection ended before the first byte of the answer. */
  | 'reset'
  /** What came is no HTTP, too large, or shorter or longer than it said. */
  | 'invalid'
  /** More requests under way than the pool may hold. */
  | 'busy'
  /** Its client neither reads nor sends, and others wait for its connection. */
  | 'slow-client';

/** Whom a transport tells. After onEnd or onFailure nothing more is told; after cancel() nothing at all. */
export interface AnswerHandler {
  /** The final answer's head (1xx are dropped). It is valid during the call only. */
  onHead(head: AnswerHead): void;
  /** The chunk's bytes are valid during the call only: who keeps them copies them. */
  onChunk(chunk: Buffer): void;
  onEnd(): void;
  onFailure(failure: TransportFailure): void;
  /** More of the request's body can be sent. */
  onBodyWanted(): void;
}

export interface TransportCall {
  /** @returns false when enough is waiting: stop until onBodyWanted */
  sendBody(chunk: Buffer, last: boolean): boolean;
  /** Stop telling chunks (what the read under way brought may still come: 64 KiB at the most). */
  pause(): void;
  resume(): void;
  /** Drop the request and, where it was under way, its connection. */
  cancel(): void;
}

/** One target's connections, of one worker. */
export interface Transport {
  send(request: UpstreamRequest, handler: AnswerHandler): TransportCall;
  /** Finish what is under way, then close. */
  close(): void;
  /** Close now. */
  destroy(): Promise<void>;
}

export interface TransportOptions {
  /** Scheme and authority: http://127.0.0.1:9001; of a Unix socket: http://localhost */
  readonly origin: string;
  /** Path of a Unix socket; '' for none. */
  readonly socketPath: string;
  readonly connectTimeoutMs: number;
  readonly connectionsMax: number;
  /** Connections that are kept open though nobody uses them. */
  readonly connectionsMin: number;
  /** How long an unused connection is kept. */
  readonly idleTimeoutMs: number;
  /** Requests under way on one connection; 1: no pipelining. */
  readonly pipelining: number;
  readonly http2: boolean;
  /** Undefined: the system's certificate authorities, no client certificate. */
  readonly tls: UpstreamTlsPlan | undefined;
}
