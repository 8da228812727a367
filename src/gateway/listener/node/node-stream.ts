// The response sink over one node:http response.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { DataPlane } from '../../data-plane.ts';
import { type ClientStream, Ending, type HeaderList } from '../../pipeline/exchange.ts';

const NO_BYTES = Buffer.alloc(0);

export class NodeStream implements ClientStream {
  readonly #req: IncomingMessage;
  readonly #res: ServerResponse;
  #bodyless = false;

  constructor(req: IncomingMessage, res: ServerResponse, plane: DataPlane, onDrain: () => void) {
    this.#req = req;
    this.#res = res;
    res.on('drain', onDrain);
    // From end() until the bytes are out, the worker's drain waits.
    res.once('prefinish', () => {
      plane.flushing++;
      res.once('close', () => plane.flushing--);
    });
  }

  respond(status: number, headers: HeaderList, body: string, bodyless: boolean, ending: Ending): void {
    const bytes = Buffer.from(body);
    this.#writeHead(status, [...headers, 'content-length', String(bytes.length)], ending);
    if (bodyless) this.#res.end();
    else this.#res.end(bytes);
    if (ending !== Ending.KEEP) this.#endConnection();
  }

  writeHead(status: number, headers: HeaderList, length: number, bodyless: boolean, ending: Ending): void {
    this.#bodyless = bodyless;
    this.#writeHead(status, length >= 0 ? [...headers, 'content-length', String(length)] : headers, ending);
    // Sends the head. flushHeaders() would send it as UTF-8, and values are latin1, byte for byte.
    this.#res.write(NO_BYTES);
  }

  write(chunk: Uint8Array): boolean {
    return this.#bodyless || this.#res.write(chunk);
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
