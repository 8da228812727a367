// The task pools: work that would hold up the main thread, on a thread each that ends when nothing came for a while. The compiler's
// ends soon, and with it go zod, yaml and the compiler (some 30 MB); that of the telemetry outlives the gap between two scrapes.

import { stat } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { Piscina } from 'piscina';
import type { Result } from '../../base/result.ts';
import type { WebhookAnswer, WebhookTask } from '../alerts/send-webhook.ts';
import type { TargetConfig, UsageRetention } from '../config/config.ts';
import type { TargetsFileTask } from '../config/read-targets-file.ts';
import type { RouteLatency } from '../metering/latency-summary.ts';
import type { UsageDelta } from '../metering/ledger/usage-delta.ts';
import type { UsageAnswer, UsageQuery } from '../metering/ledger/usage-query.ts';
import type { Statement, StatementQuery } from '../metering/ledger/usage-statement.ts';
import type { StoreReport } from '../metering/ledger/usage-store.ts';
import type { LedgerPlace, LedgerRead, LedgerTask, Maintained } from '../metering/ledger/usage-tasks.ts';
import type { SeriesTask } from '../metering/series-metrics.ts';
import type { CompileTask } from '../releases/compile-file.ts';
import type { CompileAnswer } from '../releases/publisher.ts';
import type { ExportAnswer, ExportTask } from '../telemetry/export-spans.ts';

const COMPILER_IDLE_MS = 5_000;
const TELEMETRY_IDLE_MS = 90_000;
// It holds the store open.
const LEDGER_IDLE_MS = Number.POSITIVE_INFINITY;
const LEDGER_CLOSE_MS = 1_000;
// One page, one count of connections, and one export of spans and one alert, which are waiting for the most part: each has its own queue.
const TELEMETRY_TASKS_AT_ONCE = 4;

export class TaskPool {
  readonly #compiler: Piscina;
  readonly #telemetry: Piscina;
  /** What is counted must not wait for a page or a query. */
  readonly #ledger: Piscina;
  /** Queries of usage, for as long as they may take. */
  readonly #usage: Piscina;
  readonly #usedForUsage = new Set<Piscina>();

  /** @param filename  of the piscina tasks */
  constructor(filename: string) {
    // The threads of libuv's pool, on which names are looked up and logs written, take over the niceness of whichever thread
    // needs them first. That must be this one: task.worker.ts lowers the priority of its own.
    stat(process.execPath, () => {});
    const options = { filename, minThreads: 0, maxThreads: 1, recordTiming: false };
    this.#compiler = new Piscina({ ...options, idleTimeout: COMPILER_IDLE_MS });
    this.#telemetry = new Piscina({
      ...options,
      idleTimeout: TELEMETRY_IDLE_MS,
      concurrentTasksPerWorker: TELEMETRY_TASKS_AT_ONCE,
    });
    // Between two tasks, these threads' connections to Redis have to be looked after: their loops go on.
    const ledgerOptions = { ...options, idleTimeout: LEDGER_IDLE_MS, atomics: 'disabled' as const };
    this.#ledger = new Piscina(ledgerOptions);
    this.#usage = new Piscina(ledgerOptions);
  }

  compile(task: CompileTask): Promise<CompileAnswer> {
    return this.#compiler.run(task, { name: 'compile' });
  }

  readTargets(task: TargetsFileTask): Promise<Result<readonly TargetConfig[], readonly string[]>> {
    return this.#compiler.run(task, { name: 'readTargets' });
  }

  seriesMetrics(task: SeriesTask): Promise<Uint8Array> {
    return this.#telemetry.run(task, { name: 'seriesMetrics' });
  }

  latencies(task: SeriesTask): Promise<readonly RouteLatency[]> {
    return this.#telemetry.run(task, { name: 'latencies' });
  }

  countConnections(ports: readonly number[]): Promise<readonly (readonly [string, number])[] | undefined> {
    return this.#telemetry.run(ports, { name: 'countConnections' });
  }

  exportSpans(task: ExportTask): Promise<ExportAnswer> {
    // The bytes move there without being copied.
    const transferList = task.batches.map(({ buffer }) => buffer as ArrayBuffer);
    return this.#telemetry.run(task, { name: 'exportSpans', transferList });
  }

  sendWebhook(task: WebhookTask): Promise<WebhookAnswer> {
    return this.#telemetry.run(task, { name: 'sendWebhook' });
  }

  writeUsage(task: LedgerTask & { readonly delta: UsageDelta }): Promise<StoreReport | undefined> {
    this.#usedForUsage.add(this.#ledger);
    return this.#ledger.run(task, { name: 'writeUsage' });
  }

  maintainUsage(task: LedgerTask & { readonly retention: UsageRetention }): Promise<Maintained> {
    this.#usedForUsage.add(this.#ledger);
    return this.#ledger.run(task, { name: 'maintainUsage' });
  }

  queryUsage(place: LedgerPlace, query: UsageQuery): Promise<UsageAnswer> {
    return this.#readUsage(place, { kind: 'query', query }) as Promise<UsageAnswer>;
  }

  usageStatement(place: LedgerPlace, query: StatementQuery): Promise<Statement> {
    return this.#readUsage(place, { kind: 'statement', query }) as Promise<Statement>;
  }

  async close(): Promise<void> {
    // A store is closed by the thread that opened it, before that ends.
    const closing = [...this.#usedForUsage].map((pool) => pool.run(undefined, { name: 'closeUsage' }).catch(() => {}));
    await Promise.race([Promise.all(closing), wait(LEDGER_CLOSE_MS, undefined, { ref: false })]);
    const pools = [this.#compiler, this.#telemetry, this.#ledger, this.#usage];
    await Promise.all(pools.map((pool) => pool.destroy()));
  }

  #readUsage(place: LedgerPlace, read: LedgerRead): Promise<unknown> {
    this.#usedForUsage.add(this.#usage);
    return this.#usage.run({ place, read }, { name: 'readUsage' });
  }
}
