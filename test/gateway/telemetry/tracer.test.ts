// Exchanges of a real data plane, up to the batches that its worker hands over.

import { unpack } from 'msgpackr';
import t from 'tap';
import type { WorkerIndex } from '../../../src/base/ids.ts';
import type { MaskConfig } from '../../../src/control/config/access-log-config.ts';
import type { TracingConfig } from '../../../src/control/config/config.ts';
import { listOfLines } from '../../../src/gateway/pipeline/header-lines.ts';
import type { PackedSpans, SpanData } from '../../../src/gateway/telemetry/span-data.ts';
import { BATCH_DELAY_US, BATCH_SPANS_MAX, SPANS_MAX } from '../../../src/gateway/telemetry/tracer.ts';
import { buildConfig, buildGateway, buildUpstream } from '../../support/build-config.ts';
import { headOf } from '../../support/header-lines.ts';
import { answer, TestPlane } from '../../support/plane.ts';

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';
const SPAN_ID = 'b7ad6b7169203331';
const SAMPLED = `00-${TRACE_ID}-${SPAN_ID}-01`;
const UNSAMPLED = `00-${TRACE_ID}-${SPAN_ID}-00`;
const WORKER = 0 as WorkerIndex;

function tracing(parts: Partial<TracingConfig> = {}): TracingConfig {
  return { otlp: 'http://c/v1/traces', sample: 0, slowMs: 0, headers: {}, serviceName: 'sluice', ...parts };
}

function plane(parts: Partial<TracingConfig> | undefined): TestPlane {
  const test = new TestPlane();
  const gateway = parts === undefined ? buildGateway() : buildGateway({ tracing: tracing(parts) });
  test.publish(buildConfig({ gateway }), 1);
  return test;
}

/** Everything that waits, as the exporter would see it. */
function spansOf(test: TestPlane): readonly SpanData[] {
  const spans: SpanData[] = [];
  for (;;) {
    const batch = test.plane.tracer.take(test.clock.us, true);
    if (batch === undefined) return spans;
    const packed = unpack(batch.bytes) as PackedSpans;
    if (packed.spans.length !== batch.spanCount) throw new Error('the batch miscounts its spans');
    spans.push(...packed.spans);
  }
}

/** The upstream got these values of a header. */
function sentHeader(test: TestPlane, name: string): readonly string[] {
  const headers = listOfLines(test.sent.at(-1)?.request.headerLines ?? '');
  return headers.filter((_, index) => index % 2 === 1 && headers[index - 1] === name);
}

/** A request that the upstream answers after a while. */
function exchange(test: TestPlane, headers: readonly string[] = [], status = 200, tookUs = 1_000): void {
  test.request('GET /orders', { headers: [...headers] });
  test.clock.us += tookUs;
  const sent = test.sent.at(-1);
  if (status === 200) return answer(sent);
  sent?.handler.onHead(headOf(status, []));
  sent?.handler.onEnd();
}

t.test('without tracing both headers pass untouched, whatever they say', async (t) => {
  const test = plane(undefined);
  exchange(test, ['traceparent', 'x', 'tracestate', 'a=1', 'traceparent', SAMPLED], 500);
  t.same(sentHeader(test, 'traceparent'), ['x', SAMPLED]);
  t.same(sentHeader(test, 'tracestate'), ['a=1']);
  t.same(spansOf(test), []);
});

t.test("a sampled request is two spans in its sender's trace, and the upstream is told the second", async (t) => {
  const test = plane({});
  const startUs = test.clock.us;
  exchange(test, ['traceparent', SAMPLED, 'tracestate', 'a=1', 'tracestate', 'b=2', 'user-agent', 'curl'], 200, 5_000);
  const [server, client] = spansOf(test) as [SpanData, SpanData];
  t.match(server, {
    traceId: TRACE_ID,
    parentSpanId: SPAN_ID,
    isParentRemote: true,
    flags: 1,
    traceState: 'a=1,b=2',
    name: 'GET /orders',
    kind: 1,
    startUs,
    endUs: startUs + 5_000,
    isFailed: false,
  });
  t.match(server.attributes, {
    'http.request.method': 'GET',
    'http.route': '/orders',
    'url.path': '/orders',
    'http.response.status_code': 200,
    'server.address': 'shop.example',
    'client.address': '192.0.2.1',
    'user_agent.original': 'curl',
    'sluice.service': 'shop',
    'sluice.route': 'orders',
  });
  t.match(client, { traceId: TRACE_ID, parentSpanId: server.spanId, isParentRemote: false, name: 'GET', kind: 3 - 1 });
  t.match(client.attributes, {
    'server.address': '127.0.0.1',
    'server.port': 9_001,
    'http.response.status_code': 200,
  });
  t.same([client.startUs, client.answerUs, client.endUs], [startUs, startUs + 5_000, startUs + 5_000]);
  t.same(sentHeader(test, 'traceparent'), [`00-${TRACE_ID}-${client.spanId}-01`]);
  t.same(sentHeader(test, 'tracestate'), ['a=1', 'b=2']);
});

t.test('a Unix socket is named by its path, and has no port', async (t) => {
  const test = new TestPlane();
  const target = { origin: 'unix:/run/a', authority: 'localhost', socketPath: '/run/a', basePath: '', weight: 1 };
  const upstreams = [{ ...buildUpstream('main'), targets: [target] }];
  test.publish(buildConfig({ gateway: buildGateway({ tracing: tracing() }), upstreams }), 1);
  exchange(test, ['traceparent', SAMPLED]);
  const [, client] = spansOf(test);
  t.equal(client?.attributes['server.address'], '/run/a');
  t.notOk('server.port' in (client?.attributes ?? {}));
});

t.test('a request that took several tries says so, and what answered instead', async (t) => {
  const test = plane({ sample: 1 });
  const { x } = test.request('GET /orders', { headers: ['traceparent', SAMPLED] });
  Object.assign(x, { tries: 3, fallback: 'upstream' });
  answer(test.sent[0]);
  const [server, client] = spansOf(test);
  t.equal(client?.attributes['http.request.resend_count'], 2);
  t.equal(server?.attributes['sluice.fallback'], 'upstream');
});

t.test('a request whose sender does not sample passes its headers unchanged, whatever the share is', async (t) => {
  const test = plane({ sample: 1 });
  exchange(test, ['traceparent', UNSAMPLED, 'tracestate', 'a=1']);
  t.same(sentHeader(test, 'traceparent'), [UNSAMPLED]);
  t.same(sentHeader(test, 'tracestate'), ['a=1']);
  t.same(spansOf(test), []);
});

t.test('a header that is malformed or repeated begins a new trace, without its tracestate', async (t) => {
  const test = plane({ sample: 1 });
  for (const headers of [[], ['traceparent', `${SAMPLED}x`], ['traceparent', SAMPLED, 'traceparent', SAMPLED]]) {
    exchange(test, [...headers, 'tracestate', 'a=1']);
    const [server, client] = spansOf(test) as [SpanData, SpanData];
    t.not(server.traceId, TRACE_ID);
    t.equal(server.parentSpanId, '');
    t.equal(server.traceState, '');
    t.same(sentHeader(test, 'traceparent'), [`00-${server.traceId}-${client.spanId}-03`]);
    t.same(sentHeader(test, 'tracestate'), []);
  }
});

t.test('failures are kept though nothing is sampled, in the trace that the request named', async (t) => {
  const test = plane({});
  exchange(test);
  t.same(spansOf(test), [], 'no failure');
  exchange(test, ['traceparent', UNSAMPLED], 503);
  const [server, client] = spansOf(test) as [SpanData, SpanData];
  t.same([server.traceId, server.parentSpanId], [TRACE_ID, SPAN_ID]);
  t.ok(server.isFailed && client.isFailed);
  t.equal(server.attributes['error.type'], '503');
  t.same(sentHeader(test, 'traceparent'), [UNSAMPLED], 'the upstream had been sent on its way');

  test.request('GET /orders');
  test.sent.at(-1)?.handler.onFailure('unreachable');
  const [refused, failed] = spansOf(test) as [SpanData, SpanData];
  t.match(refused.attributes, { 'error.type': 'UPSTREAM_UNREACHABLE', 'http.response.status_code': 502 });
  t.equal(failed.attributes['http.response.status_code'], undefined, 'the upstream said nothing');
  t.ok(failed.isFailed);

  test.request('GET /orders');
  test.sent.at(-1)?.handler.onHead(headOf(200, []));
  test.sent.at(-1)?.handler.onFailure('reset');
  t.match(spansOf(test), [{ isFailed: true, attributes: { 'error.type': 'CUT' } }, { isFailed: true }]);
});

t.test('what never went upstream is one span; a client error is no failure of it', async (t) => {
  const test = plane({ sample: 1 });
  test.request('GET /nowhere');
  const spans = spansOf(test);
  t.match(spans, [{ name: 'GET', isFailed: false, attributes: { 'error.type': 'NO_ROUTE' } }]);
  t.equal(spans.length, 1);
});

t.test('a method that nobody knows names no span', async (t) => {
  const test = plane({ sample: 1 });
  test.request('MAKEUP /nowhere');
  t.match(spansOf(test), [
    { name: 'HTTP', attributes: { 'http.request.method': '_OTHER', 'http.request.method_original': 'MAKEUP' } },
  ]);
});

t.test('what is slow is kept, what is a microsecond faster is not', async (t) => {
  const test = plane({ slowMs: 10 });
  exchange(test, [], 200, 9_999);
  t.same(spansOf(test), []);
  exchange(test, [], 200, 10_000);
  t.equal(spansOf(test).length, 2);
  exchange(test, [], 101, 10_000);
  t.same(spansOf(test), [], 'a WebSocket lasts, which is not slow');
});

t.test('long values are cut', async (t) => {
  const test = plane({ sample: 1 });
  exchange(test, ['user-agent', 'a'.repeat(9_000), 'traceparent', SAMPLED, 'tracestate', `a=${'b'.repeat(600)}`]);
  const [server] = spansOf(test);
  t.equal(String(server?.attributes['user_agent.original']).length, 1_024);
  t.equal(server?.traceState, '');
});

t.test('what finds no room is dropped and counted; what is taken makes room', async (t) => {
  const test = plane({ sample: 1 });
  const { control } = test.shm;
  for (let n = 0; n < SPANS_MAX / 2 + 5; n++) exchange(test);
  t.equal(control.read(WORKER, 'spans'), SPANS_MAX);
  t.equal(control.read(WORKER, 'spansDropped'), 10);
  t.equal(spansOf(test).length, SPANS_MAX);
  exchange(test);
  t.equal(spansOf(test).length, 2);
});

t.test('a batch waits for others, but no longer than a second', async (t) => {
  const test = plane({ sample: 1 });
  const { tracer } = test.plane;
  exchange(test);
  t.equal(tracer.take(test.clock.us), undefined);
  test.clock.us += BATCH_DELAY_US;
  t.equal(tracer.take(test.clock.us)?.spanCount, 2);
  for (let n = 0; n < BATCH_SPANS_MAX / 2 + 1; n++) exchange(test, [], 200, 1);
  t.equal(tracer.take(test.clock.us)?.spanCount, BATCH_SPANS_MAX, 'a full one does not wait');
  t.equal(tracer.take(test.clock.us), undefined);
});

t.test('a span has a query where that is said, and secrets of it, of path and user agent are masked', async (t) => {
  const target = 'GET /orders/77?a=1&token=secret';
  const attributesOf = (parts: Partial<TracingConfig>, mask?: MaskConfig) => {
    const test = new TestPlane();
    test.publish(buildConfig({ gateway: buildGateway({ tracing: tracing({ sample: 1, ...parts }), mask }) }), 1);
    test.request(target, { headers: ['user-agent', 'me@a.example'] });
    return spansOf(test)[0]?.attributes ?? {};
  };
  const plain = attributesOf({});
  t.notOk('url.query' in plain);
  t.equal(plain['url.path'], '/orders/77');
  t.match(attributesOf({ hasQueries: true }), { 'url.query': 'a=1&token=***', 'url.path': '/orders/77' });
  const masked = attributesOf({}, { query: [], path: ['^[0-9]+$'], presets: ['emails'] });
  t.match(masked, { 'url.path': '/orders/***', 'user_agent.original': '***' });
  t.notOk('url.query' in masked);
});
