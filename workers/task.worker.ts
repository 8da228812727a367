// piscina entry of the task pools: work that would hold up the main thread. Each task loads what it needs: the compiler's zod and
// yaml cost a thread 130 ms, and no other task wants them.

import type { RouteLatency } from '../src/control/metering/latency-summary.ts';
import type { SeriesTask } from '../src/control/metering/series-metrics.ts';
import type { CompileTask } from '../src/control/releases/compile-file.ts';
import type { CompileAnswer } from '../src/control/releases/publisher.ts';
import type { ExportAnswer, ExportTask } from '../src/control/telemetry/export-spans.ts';

export async function compile(task: CompileTask): Promise<CompileAnswer> {
  const { compileFile } = await import('../src/control/releases/compile-file.ts');
  return compileFile(task);
}

export async function seriesMetrics(task: SeriesTask): Promise<Uint8Array> {
  const { renderSeriesMetrics } = await import('../src/control/metering/series-metrics.ts');
  return renderSeriesMetrics(task);
}

export async function latencies(task: SeriesTask): Promise<readonly RouteLatency[]> {
  const { latencySummary } = await import('../src/control/metering/latency-summary.ts');
  return latencySummary(task);
}

export async function exportSpans(task: ExportTask): Promise<ExportAnswer> {
  const { exportSpans: send } = await import('../src/control/telemetry/export-spans.ts');
  return send(task);
}
