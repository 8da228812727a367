// Traces end to end: a client, a gateway process, an upstream, and a collector that decodes what it is sent.

import { performance } from 'node:perf_hooks';
import t from 'tap';
import { sample, testConfig } from '../support/configs.ts';
import type { ReceivedSpan } from '../support/decode-otlp.ts';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import { type OtlpCollector, startCollector } from '../support/otlp-collector.ts';
import { echo, startUpstream, type TestUpstream } from '../support/upstream.ts';
import { type Engine, sendRequest } from './fixture.ts';

const SERVER = 2;
const CLIENT = 3;
const SPAN_ID = 'b7ad6b7169203331';
const UPSTREAM_MS = 60;
const TOKEN = 'hush-hush-token';

const routes = `      order: { match: "GET /orders/{id}" }
      slow: { match: GET /slow }
      broken: { match: GET /broken }`;

interface Rig {
  readonly gateway: GatewayProcess;
  readonly upstream: TestUpstream;
  /** How long the upstream took for its last answer to /slow. */
  readonly tookMs: () => number;
}

async function startRig(t: Pick<Test, 'teardown'>, engine: Engine, tracing: string): Promise<Rig> {
  let tookMs = 0;
  const upstream = await startUpstream((req, res) => {
    if (req.url === '/broken') return void res.writeHead(503).end();
    if (req.url !== '/slow') return echo(req, res);
    const fromMs = performance.now();
    setTimeout(() => {
      tookMs = performance.now() - fromMs;
      res.end('slow');
    }, UPSTREAM_MS);
  });
  const gateway = await startGatewayProcess(yaml(upstream.url, engine, tracing));
  t.teardown(async () => {
    await gateway.stop();
    await upstream.close();
  });
  return { gateway, upstream, tookMs: () => tookMs };
}

type Test = import('tap').Test;

function yaml(upstream: string, engine: Engine, tracing: string): string {
  return testConfig({ upstream, engine, workers: 1, routes, gateway: `  drainTimeout: 0\n${tracing}` });
}

function section(collector: Pick<OtlpCollector, 'url'>, settings: string): string {
  return `  tracing: { otlp: "${collector.url}", headers: { authorization: "${TOKEN}" }, ${settings} }`;
}

async function startTestCollector(t: Pick<Test, 'teardown'>): Promise<OtlpCollector> {
  const collector = await startCollector();
  t.teardown(() => collector.close());
  return collector;
}

function traceparent(n: number, flags: string): { readonly traceId: string; readonly header: string } {
  const traceId = n.toString(16).padStart(32, 'a');
  return { traceId, header: `00-${traceId}-${SPAN_ID}-${flags}` };
}

function pairOf(spans: readonly ReceivedSpan[]): readonly [server: ReceivedSpan, client: ReceivedSpan] {
  const find = (kind: number) => spans.find((span) => span.kind === kind) as ReceivedSpan;
  return [find(SERVER), find(CLIENT)];
}

export async function tracingSuite(engine: Engine): Promise<void> {
  t.test(`spans reach the collector (${engine})`, (t) => spansTests(t, engine));
  // The rest is the same for both engines.
  if (engine === 'node') return;
  t.test(`a collector that is down harms no request (${engine})`, (t) => downTest(t, engine));
  t.test(`a reload turns tracing on and off (${engine})`, (t) => reloadTest(t, engine));
  t.test(`what is left when the gateway stops goes out (${engine})`, (t) => drainTest(t, engine));
  t.test(`a collector that never answers holds up no reload and no end (${engine})`, (t) => hangingTest(t, engine));
}

async function spansTests(t: Test, engine: Engine): Promise<void> {
  const collector = await startTestCollector(t);
  const rig = await startRig(
    t,
    engine,
    section(collector, `sample: 0%, slow: ${UPSTREAM_MS - 10}ms, serviceName: edge`),
  );
  const send = (path: string, headers = {}) => sendRequest(rig.gateway.port, path, { headers });
  const spansOf = (traceId: string) => collector.waitFor((span) => span.traceId === traceId, 2);

  await t.test('a sampled request: ids, attributes, and the traceparent that the upstream saw', async (t) => {
    const { traceId, header } = traceparent(1, '01');
    const fromMs = Date.now();
    const answer = await send('/orders/7?key=hush-hush', {
      traceparent: header,
      tracestate: 'v=1',
      'user-agent': 'tap',
    });
    const [server, client] = pairOf(await spansOf(traceId));
    t.match(server, { name: 'GET /orders/{id}', parentSpanId: SPAN_ID, traceState: 'v=1', statusCode: 0 });
    t.equal(client.parentSpanId, server.spanId);
    t.equal(answer.json.headers.traceparent, `00-${traceId}-${client.spanId}-01`);
    t.equal(answer.json.headers.tracestate, 'v=1');
    t.match(server.attributes, {
      'http.request.method': 'GET',
      'http.route': '/orders/{id}',
      'url.path': '/orders/7',
      'http.response.status_code': 200,
      'client.address': '127.0.0.1',
      'server.address': '127.0.0.1',
      'user_agent.original': 'tap',
      'sluice.service': 'shop',
      'sluice.route': 'order',
      'sluice.request_id': answer.headers['x-request-id'],
    });
    t.equal(server.resource['service.name'], 'edge');
    t.match(client.attributes, { 'server.address': '127.0.0.1', 'server.port': rig.upstream.port });
    t.notMatch(JSON.stringify([server.attributes, client.attributes]), 'hush-hush', 'queries are left out');
    t.ok(server.startNs <= client.startNs && client.endNs <= server.endNs, 'the part lies within the whole');
    const startMs = Number(server.startNs / 1_000_000n);
    t.ok(startMs >= fromMs - 5 && startMs <= Date.now() + 5, 'in the time of day');
    t.equal(collector.requests[0]?.['authorization'], TOKEN);
  });

  await t.test('a request that is not sampled passes its header unchanged, and leaves no span', async (t) => {
    const { traceId, header } = traceparent(2, '00');
    const answer = await send('/orders/1', { traceparent: header, tracestate: 'v=1' });
    t.equal(answer.json.headers.traceparent, header);
    t.equal(answer.json.headers.tracestate, 'v=1');
    t.equal((await send('/orders/1')).json.headers.traceparent, undefined);
    // Spans come in the order in which requests end.
    const later = traceparent(3, '01');
    await send('/orders/1', { traceparent: later.header });
    await spansOf(later.traceId);
    t.same(
      collector.spans.filter((span) => span.traceId === traceId),
      [],
    );
  });

  await t.test('5xx is kept though nothing is sampled', async (t) => {
    const { traceId, header } = traceparent(4, '00');
    await send('/broken', { traceparent: header });
    const [server, client] = pairOf(await spansOf(traceId));
    t.match(server, { parentSpanId: SPAN_ID, statusCode: 2, attributes: { 'error.type': '503' } });
    t.match(client, { parentSpanId: server.spanId, statusCode: 2 });
  });

  await t.test('what is slow is kept, and lasts as long as the upstream took', async (t) => {
    await send('/slow');
    const [found] = await collector.waitFor((span) => span.attributes['url.path'] === '/slow', 1);
    const [server, client] = pairOf(await spansOf(found?.traceId ?? ''));
    t.equal(server.parentSpanId, '');
    t.equal(client.parentSpanId, server.spanId);
    for (const { startNs, endNs } of [server, client]) t.ok(Number(endNs - startNs) / 1e6 >= rig.tookMs() - 1);
    t.ok(Number((client.events[0]?.timeNs ?? 0n) - client.startNs) / 1e6 >= rig.tookMs() - 1, 'until the head');
  });

  await t.test('metrics count them, and no output holds the secret', async (t) => {
    const page = await (await fetch(`${rig.gateway.admin}/metrics`)).text();
    t.equal(sample(page, 'sluice_spans_total', 'worker="0"'), collector.spans.length);
    t.equal(sample(page, 'sluice_spans_dropped_total', 'worker="0"'), 0);
    t.equal(sample(page, 'sluice_span_exports_total', 'result="failed"'), 0);
    t.notMatch(rig.gateway.output(), TOKEN);
  });
}

async function downTest(t: Test, engine: Engine): Promise<void> {
  const collector = await startCollector();
  await collector.close();
  const { gateway } = await startRig(t, engine, section(collector, 'sample: 100%'));
  for (let n = 0; n < 20; n++) t.equal((await sendRequest(gateway.port, `/orders/${n}`)).status, 200);
  await gateway.waitForOutput(`traces: ${collector.url}: ECONNREFUSED`);
  t.equal((await sendRequest(gateway.port, '/orders/1')).status, 200);
  const page = await (await fetch(`${gateway.admin}/metrics`)).text();
  t.ok(sample(page, 'sluice_span_exports_total', 'result="failed"') >= 2);
  t.equal(await gateway.stop(), 0);
  t.equal(gateway.output().split('ECONNREFUSED').length, 2, 'one line');
  t.notMatch(gateway.output(), TOKEN);
}

async function reloadTest(t: Test, engine: Engine): Promise<void> {
  const collector = await startTestCollector(t);
  const { gateway, upstream } = await startRig(t, engine, '');
  const forwarded = async () => (await sendRequest(gateway.port, '/orders/1')).json.headers.traceparent as string;
  const malformed = { traceparent: 'x', tracestate: 'v=1' };
  const passed = await sendRequest(gateway.port, '/orders/1', { headers: malformed });
  t.match(passed.json.headers, malformed, 'off: untouched');
  await gateway.writeConfig(yaml(upstream.url, engine, section(collector, 'sample: 100%')));
  await gateway.waitForOutput('published snapshot 2');
  const header = await forwarded();
  t.match(header, /^00-[0-9a-f]{32}-[0-9a-f]{16}-03$/);
  await collector.waitFor((span) => header.includes(span.traceId), 2);
  const replaced = await sendRequest(gateway.port, '/orders/1', { headers: malformed });
  t.match(replaced.json.headers.traceparent, /^00-/, 'on: a malformed one begins a new trace');
  t.equal(replaced.json.headers.tracestate, undefined);
  await gateway.writeConfig(yaml(upstream.url, engine, ''));
  await gateway.waitForOutput('published snapshot 3');
  t.equal(await forwarded(), undefined);
}

async function drainTest(t: Test, engine: Engine): Promise<void> {
  const collector = await startTestCollector(t);
  const { gateway } = await startRig(t, engine, section(collector, 'sample: 100%'));
  await sendRequest(gateway.port, '/orders/1');
  // From here on the task thread runs: two seconds are no long time for a machine that is busy with other tests.
  await collector.waitFor(() => true, 2);
  for (let n = 0; n < 3; n++) await sendRequest(gateway.port, '/orders/1');
  t.equal(await gateway.stop(), 0);
  t.equal(collector.spans.length, 8);
}

async function hangingTest(t: Test, engine: Engine): Promise<void> {
  const collector = await startTestCollector(t);
  collector.replies = ['never', 'never', 'never'];
  const { gateway, upstream } = await startRig(t, engine, section(collector, 'sample: 100%'));
  await sendRequest(gateway.port, '/orders/1');
  await collector.waitForRequests(1);
  const fromMs = performance.now();
  await gateway.writeConfig(yaml(upstream.url, engine, section(collector, 'sample: 99%')));
  await gateway.waitForOutput('published snapshot 2');
  t.equal(await gateway.stop(), 0);
  // The export would take 10 s.
  t.ok(performance.now() - fromMs < 9_000);
  t.equal(collector.requests.length, 1);
  t.same(collector.spans, []);
}
