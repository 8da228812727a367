// Answers that are whole, and whose client does not take what is left of them. Nobody else waits for these any more: their
// upstream has its connection back, their exchange has ended.

export interface FlushingAnswer {
  /** How much the system has taken so far. */
  flushedBytes(): number;
  abort(): void;
}

interface Progress {
  bytes: number;
  sinceMs: number;
}

const CHECK_MS = 1_000;

export class FlushWatch {
  readonly #timeoutMs: number;
  readonly #answers = new Map<FlushingAnswer, Progress>();
  #checkedMs: number;

  /** @param timeoutMs  how long a client may take nothing */
  constructor(timeoutMs: number, nowMs: number) {
    this.#timeoutMs = timeoutMs;
    this.#checkedMs = nowMs;
  }

  get count(): number {
    return this.#answers.size;
  }

  add(answer: FlushingAnswer): void {
    this.#answers.set(answer, { bytes: answer.flushedBytes(), sinceMs: this.#checkedMs });
  }

  leave(answer: FlushingAnswer): void {
    this.#answers.delete(answer);
  }

  /** @param nowMs  monotonic */
  tick(nowMs: number): void {
    if (nowMs - this.#checkedMs < CHECK_MS) return;
    this.#checkedMs = nowMs;
    for (const [answer, progress] of this.#answers) {
      const bytes = answer.flushedBytes();
      if (bytes !== progress.bytes) {
        progress.bytes = bytes;
        progress.sinceMs = nowMs;
      } else if (nowMs - progress.sinceMs > this.#timeoutMs) {
        this.#answers.delete(answer);
        answer.abort();
      }
    }
  }
}
