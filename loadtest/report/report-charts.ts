// The three pictures of a report: latency over time, the percentile curve, requests and failures over time.

import type { PercentilePoint } from '../load/latency-histogram.ts';
import type { Slice } from '../load/recorder.ts';
import type { LoadTestResult } from '../result.ts';
import { printNumber } from '../thresholds.ts';
import type { LineChart, Series, Tick } from './line-chart.ts';
import { ticks } from './ticks.ts';

const TICK_COUNT_X = 10;
const TICK_COUNT_Y = 5;

/** 90 %, 99 %, 99.9 % … on an axis of log10(1 / (1 - p)): 0, 1, 2, 3 … */
const PERCENTILE_TICKS: readonly Tick[] = [
  { at: 0, label: '0 %' },
  { at: Math.log10(2), label: '50 %' },
  { at: 1, label: '90 %' },
  { at: 2, label: '99 %' },
  { at: 3, label: '99.9 %' },
  { at: 4, label: '99.99 %' },
  { at: 5, label: '99.999 %' },
  { at: 6, label: '99.9999 %' },
];

export function latencyChart(result: LoadTestResult): LineChart {
  const series = (
    [
      ['slowest', 'series-max', 'maxMs'],
      ['p99', 'series-p99', 'p99Ms'],
      ['p50', 'series-p50', 'p50Ms'],
    ] as const
  ).map(([label, className, field]) =>
    overTime(result.slices, label, className, 'ms', (slice) => (slice.answerCount === 0 ? undefined : slice[field])),
  );
  return { ...timeChart(result, series), title: 'Latency over time', yLabel: 'milliseconds' };
}

export function throughputChart(result: LoadTestResult): LineChart {
  const perSecond = (count: number, slice: Slice): number => (count * 1000) / slice.lengthMs;
  const answers = overTime(result.slices, 'answers', 'series-p50', '/s', (slice) =>
    perSecond(slice.answerCount, slice),
  );
  const failures = overTime(result.slices, 'failures', 'series-failed', '/s', (slice) =>
    perSecond(slice.failureCount, slice),
  );
  return {
    ...timeChart(result, [answers, failures]),
    title: 'Answers and failures a second, over time',
    yLabel: 'per second',
  };
}

export function percentileChart(percentiles: readonly PercentilePoint[]): LineChart {
  // The slowest answer has no place on a scale that ends nowhere; it is put where the curve before it ends.
  const points = percentiles.filter(({ percentile }) => percentile < 100);
  const slowest = percentiles.at(-1);
  const lastX = points.length === 0 ? 1 : percentileX((points.at(-1) as PercentilePoint).percentile);
  const xMax = Math.max(1, lastX);
  const curve: Series = {
    label: 'latency',
    className: 'series-p99',
    points: [
      ...points.map(({ percentile, latencyMs }) => ({
        x: percentileX(percentile),
        y: latencyMs,
        title: `${printNumber(latencyMs)} ms at ${percentile.toFixed(4)} %`,
      })),
      ...(slowest === undefined
        ? []
        : [{ x: lastX, y: slowest.latencyMs, title: `${printNumber(slowest.latencyMs)} ms, the slowest` }]),
    ],
  };
  return {
    title: 'Latency by percentile',
    xLabel: 'share of the answers that came within',
    yLabel: 'milliseconds',
    xTicks: PERCENTILE_TICKS.filter(({ at }) => at <= xMax),
    yTicks: ticks(slowest?.latencyMs ?? 0, TICK_COUNT_Y),
    xMax,
    series: [curve],
    marks: [],
  };
}

/** @param percentile  0 to below 100 */
export function percentileX(percentile: number): number {
  return Math.log10(100 / (100 - percentile));
}

function timeChart(
  { elapsedMs, marks }: LoadTestResult,
  series: readonly Series[],
): Omit<LineChart, 'title' | 'yLabel'> {
  const seconds = elapsedMs / 1000;
  const values = series.flatMap(({ points }) => points.map(({ y }) => y ?? 0));
  return {
    xLabel: 'seconds',
    xTicks: ticks(seconds, TICK_COUNT_X).filter(({ at }) => at <= seconds),
    yTicks: ticks(
      values.reduce((a, b) => Math.max(a, b), 0),
      TICK_COUNT_Y,
    ),
    xMax: seconds,
    series,
    marks: marks.map(({ fromMs, toMs, label }) => ({ from: fromMs / 1000, to: toMs / 1000, label })),
  };
}

function overTime(
  slices: readonly Slice[],
  label: string,
  className: string,
  unit: string,
  value: (slice: Slice) => number | undefined,
): Series {
  const points = slices.map((slice) => {
    const y = value(slice);
    const atSeconds = (slice.atMs + slice.lengthMs / 2) / 1000;
    return { x: atSeconds, y, title: `${printNumber(y ?? 0)} ${unit} at ${printNumber(atSeconds)} s` };
  });
  return { label, className, points };
}
