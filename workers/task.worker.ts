// piscina entry of the task pools: work that would hold up the main thread. Each task loads what it needs: the compiler's zod and
// yaml cost a thread 130 ms, and no other task wants them.
//
// These threads stand behind all others where cores are scarce: a request does not wait for a compilation or a page of metrics.

import { setPriority } from 'node:os';
import type { Result } from '../src/base/result.ts';
import type { WebhookAnswer, WebhookTask } from '../src/control/alerts/send-webhook.ts';
import type { TargetConfig, UsageRetention } from '../src/control/config/config.ts';
import type { TargetsFileTask } from '../src/control/config/read-targets-file.ts';
import type { RouteLatency } from '../src/control/metering/latency-summary.ts';
import type { UsageDelta } from '../src/control/metering/ledger/usage-delta.ts';
import type { UsageAnswer } from '../src/control/metering/ledger/usage-query.ts';
import type { Statement } from '../src/control/metering/ledger/usage-statement.ts';
import type { StoreReport } from '../src/control/metering/ledger/usage-store.ts';
import type { LedgerPlace, LedgerRead, LedgerTask, Maintained } from '../src/control/metering/ledger/usage-tasks.ts';
import type { SeriesTask } from '../src/control/metering/series-metrics.ts';
import type { CompileTask } from '../src/control/releases/compile-file.ts';
import type { CompileAnswer } from '../src/control/releases/publisher.ts';
import type { ExportAnswer, ExportTask } from '../src/control/telemetry/export-spans.ts';

// Linux gives a thread of this niceness a tenth of what one that serves requests gets on the same core (weights 110 and 1,024),
// and takes the core from it when that one wakes. It still moves on: a compilation of 0.5 s takes 5 s at the worst.
const NICENESS = 10;

// Here, not in a task: once for the thread.
yieldToRequests();

export async function compile(task: CompileTask): Promise<CompileAnswer> {
  const { compileFile } = await import('../src/control/releases/compile-file.ts');
  return compileFile(task);
}

export async function readTargets(task: TargetsFileTask): Promise<Result<readonly TargetConfig[], readonly string[]>> {
  const { readTargetsFile } = await import('../src/control/config/read-targets-file.ts');
  return readTargetsFile(task);
}

export async function seriesMetrics(task: SeriesTask): Promise<Uint8Array> {
  const { renderSeriesMetrics } = await import('../src/control/metering/series-metrics.ts');
  return renderSeriesMetrics(task);
}

export async function latencies(task: SeriesTask): Promise<readonly RouteLatency[]> {
  const { latencySummary } = await import('../src/control/metering/latency-summary.ts');
  return latencySummary(task);
}

export async function countConnections(
  ports: readonly number[],
): Promise<readonly (readonly [string, number])[] | undefined> {
  const { countConnections: count } = await import('../src/control/workers/count-connections.ts');
  return count(ports);
}

export async function exportSpans(task: ExportTask): Promise<ExportAnswer> {
  const { exportSpans: send } = await import('../src/control/telemetry/export-spans.ts');
  return send(task);
}

export async function sendWebhook(task: WebhookTask): Promise<WebhookAnswer> {
  const { sendWebhook: send } = await import('../src/control/alerts/send-webhook.ts');
  return send(task);
}

export async function writeUsage(task: LedgerTask & { readonly delta: UsageDelta }): Promise<StoreReport | undefined> {
  const ledger = await import('../src/control/metering/ledger/usage-tasks.ts');
  return ledger.writeUsage(task);
}

export async function maintainUsage(task: LedgerTask & { readonly retention: UsageRetention }): Promise<Maintained> {
  const ledger = await import('../src/control/metering/ledger/usage-tasks.ts');
  return ledger.maintainUsage(task);
}

export async function readUsage(task: {
  readonly place: LedgerPlace;
  readonly read: LedgerRead;
}): Promise<UsageAnswer | Statement> {
  const ledger = await import('../src/control/metering/ledger/usage-tasks.ts');
  return ledger.readUsage(task);
}

export async function closeUsage(): Promise<void> {
  const ledger = await import('../src/control/metering/ledger/usage-tasks.ts');
  await ledger.closeUsage();
}

/** Elsewhere than on Linux this would slow down the whole process: there, process 0 is the process, not the calling thread. */
function yieldToRequests(): void {
  if (process.platform !== 'linux') return;
  try {
    setPriority(0, NICENESS);
  } catch {
    // A sandbox may forbid it. The work is the same.
  }
}
