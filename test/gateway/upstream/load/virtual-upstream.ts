// An upstream of K places and a service time, with a queue of its own, in virtual time: what adaptive limits are tried on.

/** Events in the order of their times; ties in the order in which they were made. */
export class EventLoop {
  nowMs = 0;
  readonly #heap: { readonly atMs: number; readonly order: number; readonly run: () => void }[] = [];
  #made = 0;

  after(ms: number, run: () => void): void {
    const heap = this.#heap;
    let at = heap.push({ atMs: this.nowMs + ms, order: this.#made++, run }) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#isBefore(at, parent)) break;
      this.#swap(at, parent);
      at = parent;
    }
  }

  runUntil(ms: number): void {
    while ((this.#heap[0]?.atMs ?? Number.POSITIVE_INFINITY) <= ms) {
      const event = this.#pop();
      this.nowMs = event.atMs;
      event.run();
    }
    this.nowMs = ms;
  }

  #pop() {
    const heap = this.#heap;
    this.#swap(0, heap.length - 1);
    const first = heap.pop() as (typeof heap)[number];
    for (let at = 0; ; ) {
      let child = 2 * at + 1;
      if (child >= heap.length) return first;
      if (child + 1 < heap.length && this.#isBefore(child + 1, child)) child++;
      if (!this.#isBefore(child, at)) return first;
      this.#swap(at, child);
      at = child;
    }
  }

  #isBefore(a: number, b: number): boolean {
    const [one, other] = [this.#heap[a], this.#heap[b]];
    if (one === undefined || other === undefined) return false;
    return one.atMs === other.atMs ? one.order < other.order : one.atMs < other.atMs;
  }

  #swap(a: number, b: number): void {
    const heap = this.#heap;
    [heap[a], heap[b]] = [heap[b] as (typeof heap)[number], heap[a] as (typeof heap)[number]];
  }
}

/** The same numbers in every run (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export class VirtualUpstream {
  /** Requests that it works on at once; more wait in the order of arrival. */
  places: number;
  serviceMs: () => number;
  /** Of every request since clear(), from arrival to end. */
  latenciesMs: number[] = [];
  readonly #loop: EventLoop;
  readonly #queue: { readonly sinceMs: number; readonly onEnd: (latencyMs: number) => void }[] = [];
  #busy = 0;

  constructor(loop: EventLoop, places: number, serviceMs: () => number) {
    this.#loop = loop;
    this.places = places;
    this.serviceMs = serviceMs;
  }

  send(onEnd: (latencyMs: number) => void): void {
    this.#queue.push({ sinceMs: this.#loop.nowMs, onEnd });
    this.#work();
  }

  clear(): void {
    this.latenciesMs = [];
  }

  /** @param share  0.99 for p99 */
  percentile(share: number): number {
    const sorted = [...this.latenciesMs].sort((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  }

  #work(): void {
    while (this.#busy < this.places) {
      const next = this.#queue.shift();
      if (next === undefined) return;
      this.#busy++;
      this.#loop.after(this.serviceMs(), () => {
        this.#busy--;
        const latencyMs = this.#loop.nowMs - next.sinceMs;
        this.latenciesMs.push(latencyMs);
        next.onEnd(latencyMs);
        this.#work();
      });
    }
  }
}
