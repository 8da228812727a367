// What is remembered for a while, by a digest of what it was asked about. Bounded in number and in bytes; the oldest go first.

interface Entry<V> {
  readonly value: V;
  readonly untilMs: number;
  readonly bytes: number;
}

export class BoundedCache<V> {
  readonly #countMax: number;
  readonly #bytesMax: number;
  readonly #entries = new Map<string, Entry<V>>();
  #bytes = 0;

  /** @param countMax  entries @param bytesMax  of all of them, as put() is told */
  constructor(countMax: number, bytesMax = Number.POSITIVE_INFINITY) {
    this.#countMax = countMax;
    this.#bytesMax = bytesMax;
  }

  get count(): number {
    return this.#entries.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** @hot one Map lookup */
  get(key: string, nowMs: number): V | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined || entry.untilMs > nowMs) return entry?.value;
    this.delete(key);
    return undefined;
  }

  /** What is larger than the whole room is not kept. */
  put(key: string, value: V, untilMs: number, bytes = 0): void {
    this.delete(key);
    if (bytes > this.#bytesMax) return;
    this.#entries.set(key, { value, untilMs, bytes });
    this.#bytes += bytes;
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#countMax && this.#bytes <= this.#bytesMax) return;
      this.delete(oldest);
    }
  }

  delete(key: string): void {
    this.#bytes -= this.#entries.get(key)?.bytes ?? 0;
    this.#entries.delete(key);
  }
}
