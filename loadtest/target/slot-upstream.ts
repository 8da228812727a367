// An upstream with a capacity that is known: so many slots, each busy for so long with a request, and a queue without an end in
// front of them, as most servers have. It burns no CPU, so that a machine of two cores holds it, the gateway and the load.
//
//   node slot-upstream.js SLOTS SERVICE_MS
//
//   GET /healthz  answers at once
//   GET /stats    what was served since it was last asked, as JSON (SlotStats)
//   any other     takes a slot for SERVICE_MS, answers a small JSON

import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { LatencyHistogram } from '../load/latency-histogram.ts';
import type { SlotStats } from './slot-stats.ts';

const SMALL = Buffer.from(`${JSON.stringify({ id: 7, item: 'a lock gate', text: 'x'.repeat(200) })}\n`);
// Clients that wait in a queue have a connection each: the system's limit of open files comes first.
const QUEUE_LENGTH_MAX = 20_000;

interface Waiting {
  readonly res: ServerResponse;
  readonly sinceMs: number;
}

const slotCount = Number(process.argv[2]);
const serviceMs = Number(process.argv[3]);
const queue: Waiting[] = [];
// From a request's arrival to its answer, the wait for a slot included.
const latencies = new LatencyHistogram();
let busyCount = 0;
let queueLengthMax = 0;
let abandonedCount = 0;

const server = createServer((req, res) => {
  req.resume();
  if (req.url === '/healthz') return answer(res, 200, 'ok\n');
  if (req.url === '/stats') return answer(res, 200, JSON.stringify(takeStats()));
  if (queue.length >= QUEUE_LENGTH_MAX) return answer(res, 503, 'full\n');
  queue.push({ res, sinceMs: performance.now() });
  startNext();
  queueLengthMax = Math.max(queueLengthMax, queue.length);
});
// Ends of idle connections are the gateway's to decide: closing them under a request is another test.
server.keepAliveTimeout = 0;
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`upstream on http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});

function startNext(): void {
  while (busyCount < slotCount) {
    const next = queue.shift();
    if (next === undefined) return;
    // Its client has gone. What was begun is finished for nobody, as elsewhere.
    if (next.res.destroyed) {
      abandonedCount++;
      continue;
    }
    busyCount++;
    setTimeout(() => serve(next), serviceMs);
  }
}

function serve({ res, sinceMs }: Waiting): void {
  busyCount--;
  if (res.destroyed) abandonedCount++;
  else {
    latencies.record(performance.now() - sinceMs);
    answer(res, 200, SMALL);
  }
  startNext();
}

function takeStats(): SlotStats {
  const stats: SlotStats = {
    answered: latencies.count,
    abandoned: abandonedCount,
    p50Ms: latencies.percentileMs(50),
    p99Ms: latencies.percentileMs(99),
    queueLengthMax,
  };
  latencies.reset();
  abandonedCount = 0;
  queueLengthMax = queue.length;
  return stats;
}

function answer(res: ServerResponse, status: number, body: string | Buffer): void {
  res.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
  res.end(body);
}

// Ends with the load test that started it, however that ends.
process.stdin.resume().on('end', () => process.exit(0));
