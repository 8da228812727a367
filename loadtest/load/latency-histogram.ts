// Latencies in microseconds, in a histogram of fixed memory. autocannon's own counts whole milliseconds, which says nothing
// of a gateway that answers in a fraction of one.

import { build, type Histogram } from 'hdr-histogram-js';

/** One point of the curve: this share of the answers came within latencyMs. */
export interface PercentilePoint {
  /** 0 to 100 */
  readonly percentile: number;
  readonly latencyMs: number;
}

const LATENCY_US_MAX = 3_600_000_000;
// 1 of 1,000: the third digit of a latency is noise on any machine.
const SIGNIFICANT_DIGITS = 3;
// HDR's manner: the steps halve towards 100 %, so that the curve has as many points between 99 and 99.9 as between 90 and 99.
const POINTS_PER_HALVING = 4;

export class LatencyHistogram {
  readonly #histogram: Histogram = build({
    bitBucketSize: 32,
    autoResize: true,
    lowestDiscernibleValue: 1,
    highestTrackableValue: 10_000_000,
    numberOfSignificantValueDigits: SIGNIFICANT_DIGITS,
  });

  /** How many values, corrections included. */
  get count(): number {
    return this.#histogram.totalCount;
  }

  /** 0 when nothing was recorded. */
  get maxMs(): number {
    return this.count === 0 ? 0 : this.#histogram.maxValue / 1000;
  }

  /** 0 when nothing was recorded. */
  get meanMs(): number {
    return this.count === 0 ? 0 : this.#histogram.mean / 1000;
  }

  record(latencyMs: number): void {
    this.#histogram.recordValue(toUs(latencyMs));
  }

  /**
   * Records a latency, and those of the requests that could not be sent while this one was waited for.
   * @param intervalMs  how often the connection was to send; 0 for as often as it is answered, which omits nothing
   * @source  Gil Tene, coordinated omission
   */
  recordCorrected(latencyMs: number, intervalMs: number): void {
    if (intervalMs > 0) this.#histogram.recordValueWithExpectedInterval(toUs(latencyMs), toUs(intervalMs));
    else this.record(latencyMs);
  }

  /**
   * @param percentile  0 to 100
   * @returns milliseconds; 0 when nothing was recorded
   */
  percentileMs(percentile: number): number {
    if (this.count === 0) return 0;
    // The histogram gives a bucket's upper end, which may lie beyond the slowest answer.
    return Math.min(this.#histogram.getValueAtPercentile(percentile), this.#histogram.maxValue) / 1000;
  }

  reset(): void {
    this.#histogram.reset();
  }

  /** From 0 % to 100 %, ever denser; the last point is the slowest answer. Empty when nothing was recorded. */
  curve(): readonly PercentilePoint[] {
    if (this.count === 0) return [];
    const points: PercentilePoint[] = [];
    for (let step = 0; ; step++) {
      const missing = 100 * 2 ** (-step / POINTS_PER_HALVING);
      // Beyond one answer of them all there is nothing but the slowest.
      if (missing * this.count < 100) break;
      const percentile = 100 - missing;
      points.push({ percentile, latencyMs: this.percentileMs(percentile) });
    }
    points.push({ percentile: 100, latencyMs: this.maxMs });
    return points;
  }
}

function toUs(ms: number): number {
  return Math.min(LATENCY_US_MAX, Math.max(1, Math.round(ms * 1000)));
}
