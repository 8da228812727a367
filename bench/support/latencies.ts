// A histogram of latencies that costs one addition each.

// 10 µs wide, up to 2 s; what took longer lies in the last.
const BUCKETS_PER_MS = 100;
const BUCKET_COUNT = 2_000 * BUCKETS_PER_MS;

export class Latencies {
  readonly #counts = new Uint32Array(BUCKET_COUNT);
  #total = 0;

  record(ms: number): void {
    const bucket = Math.min(BUCKET_COUNT - 1, (ms * BUCKETS_PER_MS) | 0);
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1;
    this.#total++;
  }

  /** @param share  0.99 for p99 @returns milliseconds, the upper end of the bucket; 0 when nothing was recorded */
  quantileMs(share: number): number {
    const rank = Math.ceil(this.#total * share);
    let seen = 0;
    for (let bucket = 0; bucket < BUCKET_COUNT && rank > 0; bucket++) {
      seen += this.#counts[bucket] as number;
      if (seen >= rank) return (bucket + 1) / BUCKETS_PER_MS;
    }
    return 0;
  }
}
