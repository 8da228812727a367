import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { pack } from 'msgpackr';
import t from 'tap';
import { type ExportTask, exportSpans, retryDelayMs } from '../../../src/control/telemetry/export-spans.ts';
import type { PackedSpans, SpanData } from '../../../src/gateway/telemetry/span-data.ts';
import { startCollector } from '../../support/otlp-collector.ts';

const SPAN: SpanData = {
  traceId: '0af7651916cd43dd8448eb211c80319c',
  spanId: 'b7ad6b7169203331',
  parentSpanId: '00f067aa0ba902b7',
  isParentRemote: true,
  flags: 3,
  traceState: 'a=1',
  name: 'GET /orders',
  kind: 1,
  startUs: 1_000.25,
  endUs: 3_000.5,
  answerUs: 2_000,
  isFailed: true,
  attributes: { text: 'grün', whole: 200, negative: -5, yes: true },
};
const EPOCH_US = 1_790_000_000_000_000;

function task(url: string, spans: readonly SpanData[] = [SPAN]): ExportTask {
  const packed: PackedSpans = { epochOffsetUs: EPOCH_US, spans };
  return { url, headers: { authorization: 'hush-hush' }, serviceName: 'edge', batches: [pack(packed), pack(packed)] };
}

t.test('a collector gets the spans as they were, with the headers that were asked for', async (t) => {
  const collector = await startCollector();
  t.teardown(() => collector.close());
  t.same(await exportSpans(task(collector.url)), { exported: 2, failed: 0, problem: '' });
  const [headers] = collector.requests;
  t.match(headers, { authorization: 'hush-hush', 'content-type': 'application/x-protobuf' });
  const [span] = collector.spans;
  t.match(span, {
    traceId: SPAN.traceId,
    spanId: SPAN.spanId,
    parentSpanId: SPAN.parentSpanId,
    traceState: 'a=1',
    name: 'GET /orders',
    kind: 2,
    statusCode: 2,
    resource: { 'service.name': 'edge', 'process.pid': process.pid },
  });
  t.same({ ...span?.attributes, negative: 0 }, { ...SPAN.attributes, negative: 0 });
  // Remote parent, and the flags of traceparent.
  t.equal(span?.flags, 0x300 | 3);
  t.equal(span?.startNs, BigInt(EPOCH_US) * 1_000n + 1_000_250n);
  t.equal((span?.endNs ?? 0n) - (span?.startNs ?? 0n), 2_000_250n);
  t.same(span?.events, [{ name: 'answer head', timeNs: BigInt(EPOCH_US) * 1_000n + 2_000_000n }]);
});

t.test('a root has no parent, and a span without an answer no event', async (t) => {
  const collector = await startCollector();
  t.teardown(() => collector.close());
  await exportSpans(task(collector.url, [{ ...SPAN, parentSpanId: '', traceState: '', answerUs: 0, isFailed: false }]));
  t.match(collector.spans[0], { parentSpanId: '', traceState: '', events: [], statusCode: 0 });
});

for (const status of [429, 502, 503, 504]) {
  t.test(`a collector that answers ${status} is asked once more, and no third time`, async (t) => {
    const collector = await startCollector();
    t.teardown(() => collector.close());
    collector.replies = [{ status, headers: { 'retry-after': '0' } }];
    t.match(await exportSpans(task(collector.url)), { exported: 2, failed: 0 });
    collector.replies = [{ status }, { status }];
    t.match(await exportSpans(task(collector.url)), { exported: 0, failed: 2, problem: `it answers ${status}` });
    t.equal(collector.requests.length, 4);
  });
}

t.test('other answers are final', async (t) => {
  const collector = await startCollector();
  t.teardown(() => collector.close());
  for (const status of [301, 400, 401, 500]) {
    collector.replies = [{ status, headers: { location: collector.url } }];
    t.same(await exportSpans(task(collector.url)), { exported: 0, failed: 2, problem: `it answers ${status}` });
  }
  t.equal(collector.requests.length, 4);
});

t.test('spans that a collector refuses are counted, and its words shown on one line', async (t) => {
  const collector = await startCollector();
  t.teardown(() => collector.close());
  const words = Buffer.from('no\nroom');
  const partial = Buffer.concat([Buffer.from([0x08, 1, 0x12, words.length]), words]);
  collector.replies = [{ status: 200, body: Buffer.concat([Buffer.from([0x0a, partial.length]), partial]) }];
  t.same(await exportSpans(task(collector.url)), {
    exported: 1,
    failed: 1,
    problem: 'it refused 1 spans: no room',
  });
  collector.replies = [{ status: 200, body: Buffer.from('{"partialSuccess":{}}') }];
  t.match(await exportSpans(task(collector.url)), { exported: 2, failed: 0 }, 'an answer in JSON');
  collector.replies = [{ status: 200, body: Buffer.alloc(1_000_000, 0x0a) }];
  t.match(await exportSpans(task(collector.url)), { exported: 2, failed: 0 }, 'an answer that goes on and on');
});

t.test('a collector that is not there, or hangs up, loses the spans; no secret is told', async (t) => {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces`;
  const cut = await exportSpans(task(url));
  await new Promise((resolve) => server.close(resolve));
  const refused = await exportSpans(task(url));
  for (const answer of [cut, refused]) {
    t.match(answer, { exported: 0, failed: 2, problem: /^[A-Z_]+$/ });
    t.notMatch(JSON.stringify(answer), 'hush-hush');
  }
});

t.test('Retry-After is heeded up to five seconds, and never hurries', async (t) => {
  t.equal(retryDelayMs(undefined, 0), 200);
  t.equal(retryDelayMs(undefined, 1), 1_000);
  t.equal(retryDelayMs(0, 0.5), 600);
  t.equal(retryDelayMs(3_000, 0.5), 3_000);
  t.equal(retryDelayMs(3_600_000, 0.5), 5_000);
});
