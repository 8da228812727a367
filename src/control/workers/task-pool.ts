// The task pools: work that would hold up the main thread. Threads end when nothing came for a while: the compiler's soon, and with
// it go zod, yaml and the compiler (some 30 MB); the reader's, which holds little, outlives the gap between two scrapes.

import { Piscina } from 'piscina';
import type { RouteLatency } from '../metering/latency-summary.ts';
import type { SeriesTask } from '../metering/series-metrics.ts';
import type { CompileTask } from '../releases/compile-file.ts';
import type { CompileAnswer } from '../releases/publisher.ts';

const COMPILER_IDLE_MS = 5_000;
const READER_IDLE_MS = 90_000;

export class TaskPool {
  readonly #compiler: Piscina;
  readonly #reader: Piscina;

  /** @param filename  of the piscina tasks */
  constructor(filename: string) {
    const options = { filename, minThreads: 0, maxThreads: 1, recordTiming: false };
    this.#compiler = new Piscina({ ...options, idleTimeout: COMPILER_IDLE_MS });
    this.#reader = new Piscina({ ...options, idleTimeout: READER_IDLE_MS });
  }

  compile(task: CompileTask): Promise<CompileAnswer> {
    return this.#compiler.run(task, { name: 'compile' });
  }

  seriesMetrics(task: SeriesTask): Promise<Uint8Array> {
    return this.#reader.run(task, { name: 'seriesMetrics' });
  }

  latencies(task: SeriesTask): Promise<readonly RouteLatency[]> {
    return this.#reader.run(task, { name: 'latencies' });
  }

  async close(): Promise<void> {
    await Promise.all([this.#compiler.destroy(), this.#reader.destroy()]);
  }
}
