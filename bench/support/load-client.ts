// A program: a load on one port from so many kept connections, one request after the other on each, for so long. It does
// as little as it can per answer (no HTTP parser, one buffer for all that is received), and needs nothing but node.
//
//   node dist/bench/support/load-client.js PORT CONNECTIONS SECONDS        prints one line, a LoadResult as JSON

import { connect, type Socket } from 'node:net';
import { Latencies } from './latencies.ts';
import { ResponseCounter } from './response-counter.ts';
import type { LoadResult } from './run-load.ts';
import { requestBytes } from './workload.ts';

const RECEIVED_BYTES_MAX = 65_536;

const [port = 0, connectionCount = 0, seconds = 0] = process.argv.slice(2).map(Number);
const request = requestBytes(port);
// What is received is read before the next read fills it again, on whichever connection.
const buffer = Buffer.allocUnsafe(RECEIVED_BYTES_MAX);
const latencies = new Latencies();
let requests = 0;
let isOver = false;

const startedMs = performance.now();
const timer = setTimeout(() => {
  isOver = true;
}, seconds * 1_000);
await Promise.all(Array.from({ length: connectionCount }, runConnection));
clearTimeout(timer);
const result: LoadResult = {
  requests,
  requestsPerSecond: (requests * 1_000) / (performance.now() - startedMs),
  p50Ms: latencies.quantileMs(0.5),
  p99Ms: latencies.quantileMs(0.99),
};
process.stdout.write(`${JSON.stringify(result)}\n`);

/** Until the time is over and its last request has been answered. */
function runConnection(): Promise<void> {
  return new Promise((resolve, reject) => {
    const counter = new ResponseCounter();
    let sentMs = 0;
    const send = (): void => {
      sentMs = performance.now();
      socket.write(request);
    };
    const receive = (bytes: number): boolean => {
      if (counter.feed(buffer.subarray(0, bytes)) === 0) return true;
      requests++;
      latencies.record(performance.now() - sentMs);
      if (isOver) socket.end();
      else send();
      return true;
    };
    const socket: Socket = connect({ host: '127.0.0.1', port, noDelay: true, onread: { buffer, callback: receive } });
    socket.once('connect', send);
    socket.once('error', reject);
    socket.once('close', () => (isOver ? resolve() : reject(new Error('a connection was closed under load'))));
  });
}
