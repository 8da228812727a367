// A stretch of a run with a name, and what became of the requests that were sent in it.

import { LatencyHistogram } from '../load/latency-histogram.ts';
import type { Answer } from '../load/watch-client.ts';
import { printNumber } from '../thresholds.ts';

// 0.9999 × 10,000 is a little less than 9,999.
const ROUNDING = 1e-6;

export class Phase {
  readonly label: string;
  /** performance.now() */
  readonly fromMs: number;
  readonly isFault: boolean;
  readonly latencies = new LatencyHistogram();
  succeededCount = 0;
  failedCount = 0;

  constructor(label: string, fromMs: number, isFault: boolean) {
    this.label = label;
    this.fromMs = fromMs;
    this.isFault = isFault;
  }

  get endedCount(): number {
    return this.succeededCount + this.failedCount;
  }

  /** 0 to 1; undefined when no request came to an end. */
  get successShare(): number | undefined {
    return this.endedCount === 0 ? undefined : this.succeededCount / this.endedCount;
  }

  onAnswer({ status, sentMs, arrivedMs, intervalMs }: Answer): void {
    this.latencies.recordCorrected(arrivedMs - sentMs, intervalMs);
    if (status < 400) this.succeededCount++;
    else this.failedCount++;
  }

  onFailure(): void {
    this.failedCount++;
  }

  /** 99.97 % of 6120 succeeded, p50 11.2 ms, p99 1010 ms */
  print(): string {
    const share = this.successShare;
    if (share === undefined) return 'no request came to an end';
    const times = [50, 99].map((p) => `p${p} ${printNumber(this.latencies.percentileMs(p))} ms`).join(', ');
    return `${printShare(share)} of ${this.endedCount} succeeded, ${times}`;
  }
}

/** Phases that follow each other. */
export class Phases {
  readonly all: Phase[] = [];

  /** @param fromMs  performance.now() */
  begin(label: string, fromMs: number, isFault = false): Phase {
    const phase = new Phase(label, fromMs, isFault);
    this.all.push(phase);
    return phase;
  }

  /**
   * The phase in which a request was sent; but one that was under way when a fault began belongs to the fault.
   * @returns undefined before the first phase
   */
  of(sentMs: number, endedMs: number): Phase | undefined {
    const sentIn = this.#at(sentMs);
    const endedIn = this.#at(endedMs);
    return endedIn?.isFault === true && sentIn?.isFault === false ? endedIn : sentIn;
  }

  #at(atMs: number): Phase | undefined {
    return this.all.findLast(({ fromMs }) => fromMs <= atMs);
  }
}

/** Cut, not rounded: 99.999 % is not all of them. */
export function printShare(share: number): string {
  return `${Math.floor(share * 10_000 + ROUNDING) / 100} %`;
}
