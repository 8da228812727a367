import fc from 'fast-check';
import { pack } from 'msgpackr';
import t from 'tap';
import type { SeriesIndex, WorkerIndex } from '../../../src/base/ids.ts';
import { latencySummary } from '../../../src/control/metering/latency-summary.ts';
import { renderSeriesMetrics, type SeriesTask } from '../../../src/control/metering/series-metrics.ts';
import { errors } from '../../../src/gateway/pipeline/errors.ts';
import { bucketOf, Span } from '../../../src/shm/histogram-table.ts';
import { SharedMemory } from '../../../src/shm/shared-memory.ts';
import { parsePrometheus } from '../../support/prometheus.ts';

const A = 0 as WorkerIndex;
const B = 1 as WorkerIndex;
const ORDERS = 1 as SeriesIndex;

function textOf(task: SeriesTask): string {
  return Buffer.from(renderSeriesMetrics(task)).toString();
}

function start(names: [string, number][] = [['shop\norders', 1]]) {
  const shm = SharedMemory.create(2, 1, 2);
  const task = { series: shm.series.buffer, histograms: shm.histograms.buffer, names: pack(names) };
  const page = () => parsePrometheus(textOf(task));
  const record = (worker: WorkerIndex, span: Span, us: number) =>
    shm.histograms.record(worker, shm.histograms.bankOf(worker, ORDERS), span, us);
  return { shm, task, page, record };
}

t.test('a route that nobody has called prints nothing; one that was prints the classes that it had', async (t) => {
  const { shm, page } = start();
  t.same(page().get('sluice_requests_total')?.samples, []);
  shm.series.countExchange(B, ORDERS, 2);
  shm.series.countExchange(A, ORDERS, 2);
  shm.series.countExchange(B, ORDERS, 0);
  shm.series.countExchange(B, 0 as SeriesIndex, 4);
  shm.series.countRejection(B, errors.NO_ROUTE.id);
  t.same(page().get('sluice_requests_total')?.samples, [
    { labels: { service: '', route: '', status_class: '4xx' }, value: 1 },
    { labels: { service: 'shop', route: 'orders', status_class: 'aborted' }, value: 1 },
    { labels: { service: 'shop', route: 'orders', status_class: '2xx' }, value: 2 },
  ]);
  t.same(page().get('sluice_rejections_total')?.samples, [{ labels: { code: 'NO_ROUTE' }, value: 1 }]);
});

t.test('what a rule took is counted by itself, and its requests with their route as ever', async (t) => {
  const { shm, page } = start([
    ['shop\norders', 1],
    ['shop\n\ncanary', 2],
    ['shop\norders\nsteer.1', 3],
  ]);
  for (const series of [1, 2, 1, 3]) shm.series.countExchange(A, series as SeriesIndex, 2);
  shm.series.countExchange(B, 2 as SeriesIndex, 5);
  t.same(page().get('sluice_steered_requests_total')?.samples, [
    { labels: { service: 'shop', route: '', rule: 'canary', status_class: '2xx' }, value: 1 },
    { labels: { service: 'shop', route: '', rule: 'canary', status_class: '5xx' }, value: 1 },
    { labels: { service: 'shop', route: 'orders', rule: 'steer.1', status_class: '2xx' }, value: 1 },
  ]);
  t.same(page().get('sluice_requests_total')?.samples, [
    { labels: { service: 'shop', route: 'orders', status_class: '2xx' }, value: 2 },
  ]);
});

t.test('a histogram counts what lies below each bound, to within a bucket, and adds up', async (t) => {
  const durations = fc.array(fc.integer({ min: 0, max: 40_000_000 }), { minLength: 1, maxLength: 50 });
  const law = fc.property(durations, durations, (ofA, ofB) => {
    const { task, record } = start();
    for (const us of ofA) record(A, Span.REQUEST, us);
    for (const us of ofB) record(B, Span.REQUEST, us);
    const all = [...ofA, ...ofB];
    const lines = textOf(task).split('\n');
    const valueAt = (start: string) => Number(lines.find((line) => line.startsWith(start))?.split(' ')[1]);
    const labels = 'service="shop",route="orders"';
    for (const line of lines.filter((text) => text.startsWith('sluice_request_duration_seconds_bucket'))) {
      const [, bound = ''] = /le="(.*)"/.exec(line) ?? [];
      const boundUs = bound === '+Inf' ? Number.POSITIVE_INFINITY : Number(bound) * 1e6;
      const below = all.filter((us) => bucketOf(us) <= bucketOf(Math.round(boundUs)) || boundUs > 1e12).length;
      if (Number(line.split(' ')[1]) !== below) return false;
    }
    const sum = all.reduce((a, b) => a + b, 0) / 1e6;
    const told = valueAt(`sluice_request_duration_seconds_sum{${labels}}`);
    return (
      Math.abs(told - sum) <= sum * 0.005 + 1e-3 &&
      valueAt(`sluice_request_duration_seconds_count{${labels}}`) === all.length &&
      !lines.some((line) => line.startsWith('sluice_upstream_duration_seconds_count'))
    );
  });
  t.doesNotThrow(() => fc.assert(law, { numRuns: 30 }));
});

t.test('percentiles are those of all workers, the busiest route first', async (t) => {
  const { shm, task, record } = start();
  for (let n = 1; n <= 1_000; n++) record(n % 2 === 0 ? A : B, Span.REQUEST, n * 100);
  for (let n = 1; n <= 1_000; n++) record(A, Span.UPSTREAM, n * 50);
  shm.histograms.record(A, shm.histograms.bankOf(A, 0 as SeriesIndex), Span.REQUEST, 30);
  const [orders, other] = latencySummary(task);
  t.match(orders, { service: 'shop', route: 'orders', request: { count: 1_000 }, upstream: { count: 1_000 } });
  const near = (value: number | undefined, expected: number) => Math.abs((value ?? 0) - expected) <= expected / 100;
  t.ok(near(orders?.request.p50Ms, 50));
  t.ok(near(orders?.request.p99Ms, 99));
  t.ok(near(orders?.request.meanMs, 50.05));
  t.ok(near(orders?.request.maxMs, 100));
  t.ok(near(orders?.upstream?.p90Ms, 45));
  t.match(other, { service: '', route: '', request: { count: 1 }, upstream: null });
});

t.test('a bank whose series is not named any more is left out', async (t) => {
  const { shm, task, record } = start();
  record(A, Span.REQUEST, 5_000);
  shm.histograms.startAgain(ORDERS);
  t.same(latencySummary(task), []);
  t.notMatch(textOf(task), 'duration_seconds_count');
});

t.test('whatever a name holds, the page can be read', async (t) => {
  const text = fc.string({
    unit: fc.constantFrom('"', '\\', 'n', '{', '}', ',', '=', ' ', 'é', '🔑', '\t'),
    maxLength: 8,
  });
  const law = fc.property(text, text, (service, route) => {
    const { shm, page } = start([[`${service}\n${route}`, 1]]);
    shm.series.countExchange(A, ORDERS, 2);
    const [sample] = page().get('sluice_requests_total')?.samples ?? [];
    return sample?.labels['service'] === service && sample.labels['route'] === route;
  });
  t.doesNotThrow(() => fc.assert(law, { numRuns: 30 }));
});
