// What a load test came to: the JSON that --json prints, and all that the reports are made of.

import type { PercentilePoint } from './load/latency-histogram.ts';
import type { Counts, Slice } from './load/recorder.ts';
import type { Mark, Settings } from './scenario.ts';
import type { Verdict } from './thresholds.ts';

export interface LoadTestResult {
  readonly scenario: string;
  readonly shows: string;
  readonly url: string;
  /** Whether the gateway was started for this run. */
  readonly isOwnTarget: boolean;
  readonly method: string;
  /** ISO 8601 */
  readonly startedAt: string;
  readonly settings: Settings;
  /** Until the last request came to an end. */
  readonly elapsedMs: number;
  readonly isPassed: boolean;
  readonly thresholds: readonly Verdict[];
  readonly counts: Counts;
  /** How many of each status, or of each reason for which there was none. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** Corrected for what could not be sent meanwhile, where a rate was set. */
  readonly latencyMs: LatencySummary;
  readonly percentiles: readonly PercentilePoint[];
  readonly slices: readonly Slice[];
  readonly marks: readonly Mark[];
  readonly facts: readonly (readonly [name: string, value: string])[];
  /** What makes the figures doubtful. */
  readonly warnings: readonly string[];
}

export interface LatencySummary {
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}
