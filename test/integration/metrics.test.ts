// Every counter is held against what a load generator counted, over two workers and both engines.

import { readFileSync } from 'node:fs';
import t from 'tap';
import { OPEN_ADMIN, testConfig } from '../support/configs.ts';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import { startLoad } from '../support/load.ts';
import { type Family, parsePrometheus } from '../support/prometheus.ts';
import { startUpstream } from '../support/upstream.ts';

const REQUESTS = 300;
const CLIENTS = 8;
const SLOW_MS = 40;

const routes = `      fine: { match: "GET /fine" }
      slow: { match: "GET /slow" }
      wrong: { match: "GET /wrong" }
      gone: { match: "GET /gone" }
      keyed: { match: "GET /keyed", policies: [{ auth: { any: [api-key] } }] }
      few: { match: "GET /few", policies: [{ rate-limit: { limit: 7/s, burst: 5, by: route } }] }`;
const more = 'consumers: { alice: { keys: [{ id: alice-1, secret: alice-secret-0123 }] } }';

for (const engine of ['uws', 'node'] as const) {
  t.test(`What /metrics counts is what the clients counted (${engine})`, async (t) => {
    const { gateway, upstream } = await start(t, engine);
    const told = new Map<string, Map<number, number>>();
    for (const path of ['/fine', '/wrong', '/gone', '/keyed', '/few', '/nowhere']) {
      told.set(path, (await loadOf(gateway, path)).statuses);
    }
    for (let n = 0; n < 3; n++) await fetch(`${gateway.address}/slow`);
    const page = await scrape(gateway);

    for (const [path, statuses] of told) {
      const route = path === '/nowhere' ? '' : path.slice(1);
      for (const [status, count] of statuses) {
        const labels = { route, status_class: `${status / 100 - (status % 100) / 100}xx` };
        t.equal(value(page, 'sluice_requests_total', labels), count, `${path}: ${status}`);
      }
      const all = [...statuses.values()].reduce((sum, count) => sum + count, 0);
      t.equal(value(page, 'sluice_request_duration_seconds', { route, __name__: `${REQUEST}_count` }), all, path);
    }
    const count = (path: string, status: number) => told.get(path)?.get(status) ?? 0;
    const codes = {
      RATE_LIMITED: count('/few', 429),
      UNAUTHENTICATED: count('/keyed', 401),
      NO_ROUTE: count('/nowhere', 404),
    };
    for (const [code, refused] of Object.entries(codes)) {
      t.ok(refused > 0, code);
      t.equal(value(page, 'sluice_rejections_total', { code }), refused, code);
    }
    t.equal(value(page, 'sluice_rejections_total', { code: 'BAD_GATEWAY' }), count('/gone', 502));
    const upstreamCounts = page.get('sluice_upstream_duration_seconds')?.samples ?? [];
    const sent = upstreamCounts.filter(({ labels }) => labels['__name__'] === `${UPSTREAM}_count`);
    // The one that breaks its connections sees each GET twice.
    t.equal(
      sent.reduce((sum, sample) => sum + sample.value, 0),
      upstream.seen.length - count('/gone', 502),
    );
    for (const worker of ['0', '1']) t.equal(value(page, 'sluice_requests_in_flight', { worker }), 0);
  });
}

t.test('Latencies are those that the clients saw, the upstream’s part and the whole', async (t) => {
  const { gateway } = await start(t, 'uws');
  const seenMs: number[] = [];
  for (let n = 0; n < 10; n++) {
    const fromMs = performance.now();
    await (await fetch(`${gateway.address}/slow`)).text();
    seenMs.push(performance.now() - fromMs);
  }
  const { routes: told } = (await (await fetch(`${gateway.admin}/api/v1/latencies`)).json()) as { routes: Told[] };
  const slow = told.find(({ route }) => route === 'slow');
  t.equal(slow?.request.count, 10);
  t.ok((slow?.upstream.p50Ms ?? 0) >= SLOW_MS * 0.97, 'the upstream waited');
  t.ok((slow?.request.maxMs ?? 0) <= Math.max(...seenMs) * 1.01, 'no more than the client waited');
  t.ok((slow?.request.p50Ms ?? 0) >= (slow?.upstream.p50Ms ?? 0) * 0.99, 'the whole holds the part');
  const page = await scrape(gateway);
  const bucket = (le: string) => value(page, REQUEST, { route: 'slow', le, __name__: `${REQUEST}_bucket` });
  t.equal(bucket('0.01'), 0);
  t.equal(bucket('+Inf'), 10);
});

t.test('Every metric that the dashboard asks for is on the page', async (t) => {
  const { gateway } = await start(t, 'uws');
  await fetch(`${gateway.address}/fine`);
  const page = await scrape(gateway);
  const dashboard = readFileSync(new URL('../../../docs/grafana/sluice.json', import.meta.url), 'utf8');
  const { panels } = JSON.parse(dashboard) as { panels: { targets?: { expr: string }[] }[] };
  const names = new Set(
    panels.flatMap(({ targets = [] }) => targets.flatMap(({ expr }) => expr.match(METRIC_NAME) ?? [])),
  );
  t.ok(names.size > 15);
  for (const name of names) t.ok(page.has(name) || page.has(name.replace(/_(?:bucket|sum|count)$/, '')), name);
});

interface Told {
  readonly route: string;
  readonly request: { readonly count: number; readonly p50Ms: number; readonly maxMs: number };
  readonly upstream: { readonly p50Ms: number };
}

const REQUEST = 'sluice_request_duration_seconds';
const UPSTREAM = 'sluice_upstream_duration_seconds';
const METRIC_NAME = /\b(?:sluice|process|nodejs)_[a-z0-9_]+/g;

async function start(t: { teardown(end: () => Promise<void>): void }, engine: 'uws' | 'node') {
  const upstream = await startUpstream((req, res) => {
    if (req.url === '/gone') return void req.socket.destroy();
    if (req.url === '/wrong') return void res.writeHead(500).end('wrong');
    if (req.url === '/slow') return void setTimeout(() => res.end('slow'), SLOW_MS);
    res.end('fine');
  });
  const gateway = await startGatewayProcess(
    testConfig({ admin: OPEN_ADMIN, upstream: upstream.url, engine, routes, more }),
  );
  t.teardown(async () => {
    await gateway.stop();
    await upstream.close();
  });
  return { gateway, upstream };
}

async function loadOf(gateway: GatewayProcess, path: string) {
  let answers = 0;
  let enough: () => void = () => {};
  const done = new Promise<void>((resolve) => {
    enough = resolve;
  });
  const load = startLoad({
    url: `${gateway.address}${path}`,
    clients: CLIENTS,
    onAnswer: () => {
      if (++answers >= REQUESTS) enough();
    },
  });
  await done;
  return load.stop();
}

async function scrape(gateway: GatewayProcess): Promise<ReadonlyMap<string, Family>> {
  return parsePrometheus(await (await fetch(`${gateway.admin}/metrics`)).text());
}

/** The sample with these labels among its own; 0 when there is none. */
function value(page: ReadonlyMap<string, Family>, name: string, wanted: Readonly<Record<string, string>>): number {
  const samples = page.get(name)?.samples ?? [];
  return (
    samples.find(({ labels }) => Object.entries(wanted).every(([label, text]) => labels[label] === text))?.value ?? 0
  );
}
