// One request of the wire transport, from send() until it has ended, failed or was cancelled.

import type { AnswerHead } from '../answer-head.ts';
import type { AnswerHandler, TransportCall, TransportFailure, UpstreamRequest } from '../transport.ts';
import type { WireConnection } from './wire-connection.ts';

/** The queue in which a call waits for a connection. */
export interface CallQueue {
  leave(call: WireCall): void;
}

interface EarlyPiece {
  readonly chunk: Buffer;
  readonly last: boolean;
}

export class WireCall implements TransportCall {
  /** Request line and fields, the empty line included, in latin1. */
  readonly head: string;
  readonly isHead: boolean;
  readonly isRepeatable: boolean;
  readonly hasBody: boolean;
  /** The body's framing is chunks. */
  readonly isChunked: boolean;
  isPaused = false;
  /** The whole request is with the connection. */
  isSent: boolean;
  connection: WireConnection | undefined;
  // Links of the queue, which owns them.
  waitNext: WireCall | undefined;
  waitPrevious: WireCall | undefined;
  readonly #handler: AnswerHandler;
  readonly #queue: CallQueue;
  #isSettled = false;
  #bodyLeft: number;
  /** Pieces that came before there was a connection. */
  #early: EarlyPiece[] | undefined;

  constructor(request: UpstreamRequest, handler: AnswerHandler, queue: CallQueue) {
    const { method, bodyLength } = request;
    this.isHead = method === 'HEAD';
    this.isRepeatable = request.isRepeatable;
    this.hasBody = bodyLength !== 0;
    this.isChunked = bodyLength < 0;
    this.isSent = bodyLength === 0;
    this.head = this.isChunked
      ? `${method} ${request.path} HTTP/1.1\r\n${request.headerLines}transfer-encoding: chunked\r\n\r\n`
      : `${method} ${request.path} HTTP/1.1\r\n${request.headerLines}\r\n`;
    this.#bodyLeft = this.isChunked ? Number.POSITIVE_INFINITY : bodyLength;
    this.#handler = handler;
    this.#queue = queue;
  }

  get isSettled(): boolean {
    return this.#isSettled;
  }

  // TransportCall: from the exchange.

  sendBody(chunk: Buffer, last: boolean): boolean {
    if (this.#isSettled || this.isSent) return true;
    const connection = this.connection;
    if (connection === undefined) {
      this.#early ??= [];
      this.#early.push({ chunk, last });
      return false;
    }
    this.#bodyLeft -= chunk.length;
    if (this.#bodyLeft < 0 || (last && this.#bodyLeft > 0 && !this.isChunked)) {
      // Another length than was announced: what follows would be read as the next request.
      connection.fail('invalid');
      return true;
    }
    this.isSent = last;
    return connection.writeBody(this, chunk, last);
  }

  pause(): void {
    this.isPaused = true;
    this.connection?.pause(this);
  }

  resume(): void {
    this.isPaused = false;
    this.connection?.resume(this);
  }

  cancel(): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#early = undefined;
    if (this.connection === undefined) this.#queue.leave(this);
    else this.connection.drop(this);
  }

  // From the connection.

  /** It has a connection, and its head is written. */
  sendEarlyBody(): void {
    const early = this.#early;
    this.#early = undefined;
    if (early === undefined) return;
    let more = true;
    for (const { chunk, last } of early) more = this.sendBody(chunk, last);
    if (more && !this.isSent && !this.#isSettled) this.#handler.onBodyWanted();
  }

  tellHead(head: AnswerHead): void {
    if (!this.#isSettled) this.#handler.onHead(head);
  }

  tellChunk(chunk: Buffer): void {
    if (!this.#isSettled) this.#handler.onChunk(chunk);
  }

  tellBodyWanted(): void {
    if (!this.#isSettled && !this.isSent) this.#handler.onBodyWanted();
  }

  end(): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#handler.onEnd();
  }

  fail(failure: TransportFailure): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#early = undefined;
    this.#handler.onFailure(failure);
  }
}
