// A collector for tests: takes OTLP exports of traces over HTTP, decodes them, and lets a test wait for what it wants.

import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { decodeOtlp, type ReceivedSpan } from './decode-otlp.ts';

export interface CollectorReply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

export interface OtlpCollector {
  readonly url: string;
  readonly port: number;
  /** Of all requests that were answered 2xx. */
  readonly spans: readonly ReceivedSpan[];
  /** Headers of all requests. */
  readonly requests: readonly IncomingHttpHeaders[];
  /** What it answers next, in order; 200 when nothing is left. 'never' leaves a request without an answer. */
  replies: (CollectorReply | 'never')[];
  /** Resolves with the spans that fit, once there are so many. */
  waitFor(fits: (span: ReceivedSpan) => boolean, count: number): Promise<readonly ReceivedSpan[]>;
  close(): Promise<void>;
}

const WAIT_MS = 15_000;

/** @param port  0: a free one */
export async function startCollector(port = 0): Promise<OtlpCollector> {
  const spans: ReceivedSpan[] = [];
  const requests: IncomingHttpHeaders[] = [];
  const watchers = new Set<() => void>();
  const server = createServer((req, res) => {
    requests.push(req.headers);
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      const reply = collector.replies.shift() ?? { status: 200 };
      if (reply === 'never') return;
      if (reply.status < 300) spans.push(...decodeOtlp(Buffer.concat(chunks)));
      res.writeHead(reply.status, reply.headers);
      res.end(reply.body);
      for (const watcher of watchers) watcher();
    });
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const address = server.address() as AddressInfo;
  const collector: OtlpCollector = {
    url: `http://127.0.0.1:${address.port}/v1/traces`,
    port: address.port,
    spans,
    requests,
    replies: [],
    waitFor: (fits, count) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const found = spans.filter(fits);
          if (found.length < count) return;
          watchers.delete(look);
          clearTimeout(timer);
          resolve(found);
        };
        const timer = setTimeout(() => {
          watchers.delete(look);
          reject(new Error(`${count} spans did not come; came: ${spans.map(({ name }) => name).join(', ')}`));
        }, WAIT_MS);
        watchers.add(look);
        look();
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return collector;
}
