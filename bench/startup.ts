// npm run bench:startup: from `node dist/src/main.js` to the first served request, and memory at rest with two workers.

import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const RUNS = 5;
// The task pool's thread ends 5 s after the last compilation.
const REST_MS = 12_000;

const main = fileURLToPath(new URL('../src/main.js', import.meta.url));
const upstream = createServer((_req, res) => res.end('ok'));
await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
const file = join(mkdtempSync(join(tmpdir(), 'sluice-bench-')), 'sluice.yaml');

const timesMs: number[] = [];
for (let run = 0; run < RUNS; run++) timesMs.push((await start(run === RUNS - 1)).ms);
timesMs.sort((a, b) => a - b);
process.stdout.write(
  `first request served after ${timesMs.map((ms) => ms.toFixed(0)).join(', ')} ms (${RUNS} starts)\n`,
);
upstream.close();

/** @param rests  also look at the memory once everything has come to rest */
async function start(rests: boolean): Promise<{ ms: number }> {
  const port = await freePort();
  writeFileSync(
    file,
    `version: 1
gateway: { listen: "127.0.0.1:${port}", admin: "127.0.0.1:0", workers: 2 }
upstreams: { u: { targets: ["http://127.0.0.1:${(upstream.address() as AddressInfo).port}"] } }
services: { s: { upstream: u, routes: { one: { match: "GET /one" } } } }
`,
  );
  const startedMs = performance.now();
  const child = spawn(process.execPath, [main, '-c', file], { stdio: ['ignore', 'ignore', 'inherit'] });
  while (!(await serves(port))) await new Promise((resolve) => setTimeout(resolve, 5));
  const ms = performance.now() - startedMs;
  if (rests) {
    const early = residentMb(child.pid as number);
    await new Promise((resolve) => setTimeout(resolve, REST_MS));
    const late = residentMb(child.pid as number);
    process.stdout.write(`resident with two workers: ${early} MB at the start, ${late} MB at rest\n`);
  }
  child.kill('SIGTERM');
  await new Promise((resolve) => child.once('exit', resolve));
  return { ms };
}

async function serves(port: number): Promise<boolean> {
  return fetch(`http://127.0.0.1:${port}/one`).then(
    (response) => response.status === 200,
    () => false,
  );
}

function residentMb(pid: number): number {
  const kb = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0;
  return Math.round(Number(kb) / 1_024);
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
