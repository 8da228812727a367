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
  /** Of all requests that were answered 2xx. */
  readonly spans: readonly ReceivedSpan[];
  /** Headers of all requests. */
  readonly requests: readonly IncomingHttpHeaders[];
  /** What it answers next, in order; 200 when nothing is left. 'never' leaves a request without an answer. */
  replies: (CollectorReply | 'never')[];
  /** Resolves with the spans that fit, once there are so many. */
  waitFor(fits: (span: ReceivedSpan) => boolean, count: number): Promise<readonly ReceivedSpan[]>;
  /** Resolves once there were so many requests, answered or not. */
  waitForRequests(count: number): Promise<void>;
  close(): Promise<void>;
}

const WAIT_MS = 15_000;

export async function startCollector(): Promise<OtlpCollector> {
  const spans: ReceivedSpan[] = [];
  const requests: IncomingHttpHeaders[] = [];
  const watchers = new Set<() => void>();
  const server = createServer((req, res) => {
    requests.push(req.headers);
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      const reply = collector.replies.shift() ?? { status: 200 };
      if (reply !== 'never') {
        if (reply.status < 300) spans.push(...decodeOtlp(Buffer.concat(chunks)));
        res.writeHead(reply.status, reply.headers);
        res.end(reply.body);
      }
      for (const watcher of watchers) watcher();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address() as AddressInfo;
  const until = (holds: () => boolean): Promise<void> =>
    new Promise((resolve, reject) => {
      const end = (problem?: Error): void => {
        watchers.delete(look);
        clearTimeout(timer);
        if (problem === undefined) resolve();
        else reject(problem);
      };
      const look = (): void => {
        if (holds()) end();
      };
      const came = () => `came: ${requests.length} requests, ${spans.map(({ name }) => name).join(', ')}`;
      const timer = setTimeout(() => end(new Error(`waited too long; ${came()}`)), WAIT_MS);
      watchers.add(look);
      look();
    });
  const collector: OtlpCollector = {
    url: `http://127.0.0.1:${address.port}/v1/traces`,
    spans,
    requests,
    replies: [],
    async waitFor(fits, count) {
      await until(() => spans.filter(fits).length >= count);
      return spans.filter(fits);
    },
    waitForRequests: (count) => until(() => requests.length >= count),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return collector;
}
