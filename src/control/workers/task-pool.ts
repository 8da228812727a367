// The task pools: work that would hold up the main thread, on a thread each that ends when nothing came for a while. The compiler's
// ends soon, and with it go zod, yaml and the compiler (some 30 MB); that of the telemetry outlives the gap between two scrapes.

import { stat } from 'node:fs';
import { Piscina } from 'piscina';
import type { Result } from '../../base/result.ts';
import type { TargetConfig } from '../config/config.ts';
import type { TargetsFileTask } from '../config/read-targets-file.ts';
import type { RouteLatency } from '../metering/latency-summary.ts';
import type { SeriesTask } from '../metering/series-metrics.ts';
import type { CompileTask } from '../releases/compile-file.ts';
import type { CompileAnswer } from '../releases/publisher.ts';
import type { ExportAnswer, ExportTask } from '../telemetry/export-spans.ts';

const COMPILER_IDLE_MS = 5_000;
const TELEMETRY_IDLE_MS = 90_000;
// One page and one export of spans, which is waiting for the most part: each has its own queue.
const TELEMETRY_TASKS_AT_ONCE = 2;

export class TaskPool {
  readonly #compiler: Piscina;
  readonly #telemetry: Piscina;

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

  exportSpans(task: ExportTask): Promise<ExportAnswer> {
    // The bytes move there without being copied.
    const transferList = task.batches.map(({ buffer }) => buffer as ArrayBuffer);
    return this.#telemetry.run(task, { name: 'exportSpans', transferList });
  }

  async close(): Promise<void> {
    await Promise.all([this.#compiler.destroy(), this.#telemetry.destroy()]);
  }
}
