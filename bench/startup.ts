// npm run bench:startup: from `node dist/src/main.js` to the first served request, and memory at rest with two workers.
//
//   --stored 50000     with so many consumers, a key each, in the data folder; the request has the last one's key

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { CONSUMERS_FOLDER, ConsumerDb } from '../src/control/catalog/consumer-db.ts';
import type { StoredConsumer } from '../src/control/catalog/stored-consumer.ts';

const RUNS = 5;
// The task pool's thread ends 5 s after the last compilation.
const REST_MS = 12_000;

const { stored = '0' } = parseArgs({ options: { stored: { type: 'string' } } }).values;
const storedCount = Number(stored);
const main = fileURLToPath(new URL('../src/main.js', import.meta.url));
const upstream = createServer((_req, res) => res.end('ok'));
await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
const folder = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
const file = join(folder, 'sluice.yaml');
const data = join(folder, 'data');
const policies = storedCount > 0 ? 'policies: [{ auth: { any: [api-key] } }], ' : '';
const headers: Record<string, string> = storedCount > 0 ? { 'x-api-key': secretOf(storedCount - 1) } : {};
if (storedCount > 0) {
  const db = ConsumerDb.open(join(data, CONSUMERS_FOLDER));
  await db.apply(Array.from({ length: storedCount }, (_, n) => recordOf(n)));
  await db.close();
}

const timesMs: number[] = [];
for (let run = 0; run < RUNS; run++) timesMs.push((await start(run === RUNS - 1)).ms);
timesMs.sort((a, b) => a - b);
process.stdout.write(
  `first request served after ${timesMs.map((ms) => ms.toFixed(0)).join(', ')} ms (${RUNS} starts)\n`,
);
upstream.close();
rmSync(folder, { recursive: true, force: true });

/** @param rests  also look at the memory once everything has come to rest */
async function start(rests: boolean): Promise<{ ms: number }> {
  const port = await freePort();
  writeFileSync(
    file,
    `version: 1
gateway: { listen: "127.0.0.1:${port}", admin: "127.0.0.1:0", workers: 2 }
upstreams: { u: { targets: ["http://127.0.0.1:${(upstream.address() as AddressInfo).port}"] } }
services: { s: { upstream: u, ${policies}routes: { one: { match: "GET /one" } } } }
`,
  );
  const startedMs = performance.now();
  const child = spawn(process.execPath, [main, '-c', file, '--data', data], { stdio: ['ignore', 'ignore', 'inherit'] });
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
  return fetch(`http://127.0.0.1:${port}/one`, { headers }).then(
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

function recordOf(n: number): StoredConsumer {
  const sha256 = createHash('sha256').update(secretOf(n)).digest('hex');
  const keys = [{ id: `key-${n}`, uses: ['api-key' as const], sha256, createdMs: 0 }];
  return { name: `consumer-${n}`, rev: n + 1, isOwn: true, keys, changedMs: 0 };
}

function secretOf(n: number): string {
  return `secret of consumer ${n}`;
}
