// Collects what became of every request of a run: counts, the latencies of all answers, and a series over time.

import { LatencyHistogram } from './latency-histogram.ts';
import type { Answer, ClientEvents } from './watch-client.ts';

/** What happened within one slice of time. */
export interface Slice {
  /** Its start, since the run's start. */
  readonly atMs: number;
  readonly lengthMs: number;
  readonly answerCount: number;
  readonly failureCount: number;
  /** Of the answers that came in it, as measured (not corrected); 0 when there were none. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export interface Counts {
  readonly sent: number;
  readonly answered: number;
  /** Without a whole answer, or with a status that was not expected. */
  readonly failed: number;
  /** Under way when the load ended. */
  readonly unfinished: number;
}

export type Clock = () => number;

// A curve of more points than pixels shows no more.
const SLICE_COUNT_MAX = 600;
const SLICE_MS_MIN = 250;

export class Recorder implements ClientEvents {
  readonly latencies = new LatencyHistogram();
  /** By status, or by why there was none. */
  readonly outcomes = new Map<string, number>();
  readonly slices: Slice[] = [];
  readonly startMs: number;
  readonly #clock: Clock;
  readonly #isExpected: (status: number) => boolean;
  readonly #sliceMs: number;
  readonly #slice = new LatencyHistogram();
  #lastEndMs = 0;
  #sliceAtMs = 0;
  #sliceFailureCount = 0;
  #sent = 0;
  #answered = 0;
  #failed = 0;
  #unfinished = 0;

  /**
   * @param durationMs  of the whole run, as planned
   * @param isExpected  whether a status is no failure
   * @param clock  milliseconds; the clock of the answers' times
   */
  constructor(durationMs: number, isExpected: (status: number) => boolean, clock: Clock = () => performance.now()) {
    this.#clock = clock;
    this.#isExpected = isExpected;
    this.#sliceMs = Math.max(SLICE_MS_MIN, Math.ceil(durationMs / SLICE_COUNT_MAX));
    this.startMs = clock();
  }

  get elapsedMs(): number {
    return this.#clock() - this.startMs;
  }

  get counts(): Counts {
    return { sent: this.#sent, answered: this.#answered, failed: this.#failed, unfinished: this.#unfinished };
  }

  /** Until the last request that came to an end. */
  get loadedMs(): number {
    return this.#lastEndMs;
  }

  /** Failed requests among those that came to an end; 0 when none did. */
  get failedShare(): number {
    const unanswered = [...this.outcomes].reduce((sum, [outcome, count]) => sum + (isStatus(outcome) ? 0 : count), 0);
    const ended = this.#answered + unanswered;
    return ended === 0 ? 0 : this.#failed / ended;
  }

  onSent(): void {
    this.#sent++;
  }

  onAnswer(answer: Answer): void {
    this.#roll();
    const latencyMs = answer.arrivedMs - answer.sentMs;
    this.latencies.recordCorrected(latencyMs, answer.intervalMs);
    this.#slice.record(latencyMs);
    this.#answered++;
    this.#count(String(answer.status));
    if (!this.#isExpected(answer.status)) this.#fail();
  }

  onFailure(reason: string): void {
    this.#roll();
    this.#count(reason);
    this.#fail();
  }

  onUnfinished(): void {
    this.#unfinished++;
  }

  /** Closes the last slice, where the last request ended. */
  finish(): void {
    const lengthMs = this.#lastEndMs - this.#sliceAtMs;
    if (lengthMs > 0) this.#closeSlice(lengthMs);
  }

  /** Closes the slices that are over, empty ones too: a second without an answer is to be seen. */
  #roll(): void {
    this.#lastEndMs = this.elapsedMs;
    // Bounded even when the machine slept: what is beyond the count is one slice.
    while (this.#lastEndMs - this.#sliceAtMs >= this.#sliceMs && this.slices.length < SLICE_COUNT_MAX * 2) {
      this.#closeSlice(this.#sliceMs);
    }
  }

  #closeSlice(lengthMs: number): void {
    this.slices.push({
      atMs: this.#sliceAtMs,
      lengthMs,
      answerCount: this.#slice.count,
      failureCount: this.#sliceFailureCount,
      p50Ms: this.#slice.percentileMs(50),
      p99Ms: this.#slice.percentileMs(99),
      maxMs: this.#slice.maxMs,
    });
    this.#sliceAtMs += lengthMs;
    this.#sliceFailureCount = 0;
    this.#slice.reset();
  }

  #fail(): void {
    this.#failed++;
    this.#sliceFailureCount++;
  }

  #count(outcome: string): void {
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1);
  }
}

function isStatus(outcome: string): boolean {
  return /^\d+$/.test(outcome);
}
