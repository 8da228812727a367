// What became of one consumer's requests in an overload.

import { LatencyHistogram } from '../load/latency-histogram.ts';
import type { Answer } from '../load/watch-client.ts';
import { printNumber } from '../thresholds.ts';
import { printShare } from './phase.ts';

export class CallerStats {
  readonly #steady: { readonly fromMs: number; readonly lengthMs: number };
  /** Of the answers that succeeded. */
  readonly latencies = new LatencyHistogram();
  sentCount = 0;
  /** 429 or 503 without Retry-After. */
  bareCount = 0;
  #succeededCount = 0;
  #steadyCount = 0;
  #refusedCount = 0;
  #failedCount = 0;

  /** @param steady  the stretch for goodput; performance.now() */
  constructor(steady: { readonly fromMs: number; readonly lengthMs: number }) {
    this.#steady = steady;
  }

  onSent(): void {
    this.sentCount++;
  }

  onAnswer({ status, arrivedMs, sentMs, headers }: Answer): void {
    if (status < 400) {
      this.#succeededCount++;
      this.latencies.record(arrivedMs - sentMs);
      const { fromMs, lengthMs } = this.#steady;
      if (arrivedMs >= fromMs && arrivedMs < fromMs + lengthMs) this.#steadyCount++;
    } else if (status === 429 || status === 503) {
      this.#refusedCount++;
      if (!isDated(headers)) this.bareCount++;
    } else this.#failedCount++;
  }

  onFailure(): void {
    this.#failedCount++;
  }

  /** Requests a second that succeeded in the steady stretch. */
  get steadyPerSecond(): number {
    return (this.#steadyCount * 1000) / this.#steady.lengthMs;
  }

  /** 0 to 1, of all requests that came to an end; undefined when none did. */
  get successShare(): number | undefined {
    const ended = this.#succeededCount + this.#refusedCount + this.#failedCount;
    return ended === 0 ? undefined : this.#succeededCount / ended;
  }

  print(): string {
    const { successShare } = this;
    const times = [50, 99].map((p) => `p${p} ${printNumber(this.latencies.percentileMs(p))} ms`).join(', ');
    const share = successShare === undefined ? '-' : printShare(successShare);
    return `${this.sentCount} sent, ${share} succeeded (${times}), ${this.#refusedCount} refused, ${this.#failedCount} failed`;
  }
}

function isDated(headers: readonly string[]): boolean {
  return headers.some((name, index) => index % 2 === 0 && name.toLowerCase() === 'retry-after');
}
