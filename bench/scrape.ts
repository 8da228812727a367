// npm run bench:scrape: a scrape of /metrics with 10,000 routes, 1,000 of them called, and what it does to the requests
// beside it: their p99 in alternating spells with and without scrapes.

import { Agent, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { startUnpinnedGateway, type UnpinnedGateway } from './support/start-unpinned-gateway.ts';

const SERVICES = 100;
const ROUTES_PER_SERVICE = 100;
const CALLED = 1_000;
const SPELLS = 6;
const SPELL_MS = 3_000;
const SCRAPE_INTERVAL_MS = 500;
const SCRAPES_AT_REST = 20;
const CLIENTS = 4;

const upstream = createServer((_req, res) => res.end('ok'));
await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
const gateway = await start((upstream.address() as AddressInfo).port);
const agent = new Agent({ keepAlive: true });
try {
  for (let n = 0; n < CALLED; n++) await call(n);
  const scrapesMs: number[] = [];
  const without: number[] = [];
  const withScrapes: number[] = [];
  let bytes = 0;
  // The first one starts the task pool's thread.
  await scrape();
  const atRestMs: number[] = [];
  for (let n = 0; n < SCRAPES_AT_REST; n++) atRestMs.push((await scrape()).ms);
  for (let spell = 0; spell < SPELLS; spell++) {
    const scrapes = spell % 2 === 1;
    const latenciesMs = await loadFor(SPELL_MS, scrapes ? scrapesMs : undefined);
    (scrapes ? withScrapes : without).push(percentile(latenciesMs, 0.99));
  }
  bytes = (await scrape()).bytes;
  const text = (numbers: readonly number[]) => numbers.map((ms) => ms.toFixed(2)).join(', ');
  process.stdout.write(
    `${SERVICES * ROUTES_PER_SERVICE} routes, ${CALLED} called: ${(bytes / 1e6).toFixed(1)} MB a page\n` +
      `a scrape takes ${percentile(atRestMs, 0.5).toFixed(0)} ms at rest (median of ${atRestMs.length}), ` +
      `${percentile(scrapesMs, 0.5).toFixed(0)} ms (median of ${scrapesMs.length}), ` +
      `at most ${Math.max(...scrapesMs).toFixed(0)} ms, beside ${CLIENTS} clients\n` +
      `p99 of requests without scrapes ${text(without)} ms, with one every ${SCRAPE_INTERVAL_MS} ms ${text(withScrapes)} ms\n`,
  );
} finally {
  agent.destroy();
  await gateway.stop();
  upstream.close();
  upstream.closeAllConnections();
}

async function loadFor(ms: number, scrapesMs: number[] | undefined): Promise<number[]> {
  const latenciesMs: number[] = [];
  const untilMs = performance.now() + ms;
  const clients = Array.from({ length: CLIENTS }, async (_, client) => {
    for (let n = client; performance.now() < untilMs; n += CLIENTS) {
      const fromMs = performance.now();
      await call(n % CALLED);
      latenciesMs.push(performance.now() - fromMs);
    }
  });
  while (scrapesMs !== undefined && performance.now() < untilMs) {
    scrapesMs.push((await scrape()).ms);
    await new Promise((resolve) => setTimeout(resolve, SCRAPE_INTERVAL_MS));
  }
  await Promise.all(clients);
  return latenciesMs;
}

function call(n: number): Promise<void> {
  const path = `/service-${Math.floor(n / ROUTES_PER_SERVICE)}/resource-${n % ROUTES_PER_SERVICE}/7`;
  return get(gateway.port, path).then(() => {});
}

async function scrape(): Promise<{ ms: number; bytes: number }> {
  const fromMs = performance.now();
  const bytes = await get(gateway.adminPort, '/metrics');
  return { ms: performance.now() - fromMs, bytes };
}

/** @returns bytes of the body */
function get(port: number, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const req = request({ host: '127.0.0.1', port, path, agent }, (res) => {
      let bytes = 0;
      res.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
      });
      res.on('end', () =>
        res.statusCode === 200 ? resolve(bytes) : reject(new Error(`${path} was answered ${res.statusCode}`)),
      );
    });
    req.on('error', reject);
    req.end();
  });
}

function start(upstreamPort: number): Promise<UnpinnedGateway> {
  const services = Array.from({ length: SERVICES }, (_, service) => {
    const routes = Array.from(
      { length: ROUTES_PER_SERVICE },
      (_, route) => `      r${route}: { match: "GET /resource-${route}/{id}" }`,
    );
    return `  s${service}:\n    path: /service-${service}\n    upstream: u\n    routes:\n${routes.join('\n')}`;
  });
  return startUnpinnedGateway(`version: 1
gateway: { listen: "127.0.0.1:0", admin: "127.0.0.1:0", workers: 2 }
upstreams: { u: { targets: ["http://127.0.0.1:${upstreamPort}"] } }
services:
${services.join('\n')}
`);
}

function percentile(numbers: readonly number[], share: number): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
