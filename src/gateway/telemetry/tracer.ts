// A worker's finished spans, until its tick hands them over. Bounded: what finds no room is dropped and counted, before
// anything is made of it, so that a collector that is slow or a flood of failures costs a request nothing more.

import { Packr } from 'msgpackr';
import type { WorkerIndex } from '../../base/ids.ts';
import type { ControlBlock } from '../../shm/control-block.ts';
import type { Exchange } from '../pipeline/exchange.ts';
import type { TracingPlan } from '../snapshot.ts';
import { EpochOffset } from './epoch-offset.ts';
import { spansOf } from './exchange-spans.ts';
import type { PackedSpans, SpanBatch, SpanData } from './span-data.ts';
import { lateTraceOf } from './trace-context.ts';

/** Spans that a worker keeps; some 1 KiB each, 2 MiB. */
export const SPANS_MAX = 2_048;
/** Packing so many takes 1 ms; one batch a tick (10 ms) is 25,600 spans a second. */
export const BATCH_SPANS_MAX = 256;
/** How long a span waits for others. */
export const BATCH_DELAY_US = 1_000_000;

// Of an exchange: its own span and its upstream's.
const SPANS_PER_EXCHANGE_MAX = 2;

// Records: the names of fields stand once in a batch, a third of its size. Without shared structures, each is whole.
const packr = new Packr({ useRecords: true });

export class Tracer {
  readonly #control: ControlBlock;
  readonly #worker: WorkerIndex;
  readonly #offset = new EpochOffset();
  readonly #spans: SpanData[] = [];
  /** Since when the oldest span has been waiting, about. */
  #sinceUs = 0;

  constructor(control: ControlBlock, worker: WorkerIndex) {
    this.#control = control;
    this.#worker = worker;
  }

  /** An exchange has ended; its endUs is set. @hot when it is neither sampled nor worth keeping: three comparisons */
  end(x: Exchange, plan: TracingPlan): void {
    if (x.trace === undefined && !isWorthKeeping(x, plan)) return;
    this.#keep(x);
  }

  /** Let the time of day be known. @param nowUs  of the monotonic clock @param epochMs  Date.now() of the same moment */
  readTime(nowUs: number, epochMs: number): void {
    this.#offset.read(nowUs, epochMs);
  }

  /**
   * What there is to hand over.
   * @param all  also what would wait for more
   * @returns undefined when there is nothing, or not enough yet
   */
  take(nowUs: number, all = false): SpanBatch | undefined {
    const isDue = this.#spans.length >= BATCH_SPANS_MAX || nowUs - this.#sinceUs >= BATCH_DELAY_US || all;
    if (this.#spans.length === 0 || !isDue) return undefined;
    const spans = this.#spans.splice(0, BATCH_SPANS_MAX);
    const packed: PackedSpans = { epochOffsetUs: this.#offset.us, spans };
    // The packer's buffer is used again; a copy can be transferred.
    return { spanCount: spans.length, bytes: new Uint8Array(packr.pack(packed)) };
  }

  #keep(x: Exchange): void {
    if (this.#spans.length > SPANS_MAX - SPANS_PER_EXCHANGE_MAX) {
      this.#control.add(this.#worker, 'spansDropped', x.sentUs === 0 ? 1 : SPANS_PER_EXCHANGE_MAX);
      return;
    }
    if (this.#spans.length === 0) this.#sinceUs = x.endUs;
    const spans = spansOf(x, x.trace ?? lateTraceOf(x));
    for (const span of spans) this.#spans.push(span);
    this.#control.add(this.#worker, 'spans', spans.length);
  }
}

/** What is kept though nobody asked for it: failures, and what was slow. @hot */
function isWorthKeeping(x: Exchange, plan: TracingPlan): boolean {
  if (x.status >= 500 || x.wasCut) return true;
  // A WebSocket lasts, which is not slow.
  return x.endUs - x.startUs >= plan.slowUs && x.status !== 101;
}
