// The task pool: work that would hold up the main thread. Its one thread ends when nothing came for a while, and with it
// go zod, yaml and the compiler (some 30 MB). Spans are exported from it too: that is waiting, for the most part, so that a
// compilation has its turn beside it.

import { Piscina } from 'piscina';
import type { CompileTask } from '../releases/compile-file.ts';
import type { CompileAnswer } from '../releases/publisher.ts';
import type { ExportAnswer, ExportTask } from '../telemetry/export-spans.ts';

const IDLE_MS = 5_000;
// One compilation and one export: each has its own queue.
const TASKS_AT_ONCE = 2;

export class TaskPool {
  readonly #pool: Piscina;

  /** @param filename  of the piscina task */
  constructor(filename: string) {
    this.#pool = new Piscina({
      filename,
      minThreads: 0,
      maxThreads: 1,
      concurrentTasksPerWorker: TASKS_AT_ONCE,
      idleTimeout: IDLE_MS,
      recordTiming: false,
    });
  }

  compile(task: CompileTask): Promise<CompileAnswer> {
    return this.#pool.run(task);
  }

  exportSpans(task: ExportTask): Promise<ExportAnswer> {
    // The bytes move there without being copied.
    const transferList = task.batches.map(({ buffer }) => buffer as ArrayBuffer);
    return this.#pool.run(task, { name: 'exportSpans', transferList });
  }

  close(): Promise<void> {
    return this.#pool.destroy();
  }
}
