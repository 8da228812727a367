// Has the connections of each client address counted, for the workers' limits (gateway/listener/address-limit.ts).

export interface ConnectionWatchOptions {
  /** Of the listeners whose connections the main thread hands out. */
  readonly ports: () => readonly number[];
  /** In the task pool. */
  readonly count: (ports: readonly number[]) => Promise<readonly (readonly [string, number])[] | undefined>;
  readonly tell: (counts: readonly (readonly [string, number])[]) => void;
  readonly warn: (message: string) => void;
  readonly nowMs: () => number;
}

const COUNT_MS = 1_000;
// Counting 20,000 connections takes some 30 ms of a core that requests go before.
const REST_PER_COUNT = 9;

export class ConnectionWatch {
  readonly #options: ConnectionWatchOptions;
  #timer: NodeJS.Timeout | undefined;
  #isCounting = false;
  #restUntilMs = 0;

  constructor(options: ConnectionWatchOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setInterval(() => void this.count(), COUNT_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Never rejects. One at a time, and so that counting takes a tenth of a core at the most. */
  async count(): Promise<void> {
    const { nowMs, ports, tell, warn } = this.#options;
    const startMs = nowMs();
    if (this.#isCounting || startMs < this.#restUntilMs) return;
    this.#isCounting = true;
    try {
      const counts = await this.#options.count(ports());
      if (counts === undefined) {
        this.stop();
        this.#restUntilMs = Number.POSITIVE_INFINITY;
        return warn(
          'connectionsPerAddress has no effect where engine is uws: this system does not tell its connections',
        );
      }
      tell(counts);
    } catch (error) {
      warn(`connections could not be counted: ${String(error)}`);
    } finally {
      this.#isCounting = false;
      const endMs = nowMs();
      this.#restUntilMs = Math.max(this.#restUntilMs, endMs + REST_PER_COUNT * (endMs - startMs));
    }
  }
}
