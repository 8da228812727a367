// The upstream of a scenario's own gateway, a process of its own: plain node:http, answers at once.
//
//   GET /long     16 MiB, as fast as they are taken
//   any other     takes the body, answers a small JSON

import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

// More than the sockets' buffers on the way to a reader hold (some MiB each): what is beyond waits here, or in the gateway.
const LONG_BYTES = 16_777_216;
const CHUNK = Buffer.alloc(65_536, 'sluice ');
const SMALL = Buffer.from(`${JSON.stringify({ id: 7, item: 'a lock gate', text: 'x'.repeat(800) })}\n`);

const server = createServer((req, res) => {
  if (req.url === '/long') {
    void sendLong(res);
    return;
  }
  req.resume();
  req.on('end', () => {
    res.writeHead(200, { 'content-type': 'application/json', 'content-length': SMALL.length });
    res.end(SMALL);
  });
});
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`upstream on http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});

async function sendLong(res: ServerResponse): Promise<void> {
  res.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': LONG_BYTES });
  // A reader that is cut is one of the things that are tried here.
  await pipeline(Readable.from(chunks()), res).catch(() => res.destroy());
}

function* chunks(): Generator<Buffer> {
  for (let sent = 0; sent < LONG_BYTES; sent += CHUNK.length) yield CHUNK;
}

// Ends with the load test that started it, however that ends.
process.stdin.resume().on('end', () => process.exit(0));
