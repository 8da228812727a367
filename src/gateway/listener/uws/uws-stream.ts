// The response sink over one uWebSockets.js response.
//
// An answer of known length goes out with tryEnd, which takes what the socket takes and leaves the rest to us; one of
// unknown length with write, which buffers the rest itself and says so. Everything happens inside cork, so that head and
// first bytes are one system call.

import type { HttpResponse } from 'uWebSockets.js';
import type { DataPlane } from '../../data-plane.ts';
import { type ClientStream, Ending, type Exchange } from '../../pipeline/exchange.ts';
import type { HeaderLines } from '../../pipeline/header-lines.ts';
import { statusLine } from '../../pipeline/respond.ts';
import type { FlushingAnswer, FlushWatch } from './flush-watch.ts';
import type { HeadFlusher, LoneHead } from './head-flusher.ts';

const NO_BYTES = new Uint8Array(0);
// A comment in an event stream, ignored by its reader. uWebSockets.js sends a head of unknown length only with the first
// byte behind it, and a client of server-sent events waits for the head, maybe for minutes.
const EVENT_STREAM_COMMENT = Buffer.from(':\n\n');

// What is to be written in the cork that is open: one function for all answers, instead of a closure for each.
let corked: UwsStream | undefined;
let corkedChunk: Uint8Array = NO_BYTES;
const writeWhole = (): void => corked?.writeWhole(corkedChunk);

interface PendingHead {
  readonly status: number;
  readonly lines: HeaderLines;
}

export class UwsStream implements ClientStream, LoneHead, FlushingAnswer {
  readonly #res: HttpResponse;
  readonly #plane: DataPlane;
  readonly #heads: HeadFlusher;
  readonly #flushes: FlushWatch;
  /** Whose answer it carries; set before anything is written. */
  exchange: Exchange | undefined;
  #head: PendingHead | undefined;
  #length = -1;
  #bodyless = false;
  /** What tryEnd did not take. */
  #rest: Uint8Array = NO_BYTES;
  #blocked = false;
  /** All is written, and the client has not read it yet. */
  #flushing = false;
  /** The head's, then what it came to be by the end. */
  #ending: Ending = Ending.KEEP;
  #gone = false;
  #listensWritable = false;
  #bodyPaused = false;

  constructor(res: HttpResponse, plane: DataPlane, heads: HeadFlusher, flushes: FlushWatch) {
    this.#res = res;
    this.#plane = plane;
    this.#heads = heads;
    this.#flushes = flushes;
  }

  /** The connection is gone: the response must not be touched again. */
  markGone(): void {
    if (this.#gone) return;
    this.#gone = true;
    if (this.#flushing) this.#endFlushing();
  }

  respond(status: number, lines: HeaderLines, body: string, bodyless: boolean, ending: Ending): void {
    if (this.#gone) return;
    const res = this.#res;
    this.#unpause();
    this.#gone = true;
    res.cork(() => {
      this.#writeHead(status, lines);
      if (ending === Ending.LINGER) res.writeHeader('connection', 'close');
      if (!bodyless) {
        res.end(body, ending === Ending.CLOSE);
      } else if (ending === Ending.CLOSE) {
        // endWithoutBody cannot close (see #finish), and this answer may stand before bytes that must not be read as a
        // request: without a body it is, at the price of its length.
        res.end('', true);
      } else {
        res.writeHeader('content-length', String(Buffer.byteLength(body)));
        res.endWithoutBody();
      }
    });
  }

  writeHead(status: number, lines: HeaderLines, length: number, bodyless: boolean, ending: Ending): void {
    this.#head = { status, lines };
    this.#ending = ending;
    this.#length = length;
    this.#bodyless = bodyless;
    // Only where the body has no known length may the head go alone.
    if (length < 0 && !bodyless) this.#heads.add(this);
  }

  write(chunk: Uint8Array): boolean {
    if (this.#gone || this.#bodyless || chunk.length === 0) return true;
    if (this.#length >= 0) {
      if (this.#head !== undefined && chunk.length === this.#length) return this.#endWhole(chunk);
      return this.#tryEnd(chunk);
    }
    const res = this.#res;
    let taken = true;
    res.cork(() => {
      this.#flushHead();
      taken = res.write(chunk);
    });
    if (!taken) this.#waitForDrain();
    return taken;
  }

  end(ending: Ending): void {
    if (this.#gone) return;
    // The client was told Connection: close. Once its body is all here, nothing is left to linger for.
    if (ending !== Ending.KEEP || this.#ending !== Ending.KEEP) {
      this.#ending = ending === Ending.LINGER ? Ending.LINGER : Ending.CLOSE;
    }
    if (this.#blocked) {
      // The rest goes out when the client reads; the worker's drain waits for it.
      this.#flushing = true;
      this.#plane.flushing++;
      this.#flushes.add(this);
      return;
    }
    this.#finish();
  }

  abort(): void {
    if (this.#gone) return;
    this.markGone();
    this.#res.close();
  }

  flushedBytes(): number {
    return this.#gone ? 0 : this.#res.getWriteOffset();
  }

  pauseBody(): void {
    if (this.#gone) return;
    this.#bodyPaused = true;
    this.#res.pause();
  }

  resumeBody(): void {
    if (!this.#gone) this.#unpause();
  }

  /**
   * The turn is over and no byte of the body came with the head. Only an event stream's can go ahead of its body:
   * uWebSockets.js has no call for that, and takes tryEnd without bytes for the whole answer, whatever its length.
   */
  flushLoneHead(): void {
    const head = this.#head;
    if (head === undefined || this.#gone || this.#bodyless || this.#length >= 0) return;
    if (isPlainEventStream(head.lines)) this.write(EVENT_STREAM_COMMENT);
  }

  /** Head and whole body at once, the usual case: one call, one copy at the most, one system call. @hot */
  #endWhole(chunk: Uint8Array): boolean {
    this.#unpause();
    this.#gone = true;
    corked = this;
    corkedChunk = chunk;
    this.#res.cork(writeWhole);
    corked = undefined;
    return true;
  }

  /** In the cork. */
  writeWhole(chunk: Uint8Array): void {
    this.#flushHead(false);
    this.#res.end(chunk, this.#ending === Ending.CLOSE);
  }

  #tryEnd(chunk: Uint8Array): boolean {
    if (this.#blocked) {
      // One that was under way when its sender was paused: behind the rest, never before it.
      this.#rest = Buffer.concat([this.#rest, chunk]);
      return false;
    }
    const res = this.#res;
    let taken = true;
    let complete = false;
    let before = 0;
    res.cork(() => {
      this.#flushHead();
      before = res.getWriteOffset();
      if (before + chunk.length >= this.#length) this.#unpause();
      [taken, complete] = res.tryEnd(chunk, this.#length);
    });
    if (complete) {
      this.#gone = true;
      return true;
    }
    if (taken) return true;
    this.#rest = Buffer.from(chunk.subarray(res.getWriteOffset() - before));
    this.#waitForDrain();
    return false;
  }

  #waitForDrain(): void {
    this.#blocked = true;
    if (this.#listensWritable) return;
    this.#listensWritable = true;
    this.#res.onWritable(() => this.#onWritable());
  }

  #onWritable(): boolean {
    if (this.#gone || !this.#blocked) return true;
    if (this.#rest.length > 0) {
      const before = this.#res.getWriteOffset();
      if (before + this.#rest.length >= this.#length) this.#unpause();
      const [taken, complete] = this.#res.tryEnd(this.#rest, this.#length);
      if (complete) {
        this.markGone();
        return true;
      }
      if (!taken) {
        this.#rest = this.#rest.subarray(this.#res.getWriteOffset() - before);
        return false;
      }
      this.#rest = NO_BYTES;
    }
    this.#blocked = false;
    if (this.#flushing) {
      this.#endFlushing();
      this.#finish();
    } else {
      this.exchange?.call?.resumeAnswer();
    }
    return true;
  }

  #endFlushing(): void {
    this.#flushing = false;
    this.#plane.flushing--;
    this.#flushes.leave(this);
  }

  #finish(): void {
    const res = this.#res;
    const head = this.#head;
    this.#unpause();
    this.#gone = true;
    const close = this.#ending === Ending.CLOSE;
    res.cork(() => {
      // Without a body behind it the head's Connection header is uWebSockets.js's own to write.
      if (head !== undefined) this.#flushHead(false);
      if (this.#bodyless) {
        if (this.#length >= 0) res.writeHeader('content-length', String(this.#length));
        // With a second argument the first is written as a Content-Length, undefined as 2⁶³: the client is asked to close.
        if (close) res.writeHeader('connection', 'close');
        res.endWithoutBody();
      } else if (this.#length > 0) {
        // Fewer bytes than announced (the transport says so before it comes to this): never a clean end.
        res.close();
      } else {
        // Once chunks are out, end would write its Connection header among them; the head has told the client to close.
        res.end('', close && head !== undefined);
      }
    });
  }

  // An answer may overtake its request's body. To be done before its last byte, after which the connection is out of reach
  // and, left paused, would never read again; what is left of the body is dropped as it comes.
  #unpause(): void {
    if (!this.#bodyPaused) return;
    this.#bodyPaused = false;
    this.#res.resume();
  }

  #flushHead(writesClose = true): void {
    const head = this.#head;
    if (head === undefined) return;
    this.#head = undefined;
    this.#writeHead(head.status, head.lines);
    // end(…, true) writes the header itself.
    if (this.#ending === Ending.LINGER || (this.#ending === Ending.CLOSE && writesClose)) {
      this.#res.writeHeader('connection', 'close');
    }
  }

  // All lines as the value of the first one's name: a call into the addon costs more than what it copies. Nothing but whole
  // lines of checked values is in them.
  #writeHead(status: number, lines: HeaderLines): void {
    const res = this.#res;
    // 200 is what the addon writes by itself.
    if (status !== 200) res.writeStatus(statusLine(status));
    const colon = lines.indexOf(':');
    const name = typeof lines === 'string' ? lines.slice(0, colon) : lines.subarray(0, colon);
    const rest = typeof lines === 'string' ? lines.slice(colon + 2, -2) : lines.subarray(colon + 2, -2);
    res.writeHeader(name, rest);
  }
}

function isPlainEventStream(lines: HeaderLines): boolean {
  const text = lines.toString('latin1');
  // In an encoded stream a comment would be garbage.
  return /^content-type:[ \t]*text\/event-stream/im.test(text) && !/^content-encoding:/im.test(text);
}
