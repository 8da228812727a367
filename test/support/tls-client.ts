// One connection over TLS, on which a test sends one request after the other.

import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';

export interface TlsAnswer {
  readonly status: number;
  /** With the status line. */
  readonly head: string;
  readonly body: string;
}

const DEADLINE_MS = 10_000;
const HEAD_END = '\r\n\r\n';

export class TlsClient {
  readonly socket: TLSSocket;
  #received = '';
  #closed = false;
  #onChange: () => void = () => {};

  private constructor(socket: TLSSocket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#received += chunk.toString('latin1');
      this.#onChange();
    });
    socket.on('close', () => {
      this.#closed = true;
      this.#onChange();
    });
  }

  /** Rejects when the handshake fails. @param options  of node:tls; any certificate is taken */
  static open(port: number, options: ConnectionOptions = {}): Promise<TlsClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options });
      socket.on('error', reject);
      // One that is only accepted and closed again.
      socket.on('close', () => reject(new Error('closed before the handshake was over')));
      socket.once('secureConnect', () => resolve(new TlsClient(socket)));
    });
  }

  /** The common name in the server's certificate. */
  get serverName(): string {
    return String(this.socket.getPeerCertificate().subject?.CN ?? '');
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  send(text: string): void {
    this.socket.write(Buffer.from(text, 'latin1'));
  }

  /** Rejects when the connection ends before there is a whole answer. @param headers  each line with its CRLF */
  get(path: string, headers = '', host = 'test'): Promise<TlsAnswer> {
    this.send(`GET ${path} HTTP/1.1\r\nhost: ${host}\r\n${headers}\r\n`);
    return this.answer();
  }

  answer(): Promise<TlsAnswer> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no answer in time; received: ${this.#received}`)), DEADLINE_MS);
      this.#onChange = () => {
        const answer = this.#takeAnswer();
        if (answer === undefined && !this.#closed) return;
        clearTimeout(timer);
        this.#onChange = () => {};
        if (answer === undefined) reject(new Error(`closed without an answer; received: ${this.#received}`));
        else resolve(answer);
      };
      this.#onChange();
    });
  }

  close(): void {
    this.socket.destroy();
  }

  #takeAnswer(): TlsAnswer | undefined {
    const headEnd = this.#received.indexOf(HEAD_END);
    if (headEnd < 0) return undefined;
    const head = this.#received.slice(0, headEnd + HEAD_END.length);
    const end = head.length + Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
    if (this.#received.length < end) return undefined;
    const body = this.#received.slice(head.length, end);
    this.#received = this.#received.slice(end);
    return { status: Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0), head, body };
  }
}

/** Names of the servers' certificates that so many new connections meet, one after the other. */
export async function namesMet(port: number, count: number, options: ConnectionOptions = {}): Promise<string[]> {
  const names: string[] = [];
  for (let n = 0; n < count; n++) {
    const client = await TlsClient.open(port, options);
    names.push(client.serverName);
    client.close();
  }
  return names;
}
