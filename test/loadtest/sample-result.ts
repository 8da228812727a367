// A result as a run gives it, for the reports.

import type { LoadTestResult } from '../../loadtest/result.ts';
import { baseSettings } from '../../loadtest/scenario.ts';

export const sampleResult: LoadTestResult = {
  scenario: 'steady',
  shows: 'A sentence.',
  url: 'http://127.0.0.1:8080/load',
  isOwnTarget: true,
  method: 'GET',
  startedAt: '2026-01-02T03:04:05.678Z',
  settings: baseSettings,
  elapsedMs: 1000,
  isPassed: false,
  thresholds: [
    { name: 'p99', says: 'slow ones', unit: 'ms', bound: 'at most', value: 10, measured: 12.34, isPassed: false },
    { name: 'errors', says: 'failed', unit: '%', bound: 'at most', value: 1, measured: 0, isPassed: true },
    { name: 'memory', says: 'more', unit: 'MiB', bound: 'at most', value: 1, measured: undefined, isPassed: undefined },
  ],
  counts: { sent: 3, answered: 2, failed: 1, unfinished: 0 },
  outcomes: { '200': 2, ECONNRESET: 1 },
  latencyMs: { mean: 2, p50: 1, p90: 3, p99: 12.34, p999: 12.34, max: 12.34 },
  percentiles: [
    { percentile: 0, latencyMs: 1 },
    { percentile: 50, latencyMs: 2 },
    { percentile: 100, latencyMs: 12.34 },
  ],
  slices: [
    { atMs: 0, lengthMs: 250, answerCount: 1, failureCount: 0, p50Ms: 1, p99Ms: 1, maxMs: 1 },
    { atMs: 250, lengthMs: 250, answerCount: 0, failureCount: 1, p50Ms: 0, p99Ms: 0, maxMs: 0 },
    { atMs: 500, lengthMs: 250, answerCount: 1, failureCount: 0, p50Ms: 12, p99Ms: 12.34, maxMs: 12.34 },
  ],
  marks: [
    { fromMs: 250, toMs: 300, label: 'reload' },
    { fromMs: 600, toMs: 650, label: 'reload' },
  ],
  facts: [['fact', 'value']],
  warnings: ['A warning.'],
};
