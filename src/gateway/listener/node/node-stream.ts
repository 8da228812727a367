// The response sink over one node:http response.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { DataPlane } from '../../data-plane.ts';
import { type ClientStream, Ending, type HeaderList } from '../../pipeline/exchange.ts';
import { type HeaderLines, listOfLines } from '../../pipeline/header-lines.ts';

const NO_BYTES = Buffer.alloc(0);

export class NodeStream implements ClientStream {
  readonly #req: IncomingMessage;
  readonly #res: ServerResponse;
  #bodyless = false;

  /** @param flushTimeoutMs  how long a client may take nothing of an answer that is whole */
  constructor(
    req: IncomingMessage,
    res: ServerResponse,
    plane: DataPlane,
    onDrain: () => void,
    flushTimeoutMs: number,
  ) {
    this.#req = req;
    this.#res = res;
    res.on('drain', onDrain);
    // From end() until the bytes are out, the worker's drain waits.
    res.once('prefinish', () => {
      plane.flushing++;
      // Who takes nothing of what is left for so long is gone.
      res.socket?.setTimeout(flushTimeoutMs);
      res.once('close', () => plane.flushing--);
    });
  }

  respond(status: number, lines: HeaderLines, body: string, bodyless: boolean, ending: Ending): void {
    const bytes = Buffer.from(body);
    this.#writeHead(status, [...listOfLines(lines), 'content-length', String(bytes.length)], ending);
    if (bodyless) this.#res.end();
    else this.#res.end(bytes);
    if (ending !== Ending.KEEP) this.#endConnection();
  }

  writeHead(status: number, lines: HeaderLines, length: number, bodyless: boolean, ending: Ending): void {
    this.#bodyless = bodyless;
    const headers = listOfLines(lines);
    if (length >= 0) headers.push('content-length', String(length));
    this.#writeHead(status, headers, ending);
    // Sends the head. flushHeaders() would send it as UTF-8, and values are latin1, byte for byte.
    this.#res.write(NO_BYTES);
  }

  write(chunk: Uint8Array): boolean {
    // It keeps what the client has not taken yet.
    return this.#bodyless || this.#res.write(Buffer.from(chunk));
  }

  end(ending: Ending): void {
    this.#res.end();
    if (ending !== Ending.KEEP) this.#endConnection();
  }

  abort(): void {
    this.#res.destroy();
  }

  pauseBody(): void {
    this.#req.pause();
  }

  resumeBody(): void {
    this.#req.resume();
  }

  #writeHead(status: number, headers: HeaderList, ending: Ending): void {
    this.#res.shouldKeepAlive = this.#res.shouldKeepAlive && ending === Ending.KEEP;
    this.#res.writeHead(status, headers);
  }

  // What is left of the request's body must not be read as the next request. node:http closes behind its last answer by
  // itself: there is no lingering here.
  #endConnection(): void {
    this.#res.once('finish', () => this.#req.socket.destroySoon());
  }
}
