// GET /api/v1/latencies: percentiles per route, from the HDR data. Runs in the task pool.

import type { Histogram } from 'hdr-histogram-js';
import { LatencyReader } from '../../gateway/telemetry/latency-reader.ts';
import { HistogramTable, Span } from '../../shm/histogram-table.ts';
import { type SeriesTask, seriesLabels } from './series-metrics.ts';

/** Milliseconds, since the start of the process. */
export interface LatencyFigures {
  readonly count: number;
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
}

/** Both names are '' for exchanges without a route, and for routes that found no bank of their own. */
export interface RouteLatency {
  readonly service: string;
  readonly route: string;
  readonly request: LatencyFigures;
  /** null where nothing went upstream. */
  readonly upstream: LatencyFigures | null;
}

/** @returns routes that have had requests, the busiest first */
export function latencySummary(task: SeriesTask): readonly RouteLatency[] {
  const latencies = new LatencyReader(new HistogramTable(task.histograms));
  const labels = seriesLabels(task.names);
  const routes: RouteLatency[] = [];
  for (const series of latencies.series()) {
    const names = labels.get(series);
    const request = figures(latencies.histogram(series, Span.REQUEST));
    if (names === undefined || request === null) continue;
    routes.push({ ...names, request, upstream: figures(latencies.histogram(series, Span.UPSTREAM)) });
  }
  return routes.sort((a, b) => b.request.count - a.request.count);
}

function figures(histogram: Histogram): LatencyFigures | null {
  if (histogram.totalCount === 0) return null;
  const at = (percentile: number): number => histogram.getValueAtPercentile(percentile) / 1_000;
  return {
    count: histogram.totalCount,
    meanMs: Math.round(histogram.mean) / 1_000,
    p50Ms: at(50),
    p90Ms: at(90),
    p99Ms: at(99),
    p999Ms: at(99.9),
    maxMs: histogram.maxValue / 1_000,
  };
}
