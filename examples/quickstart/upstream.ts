// The quickstart's upstream: a small order service, a process of its own, plain node:http.

import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

const EVENT_INTERVAL_MS = 1_000;
const BODY_BYTES_MAX = 1024 * 1024;

const server = createServer((req, res) => {
  const path = (req.url ?? '/').split('?')[0] ?? '/';
  if (req.method === 'GET' && path.startsWith('/orders/')) return sendOrder(req, res, path.slice('/orders/'.length));
  if (req.method === 'POST' && path === '/orders') return createOrder(req, res);
  if (req.method === 'GET' && path === '/events') return sendEvents(res);
  send(res, 404, { error: 'no such thing' });
});

server.listen(Number(process.env['DEMO_UPSTREAM_PORT'] ?? 9001), '127.0.0.1', () => {
  process.stdout.write(`demo upstream on http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    server.close();
    server.closeAllConnections();
  });
}

function sendOrder(req: IncomingMessage, res: ServerResponse, id: string): void {
  send(res, 200, { id, item: 'a lock gate', quantity: 1, requestId: req.headers['x-request-id'] });
}

function createOrder(req: IncomingMessage, res: ServerResponse): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  req.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= BODY_BYTES_MAX) chunks.push(chunk);
  });
  req.on('end', () => {
    try {
      const order: unknown = JSON.parse(Buffer.concat(chunks).toString());
      send(res, 201, { id: randomUUID(), order, createdBy: req.headers['x-consumer-id'] });
    } catch {
      send(res, 400, { error: 'the body is no JSON' });
    }
  });
}

function sendEvents(res: ServerResponse): void {
  res.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  let count = 0;
  const timer = setInterval(
    () => res.write(`id: ${++count}\ndata: ${new Date().toISOString()}\n\n`),
    EVENT_INTERVAL_MS,
  );
  res.on('close', () => clearInterval(timer));
}

function send(res: ServerResponse, status: number, body: unknown): void {
  const text = `${JSON.stringify(body)}\n`;
  res.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  res.end(text);
}
