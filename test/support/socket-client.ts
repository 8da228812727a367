// A WebSocket client that remembers what it heard, so that a test can ask for it whenever it likes.

import type { IncomingHttpHeaders } from 'node:http';
import { type ClientOptions, WebSocket } from 'ws';

const DEADLINE_MS = 15_000;

export interface Heard {
  readonly text: string;
  readonly bytes: Buffer;
  readonly isBinary: boolean;
}

export interface Ending {
  readonly code: number;
  readonly reason: string;
}

export interface Refusal {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export interface SocketOptions extends ClientOptions {
  readonly protocols?: readonly string[];
}

export class SocketClient {
  readonly ws: WebSocket;
  /** Of the answer to its handshake. */
  headers: IncomingHttpHeaders = {};
  readonly closed: Promise<Ending>;
  readonly #heard: Heard[] = [];
  #wanted: ((heard: Heard) => void)[] = [];

  private constructor(url: string, { protocols = [], ...options }: SocketOptions) {
    this.ws = new WebSocket(url, [...protocols], options);
    this.ws.on('upgrade', (res) => {
      this.headers = res.headers;
    });
    this.ws.on('message', (bytes: Buffer, isBinary) => {
      const heard = { text: bytes.toString(), bytes, isBinary };
      const want = this.#wanted.shift();
      if (want === undefined) this.#heard.push(heard);
      else want(heard);
    });
    this.closed = endingOf(this.ws);
  }

  /** Rejects when the handshake is refused. */
  static open(url: string, options: SocketOptions = {}): Promise<SocketClient> {
    return new Promise((resolve, reject) => {
      const client = new SocketClient(url, options);
      client.ws.once('error', reject);
      client.ws.once('open', () => {
        client.ws.off('error', reject);
        client.ws.on('error', () => {});
        resolve(client);
      });
    });
  }

  /** Resolves to the answer that refuses the handshake; rejects when it is granted. */
  static refused(url: string, options: SocketOptions = {}): Promise<Refusal> {
    return new Promise((resolve, reject) => {
      const { ws } = new SocketClient(url, options);
      ws.on('error', () => {});
      ws.once('open', () => {
        ws.terminate();
        reject(new Error('the handshake was granted'));
      });
      ws.once('unexpected-response', (_req, res) => {
        const chunks: Buffer[] = [];
        res.on('data', (chunk: Buffer) => chunks.push(chunk));
        res.on('error', () => {});
        res.on('close', () => {
          resolve({
            status: res.statusCode ?? 0,
            headers: res.headers,
            text: res.complete ? Buffer.concat(chunks).toString() : 'cut',
          });
          ws.terminate();
        });
      });
    });
  }

  next(): Promise<Heard> {
    const heard = this.#heard.shift();
    if (heard !== undefined) return Promise.resolve(heard);
    return inTime(
      new Promise((resolve) => {
        this.#wanted.push(resolve);
      }),
      'no message came',
    );
  }
}

/** How a WebSocket ends, on either side. */
export function endingOf(ws: WebSocket): Promise<Ending> {
  return new Promise((resolve) => {
    ws.once('close', (code, reason) => resolve({ code, reason: reason.toString() }));
  });
}

/** Only a test that fails waits for so long. */
export function inTime<T>(promise: Promise<T>, what: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`waited too long: ${what}`)), DEADLINE_MS);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
