// Spans on their way from the workers to the collector, as the main thread sees them: opaque batches in a bounded queue,
// exported one request at a time. A collector that is slow or down costs spans, which are counted, and a line in the log a
// minute; nothing else waits for it.

import type { Clock } from '../../base/clock.ts';
import type { SpanBatch } from '../../gateway/telemetry/span-data.ts';
import type { TracingConfig } from '../config/config.ts';
import type { Log } from '../log.ts';
import type { ExportAnswer, ExportTask } from './export-spans.ts';

export interface SpanForwarderOptions {
  /** Rejects when the task pool has been closed. */
  export(task: ExportTask): Promise<ExportAnswer>;
  /** As it is configured now; undefined while tracing is off. */
  tracing(): TracingConfig | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

/** Spans, by what became of them. */
export interface SpanCounts {
  readonly exported: number;
  /** The collector refused them, or could not be reached. */
  readonly failed: number;
  /** There was no room in the queue. */
  readonly dropped: number;
}

/** Spans that wait: 8 full exports, some 10 MiB. */
export const QUEUE_SPANS_MAX = 16_384;
/** Spans of one request: some 150 kB of protobuf. */
export const EXPORT_SPANS_MAX = 2_048;
const LOG_INTERVAL_US = 60_000_000;

export class SpanForwarder {
  readonly #options: SpanForwarderOptions;
  readonly #queue: SpanBatch[] = [];
  #queuedSpans = 0;
  #exporting: Promise<void> | undefined;
  #loggedUs = Number.NEGATIVE_INFINITY;
  readonly #counts = { exported: 0, failed: 0, dropped: 0 };

  constructor(options: SpanForwarderOptions) {
    this.#options = options;
  }

  get counts(): SpanCounts {
    return this.#counts;
  }

  add(batch: SpanBatch): void {
    if (this.#queuedSpans + batch.spanCount > QUEUE_SPANS_MAX) {
      this.#counts.dropped += batch.spanCount;
      return;
    }
    this.#queue.push(batch);
    this.#queuedSpans += batch.spanCount;
    this.#exporting ??= this.#exportAll().finally(() => {
      this.#exporting = undefined;
    });
  }

  /** Resolves when all has been exported, or the time is over. */
  async flush(timeoutMs: number): Promise<void> {
    if (this.#exporting === undefined) return;
    let timer: NodeJS.Timeout | undefined;
    const isOver = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, timeoutMs);
    });
    await Promise.race([this.#exporting, isOver]);
    clearTimeout(timer);
  }

  async #exportAll(): Promise<void> {
    while (this.#queue.length > 0) {
      const batches = this.#takeBatches();
      const spanCount = batches.reduce((sum, batch) => sum + batch.spanCount, 0);
      const tracing = this.#options.tracing();
      // It was turned off meanwhile.
      if (tracing === undefined) this.#counts.dropped += spanCount;
      else await this.#export(tracing, batches, spanCount);
    }
  }

  #takeBatches(): SpanBatch[] {
    let spanCount = 0;
    let batchCount = 0;
    for (const batch of this.#queue) {
      spanCount += batch.spanCount;
      if (batchCount > 0 && spanCount > EXPORT_SPANS_MAX) break;
      batchCount++;
    }
    const batches = this.#queue.splice(0, batchCount);
    for (const batch of batches) this.#queuedSpans -= batch.spanCount;
    return batches;
  }

  async #export(tracing: TracingConfig, batches: readonly SpanBatch[], spanCount: number): Promise<void> {
    const { otlp, headers, serviceName } = tracing;
    const task = { url: otlp, headers, serviceName, batches: batches.map(({ bytes }) => bytes) };
    const answer = await this.#options.export(task).catch(() => noExport(spanCount));
    this.#counts.exported += answer.exported;
    this.#counts.failed += answer.failed;
    if (answer.problem !== '') this.#logProblem(otlp, answer.problem);
  }

  #logProblem(otlp: string, problem: string): void {
    const nowUs = this.#options.clock.nowUs();
    if (nowUs - this.#loggedUs < LOG_INTERVAL_US) return;
    this.#loggedUs = nowUs;
    const { failed, dropped } = this.#counts;
    this.#options.log('warn', `traces: ${otlp}: ${problem}; ${failed + dropped} spans lost since the start`);
  }
}

function noExport(spanCount: number): ExportAnswer {
  return { exported: 0, failed: spanCount, problem: 'the task pool ended' };
}
