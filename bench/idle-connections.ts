// npm run bench:idle: what 10,000 idle keep-alive connections add to the gateway's resident memory. Each has been used for one
// request before, as connections of browsers and pools are.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { startUnpinnedGateway, type UnpinnedGateway } from './support/start-unpinned-gateway.ts';

const WANTED = 10_000;
// Connections that are opened at once: the backlog of a listening socket is bounded.
const BATCH = 200;
// Standard streams, libraries, and what the upstream's side needs.
const OTHER_FILES = 500;
const REST_MS = 3_000;
const REQUEST = 'GET /one HTTP/1.1\r\nHost: a.example\r\nUser-Agent: idle\r\n\r\n';

const upstream = createServer((_req, res) => res.end('ok'));
await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
const { pid, port, adminPort, stop } = await start((upstream.address() as AddressInfo).port);
const sockets: Socket[] = [];
try {
  // The code is loaded and compiled before anything is compared.
  for (let n = 0; n < BATCH; n++) await open().then((socket) => socket.destroy());
  await rest();
  const before = residentMb();
  const count = Math.min(WANTED, openFilesMax() - OTHER_FILES);
  if (count < WANTED) process.stdout.write(`only ${count} connections: the system allows no more open files\n`);
  while (sockets.length < count) {
    sockets.push(...(await Promise.all(Array.from({ length: Math.min(BATCH, count - sockets.length) }, open))));
  }
  await rest();
  const after = residentMb();
  const held = await connectionsHeld();
  if (held < sockets.length) throw new Error(`the gateway holds ${held} of ${sockets.length} connections`);
  process.stdout.write(
    `${sockets.length} idle connections: ${before.toFixed(0)} MB before, ${after.toFixed(0)} MB with them, ` +
      `${(after - before).toFixed(0)} MB more (${(((after - before) * 1_024) / sockets.length).toFixed(1)} KB each)\n`,
  );
} finally {
  for (const socket of sockets) socket.destroy();
  await stop();
  upstream.close();
  upstream.closeAllConnections();
}

/** A connection that has had its request answered. */
function open(): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('error', reject);
    socket.once('data', () => resolve(socket));
    socket.write(REQUEST);
  });
}

function rest(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, REST_MS));
}

async function connectionsHeld(): Promise<number> {
  const page = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
  return [...page.matchAll(/^sluice_connections\{.*\} (\d+)$/gm)].reduce((sum, match) => sum + Number(match[1]), 0);
}

function residentMb(): number {
  const kb = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0;
  return Number(kb) / 1_024;
}

function openFilesMax(): number {
  const limit = execFileSync('sh', ['-c', 'ulimit -n']).toString().trim();
  return limit === 'unlimited' ? Number.POSITIVE_INFINITY : Number(limit);
}

function start(upstreamPort: number): Promise<UnpinnedGateway> {
  return startUnpinnedGateway(`version: 1
gateway: { listen: "127.0.0.1:0", admin: "127.0.0.1:0", workers: 2, limits: { headerTimeout: 5m, idleTimeout: 5m } }
upstreams: { u: { targets: ["http://127.0.0.1:${upstreamPort}"] } }
services: { s: { upstream: u, routes: { one: { match: "GET /one" } } } }
`);
}
