// One connection to a target: writes requests, hands the bytes that come to the parser, and each answer to the call that it
// is for. It is used again only when everything about the last exchange was in order.

import type { Socket } from 'node:net';
import type { AnswerHead } from '../answer-head.ts';
import type { SocketConnector } from '../socket-connector.ts';
import type { TransportFailure } from '../transport.ts';
import { HeadWriter } from './head-writer.ts';
import { INVALID, ResponseParser, type ResponseSink } from './response-parser.ts';
import type { WireCall } from './wire-call.ts';

// Of an answer that nobody wants any more, while others wait behind it.
const SWALLOWED_BYTES_MAX = 256 * 1024;

// A read of libuv's is handled before the next one, whichever connection it is of: one buffer serves a thread.
const sharedBuffer = Buffer.allocUnsafeSlow(64 * 1024);
// A TLS record has 16 KiB at the most.
const TLS_READ_BYTES_MAX = 16 * 1024;

const LAST_CHUNK = '0\r\n\r\n';
const NOTHING = Buffer.alloc(0);

/** The pool that a connection belongs to. */
export interface ConnectionOwner {
  /** Its coarse clock. */
  readonly tick: number;
  onConnected(connection: WireConnection): void;
  /** It waits for a request. */
  onIdle(connection: WireConnection): void;
  /** It is gone. @param connectFailure  why it never came about; undefined once it stood */
  onClosed(connection: WireConnection, connectFailure: TransportFailure | undefined): void;
}

export class WireConnection implements ResponseSink {
  /** Since when it waits for a request: the owner's to set and to read. */
  idleSinceTick = 0;
  readonly #owner: ConnectionOwner;
  readonly #socket: Socket;
  readonly #isTls: boolean;
  readonly #heads: HeadWriter;
  readonly #parser = new ResponseParser(this);
  /** Requests under way, the one whose answer is due first. */
  readonly #calls: WireCall[] = [];
  #isConnected = false;
  #isClosed = false;
  #isReading = false;
  /** The last answer is whole: when its read is over, the connection is free, or ends. */
  #isFree = false;
  #endsAfterRead = false;
  #isPaused = false;
  /** Of the request under way: since when, since when it is its client's turn, and for how long it was before that. */
  #startTick = 0;
  #turnTick = 0;
  #heldTicks = 0;
  #swallowed = 0;
  #answered = 0;
  /** Heads that go out together when the turn is over. */
  #batch = '';
  #errorCode = '';

  constructor(owner: ConnectionOwner, connector: SocketConnector) {
    this.#owner = owner;
    this.#isTls = connector.isTls;
    this.#socket = connector.open({
      // OpenSSL may hand over what it holds in the midst of a write: there each connection has a buffer of its own.
      buffer: connector.isTls ? Buffer.allocUnsafeSlow(TLS_READ_BYTES_MAX) : sharedBuffer,
      callback: (count, buffer) => {
        this.#onRead(count, buffer as Buffer);
        return true;
      },
    });
    this.#socket.once(connector.connectEvent, () => this.#onConnected());
    this.#heads = new HeadWriter(this.#socket, !connector.isTls);
    this.#socket.on('error', (error: Error & { code?: string }) => {
      this.#errorCode = error.code ?? '';
    });
    this.#socket.on('end', () => this.#onEnd());
    this.#socket.on('close', () => this.#onClose());
    this.#socket.on('drain', () => this.#calls.at(-1)?.tellBodyWanted());
  }

  get inFlight(): number {
    return this.#calls.length;
  }

  /** Seconds that the upstream keeps it open unused; -1 when it did not say. */
  get idleSeconds(): number {
    return this.#parser.idleSeconds;
  }

  /** How long the request under way has waited for its client to read, or to send; 0 where that is less than half of its time. */
  get heldUpTicks(): number {
    const call = this.#calls[0];
    if (call === undefined || this.#calls.length > 1) return 0;
    const isClients = this.#isPaused || (!call.isSent && !this.#socket.writableNeedDrain);
    const held = this.#heldTicks + (isClients ? this.#owner.tick - this.#turnTick : 0);
    return held * 2 >= this.#owner.tick - this.#startTick ? held : 0;
  }

  /** Another request may follow those under way: it is proved that they are answered on one connection. */
  get takesMore(): boolean {
    const last = this.#calls.at(-1);
    return this.#answered > 0 && !this.#isClosed && !this.#isReading && last?.isRepeatable === true;
  }

  /** Send a request; the connection is idle, or takes more. @hot */
  dispatch(call: WireCall, batched: boolean): void {
    call.connection = this;
    this.#startTick = this.#owner.tick;
    this.#turnTick = this.#startTick;
    this.#heldTicks = 0;
    this.#calls.push(call);
    if (this.#calls.length === 1) {
      this.#isFree = false;
      this.#parser.expect(call.isHead);
      if (call.isPaused) this.pause(call);
    }
    if (batched) {
      this.#batch += call.head;
    } else if (!call.hasBody) {
      this.#heads.write(call.head);
    } else {
      this.#writeHeadWithBody(call);
    }
  }

  /** Write what dispatch gathered. */
  flush(): void {
    const batch = this.#batch;
    this.#batch = '';
    if (batch !== '' && !this.#isClosed) this.#heads.write(batch);
  }

  /** @returns false when enough is waiting */
  writeBody(call: WireCall, chunk: Buffer, last: boolean): boolean {
    const socket = this.#socket;
    this.#endTurn();
    if (!call.isChunked) return chunk.length === 0 || socket.write(chunk);
    socket.cork();
    let more = true;
    if (chunk.length > 0) {
      socket.write(`${chunk.length.toString(16)}\r\n`, 'latin1');
      socket.write(chunk);
      more = socket.write(last ? `\r\n${LAST_CHUNK}` : '\r\n', 'latin1');
    } else if (last) {
      more = socket.write(LAST_CHUNK, 'latin1');
    }
    socket.uncork();
    return more;
  }

  pause(call: WireCall): void {
    if (call !== this.#calls[0] || this.#isPaused) return;
    this.#isPaused = true;
    this.#turnTick = this.#owner.tick;
    this.#socket.pause();
  }

  resume(call: WireCall): void {
    if (call === this.#calls[0]) this.#unpause();
  }

  /** Nobody waits for the call any more. */
  drop(call: WireCall): void {
    if (this.#isClosed) return;
    if (this.#calls.length > 1) {
      // Others are on the way behind or before it: its answer is read, and told to nobody.
      if (call === this.#calls[0]) this.#unpause();
      return;
    }
    this.fail('reset');
  }

  /** End it now. @param failure  what the call whose answer is due is told; those behind it may be sent again */
  fail(failure: TransportFailure, connectFailure?: TransportFailure): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#parser.stop();
    this.#socket.destroy();
    this.#owner.onClosed(this, connectFailure);
    const calls = this.#calls.splice(0);
    calls.forEach((call, index) => call.fail(index === 0 ? failure : 'reset'));
  }

  /** Resolves when the system has let go of it. */
  async closed(): Promise<void> {
    if (!this.#socket.closed) await new Promise((resolve) => this.#socket.once('close', resolve));
  }

  // ResponseSink: from the parser.

  onHead(head: AnswerHead): void {
    this.#calls[0]?.tellHead(head);
  }

  onBody(bytes: Buffer, start: number, end: number): void {
    const call = this.#calls[0];
    if (call === undefined) return;
    if (!call.isSettled) return call.tellChunk(bytes.subarray(start, end));
    this.#swallowed += end - start;
    if (this.#swallowed > SWALLOWED_BYTES_MAX) this.fail('reset');
  }

  onComplete(): void {
    const call = this.#calls.shift();
    if (call === undefined) return;
    this.#answered++;
    this.#swallowed = 0;
    const goesOn = this.#parser.keepsAlive && call.isSent;
    const next = this.#calls[0];
    if (!goesOn) {
      this.#endsAfterRead = true;
    } else if (next === undefined) {
      this.#isFree = true;
    } else {
      this.#parser.expect(next.isHead);
      if (next.isPaused) this.pause(next);
      else this.#unpause();
    }
    call.end();
  }

  #onRead(count: number, buffer: Buffer): void {
    if (this.#isClosed) return;
    this.#isReading = true;
    const at = this.#parser.read(buffer, 0, count);
    this.#isReading = false;
    if (this.#isClosed) return;
    // Bytes that no request is to be answered with, behind an answer or on an idle connection: never the next answer.
    if (at === INVALID) return this.fail(this.#parser.hasBytes ? 'invalid' : 'reset');
    if (this.#endsAfterRead || at < count) return this.fail('reset');
    if (this.#isFree) this.#release();
  }

  #release(): void {
    this.#isFree = false;
    this.#unpause();
    this.#owner.onIdle(this);
  }

  /** The client has read, or sent. */
  #endTurn(): void {
    this.#heldTicks += this.#owner.tick - this.#turnTick;
    this.#turnTick = this.#owner.tick;
  }

  #unpause(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#endTurn();
    this.#socket.resume();
  }

  #onConnected(): void {
    if (this.#isClosed) return;
    this.#isConnected = true;
    this.#owner.onConnected(this);
  }

  /** The upstream sends no more. */
  #onEnd(): void {
    if (this.#isClosed) return;
    const canTell = !this.#isTls && this.#socket.writableLength === 0;
    if (!this.#parser.isUntilEnd || !canTell) return this.#finish();
    // libuv tells of a reset that came together with bytes as of an ordinary end, and a broken answer would look whole. The
    // system still knows: a write fails, one of nothing, too.
    this.#socket.write(NOTHING, (error) => {
      if (error == null) this.#finish();
      else this.fail('reset');
    });
  }

  #finish(): void {
    if (this.#isClosed) return;
    if (this.#calls.length > 0) this.#parser.finish();
    this.#onClose();
  }

  #onClose(): void {
    if (this.#isClosed) return;
    if (!this.#isConnected) {
      return this.fail('reset', this.#errorCode === 'ETIMEDOUT' ? 'connect-timeout' : 'unreachable');
    }
    this.fail(this.#parser.hasBytes ? 'invalid' : 'reset');
  }

  // Head and first piece of the body in one system call, where both are there.
  #writeHeadWithBody(call: WireCall): void {
    const socket = this.#socket;
    socket.cork();
    socket.write(call.head, 'latin1');
    call.sendEarlyBody();
    process.nextTick(() => socket.uncork());
  }
}
