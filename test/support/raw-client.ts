// A client that sends bytes as they are and reads what comes, for everything that a well-behaved client cannot send.

import { connect, type Socket } from 'node:net';

const DEADLINE_MS = 10_000;

export class RawClient {
  readonly socket: Socket;
  #received = Buffer.alloc(0);
  #closed = false;
  #onChange: () => void = () => {};

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#onChange();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#closed = true;
      this.#onChange();
    });
  }

  static open(port: number): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new RawClient(socket));
      });
    });
  }

  send(text: string | Uint8Array): void {
    this.socket.write(typeof text === 'string' ? Buffer.from(text, 'latin1') : text);
  }

  get received(): string {
    return this.#received.toString('latin1');
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Resolves to what was received once the text is in it, or rejects when the connection closes without. */
  async waitFor(text: string): Promise<string> {
    await this.until(() => this.received.includes(text) || this.#closed);
    if (!this.received.includes(text)) throw new Error(`closed before '${text}' came; received: ${this.received}`);
    return this.received;
  }

  /** Resolves to everything received once the connection has closed. */
  async waitForClose(): Promise<string> {
    await this.until(() => this.#closed);
    return this.received;
  }

  /** Resolves to the first whole answer with a Content-Length (or to all, when the connection closes before). */
  async answer(): Promise<string> {
    await this.until(() => this.#closed || wholeAnswer(this.received) !== undefined);
    return wholeAnswer(this.received) ?? this.received;
  }

  close(): void {
    this.socket.destroy();
  }

  /** Rejects when it takes too long. */
  until(holds: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`waited too long; received: ${this.received}`)), DEADLINE_MS);
      this.#onChange = () => {
        if (!holds()) return;
        clearTimeout(timer);
        resolve();
      };
      this.#onChange();
    });
  }
}

/** Status of an answer: 'HTTP/1.1 404 Not Found…' → 404; 0 for none. */
export function statusOf(answer: string): number {
  return Number(/^HTTP\/1\.[01] (\d{3})/.exec(answer)?.[1] ?? 0);
}

function wholeAnswer(text: string): string | undefined {
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd < 0) return undefined;
  const length = /^content-length: *(\d+)/im.exec(text.slice(0, headEnd))?.[1];
  const end = headEnd + 4 + Number(length ?? 0);
  return text.length >= end ? text.slice(0, end) : undefined;
}
