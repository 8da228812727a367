// So many connections of one client's address at once, and no more.
//
// uWebSockets.js tells when a connection opens and from where, and that one has closed, but not which. So the main thread counts
// what the system has (control/workers/connection-watch.ts), and a worker adds what it saw opening since. What closed since, on
// whichever worker, is set off against whoever asks. So nobody is refused who has fewer connections; where an address may be past its
// limit, a new count is asked for, and until that comes each worker lets in the limit at the most. What opened while it was being
// counted only the next count sees: the most that a burst gets is twice the limit on each worker, until that count.

const COUNT_AGAIN_MS = 100;

export class AddressLimit {
  readonly #max: number;
  readonly #workerCount: number;
  readonly #closedOfAll: () => number;
  readonly #askCount: () => void;
  #counted: ReadonlyMap<string, number> = new Map();
  readonly #opened = new Map<string, number>();
  /** closedOfAll() when what is counted was told. */
  #closedBefore: number;
  #askedMs = Number.NEGATIVE_INFINITY;

  /**
   * @param max  connections of an address, all workers together
   * @param workerCount  connections are handed to one after the other: what one sees is about such a share of all
   * @param closedOfAll  connections that have ended on any worker, modulo 2³²
   * @param askCount  for a new count, to be told by use()
   */
  constructor(max: number, workerCount: number, closedOfAll: () => number, askCount: () => void) {
    this.#max = max;
    this.#workerCount = workerCount;
    this.#closedOfAll = closedOfAll;
    this.#askCount = askCount;
    this.#closedBefore = closedOfAll();
  }

  /** A connection has opened. @param nowMs  monotonic @returns false: it is to be closed */
  opened(address: string, nowMs: number): boolean {
    const opened = (this.#opened.get(address) ?? 0) + 1;
    this.#opened.set(address, opened);
    const counted = this.#counted.get(address) ?? 0;
    if (counted + opened * this.#workerCount <= this.#max) return true;
    if (nowMs - this.#askedMs >= COUNT_AGAIN_MS) {
      this.#askedMs = nowMs;
      this.#askCount();
    }
    const closed = (this.#closedOfAll() - this.#closedBefore) >>> 0;
    return counted + opened - closed <= this.#max;
  }

  /** What the system has. Connections that opened while it was being counted are left out, or count twice, until the next time. */
  use(counts: Iterable<readonly [address: string, count: number]>): void {
    this.#counted = new Map(counts);
    this.#opened.clear();
    this.#closedBefore = this.#closedOfAll();
  }
}
