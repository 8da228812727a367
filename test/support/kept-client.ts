// A client that keeps its connection, reads each answer by its framing, and knows whether it came whole.

import { RawClient } from './raw-client.ts';

export interface KeptAnswer {
  /** 0 when no head came. */
  readonly status: number;
  readonly body: string;
  /** By Content-Length or the last chunk; never by the connection's end. */
  readonly isWhole: boolean;
}

export class KeptClient {
  readonly #client: RawClient;
  /** Of what was received, what is read. */
  #read = 0;
  #isLast = false;

  private constructor(client: RawClient) {
    this.#client = client;
  }

  static async open(port: number): Promise<KeptClient> {
    return new KeptClient(await RawClient.open(port));
  }

  /** No further request can be sent: it is closed, or the last answer said that it will be. */
  get isClosed(): boolean {
    return this.#isLast || this.#client.closed;
  }

  /** Resolves when the answer is whole, or the connection has closed. */
  async send(method: string, path: string, body?: string): Promise<KeptAnswer> {
    const length = body === undefined ? '' : `content-length: ${body.length}\r\n`;
    this.#client.send(`${method} ${path} HTTP/1.1\r\nhost: a.example\r\n${length}\r\n${body ?? ''}`);
    await this.#client.until(() => this.#client.closed || this.#parse(method).isWhole);
    const answer = this.#parse(method);
    this.#read += answer.bytes;
    this.#isLast ||= answer.isLast;
    return answer;
  }

  close(): void {
    this.#client.close();
  }

  #parse(method: string): KeptAnswer & { readonly bytes: number; readonly isLast: boolean } {
    const text = this.#client.received.slice(this.#read);
    const headEnd = text.indexOf('\r\n\r\n');
    if (headEnd < 0) return { status: 0, body: '', isWhole: false, bytes: 0, isLast: false };
    const head = text.slice(0, headEnd + 2);
    const rest = text.slice(headEnd + 4);
    const { body, isWhole, bytes } = method === 'HEAD' ? NO_BODY : readBody(head, rest);
    return {
      status: Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0),
      body,
      isWhole,
      bytes: headEnd + 4 + bytes,
      isLast: /^connection: close\r$/im.test(head),
    };
  }
}

interface ReadBody {
  readonly body: string;
  readonly isWhole: boolean;
  /** Of the rest, its framing included. */
  readonly bytes: number;
}

const NO_BODY: ReadBody = { body: '', isWhole: true, bytes: 0 };

function readBody(head: string, rest: string): ReadBody {
  if (/^transfer-encoding: chunked\r$/im.test(head)) return readChunks(rest);
  const length = Number(/^content-length: (\d+)\r$/im.exec(head)?.[1] ?? Number.NaN);
  if (rest.length >= length) return { body: rest.slice(0, length), isWhole: true, bytes: length };
  return { body: rest, isWhole: false, bytes: rest.length };
}

function readChunks(rest: string): ReadBody {
  let body = '';
  for (let at = 0; ; ) {
    const [line, size = ''] = /^([0-9a-f]+)\r\n/i.exec(rest.slice(at)) ?? [];
    if (line === undefined) return { body, isWhole: false, bytes: rest.length };
    const from = at + line.length;
    const bytes = Number.parseInt(size, 16);
    if (bytes === 0) return { body, isWhole: rest.startsWith('\r\n', from), bytes: from + 2 };
    body += rest.slice(from, from + bytes);
    at = from + bytes + 2;
  }
}
