// The part of GET /metrics that grows with the routes: counters and latencies per series. Runs in the task pool.

import { unpack } from 'msgpackr';
import type { SeriesIndex } from '../../base/ids.ts';
import { ERROR_ID_COUNT, errorCodes } from '../../gateway/pipeline/errors.ts';
import { LatencyReader } from '../../gateway/telemetry/latency-reader.ts';
import { BUCKET_COUNT, bucketEndUs, bucketOf, bucketStartUs, HistogramTable, Span } from '../../shm/histogram-table.ts';
import { OTHER_SERIES, SeriesTable, STATUS_CLASSES } from '../../shm/series-table.ts';
import { labelList, MetricsPage, type Sample } from './metrics-page.ts';

export interface SeriesTask {
  readonly series: SharedArrayBuffer;
  readonly histograms: SharedArrayBuffer;
  /** MessagePack of ['service\nroute', series index][], `other` left out; 'service\nroute\nrule' for what a rule took. */
  readonly names: Uint8Array;
}

interface Bound {
  /** In seconds. */
  readonly label: string;
  /** The last bucket that counts as below it, the one that it falls into: an error of at most 1/128 of the bound. */
  readonly bucket: number;
}

// Upper ends in microseconds. Dense where a gateway's own latency lies, then 1 · 2.5 · 5.
const BOUNDS_US = [
  100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
  5_000_000, 10_000_000, 30_000_000,
] as const;
const BOUNDS: readonly Bound[] = BOUNDS_US.map((us) => ({ label: String(us / 1e6), bucket: bucketOf(us) }));

/** A sum takes each bucket's middle: at most 0.4 % off. */
const MIDDLES_US = Float64Array.from(
  { length: BUCKET_COUNT },
  (_, bucket) => (bucketStartUs(bucket) + bucketEndUs(bucket)) / 2,
);

/** @returns lines of the Prometheus text format, as UTF-8: the main thread only passes them on */
export function renderSeriesMetrics(task: SeriesTask): Uint8Array {
  const page = new MetricsPage();
  const table = new SeriesTable(task.series);
  const labels = seriesLabels(task.names);
  renderCounters(page, table, labels);
  renderSteered(page, table, task.names);
  const latencies = new LatencyReader(new HistogramTable(task.histograms));
  renderHistograms(
    page,
    { name: 'sluice_request_duration_seconds', help: 'From the head of a request to the end of its answer.' },
    { latencies, span: Span.REQUEST, labels },
  );
  renderHistograms(
    page,
    {
      name: 'sluice_upstream_duration_seconds',
      help: "From a request's being sent upstream to the end of its answer.",
    },
    { latencies, span: Span.UPSTREAM, labels },
  );
  return Buffer.from(page.text());
}

/** Labels of every route's series, `other` first. */
export function seriesLabels(names: Uint8Array): ReadonlyMap<SeriesIndex, { service: string; route: string }> {
  const labels = new Map([[OTHER_SERIES, { service: '', route: '' }]]);
  for (const [name, index] of unpack(names) as [string, number][]) {
    const [service = '', route = '', rule] = name.split('\n');
    if (rule === undefined) labels.set(index as SeriesIndex, { service, route });
  }
  return labels;
}

type SeriesLabels = ReturnType<typeof seriesLabels>;

function renderCounters(page: MetricsPage, table: SeriesTable, labels: SeriesLabels): void {
  const samples: Sample[] = [];
  for (const [series, { service, route }] of labels) {
    STATUS_CLASSES.forEach((status_class, statusClass) => {
      const count = table.exchanges(series, statusClass);
      // Routes that nobody has called print nothing.
      if (count > 0) samples.push([{ service, route, status_class }, count]);
    });
  }
  page.add('sluice_requests_total', 'counter', 'Requests that ended, by the class of their answer.', samples);
  const rejections: Sample[] = [];
  for (let id = 1; id < ERROR_ID_COUNT; id++) {
    const count = table.rejections(id);
    if (count > 0) rejections.push([{ code: errorCodes[id] ?? '' }, count]);
  }
  page.add('sluice_rejections_total', 'counter', 'Answers that the gateway gave instead of an upstream.', rejections);
}

function renderSteered(page: MetricsPage, table: SeriesTable, names: Uint8Array): void {
  const samples: Sample[] = [];
  for (const [name, index] of unpack(names) as [string, number][]) {
    const [service = '', route = '', rule] = name.split('\n');
    if (rule === undefined) continue;
    STATUS_CLASSES.forEach((status_class, statusClass) => {
      const count = table.exchanges(index as SeriesIndex, statusClass);
      if (count > 0) samples.push([{ service, route, rule, status_class }, count]);
    });
  }
  page.add('sluice_steered_requests_total', 'counter', 'Requests that a rule of steer took.', samples);
}

interface Latencies {
  readonly latencies: LatencyReader;
  readonly span: Span;
  readonly labels: SeriesLabels;
}

function renderHistograms(
  page: MetricsPage,
  { name, help }: { readonly name: string; readonly help: string },
  { latencies, span, labels }: Latencies,
): void {
  page.head(name, 'histogram', help);
  for (const series of latencies.series()) {
    const names = labels.get(series);
    if (names !== undefined) renderHistogram(page, name, labelList(names), latencies.counts(series, span));
  }
}

function renderHistogram(page: MetricsPage, name: string, labels: string, counts: Float64Array): void {
  let bound = 0;
  let count = 0;
  let us = 0;
  for (let bucket = 0; bucket < counts.length; bucket++) {
    const here = counts[bucket] as number;
    if (here === 0) continue;
    for (; bound < BOUNDS.length && bucket > (BOUNDS[bound] as Bound).bucket; bound++) {
      page.line(`${name}_bucket{${labels},le="${(BOUNDS[bound] as Bound).label}"} ${count}`);
    }
    count += here;
    us += here * (MIDDLES_US[bucket] as number);
  }
  if (count === 0) return;
  for (; bound < BOUNDS.length; bound++) {
    page.line(`${name}_bucket{${labels},le="${(BOUNDS[bound] as Bound).label}"} ${count}`);
  }
  page.line(`${name}_bucket{${labels},le="+Inf"} ${count}`);
  page.line(`${name}_sum{${labels}} ${(us / 1e6).toFixed(6)}`);
  page.line(`${name}_count{${labels}} ${count}`);
}
