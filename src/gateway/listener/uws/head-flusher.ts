// Answer heads wait for the first bytes of their body, so that both are one system call. Where none come in the same
// turn, the head goes alone.

export interface LoneHead {
  flushLoneHead(): void;
}

export class HeadFlusher {
  #waiting: LoneHead[] = [];
  #flushing: LoneHead[] = [];
  readonly #flush = (): void => {
    const heads = this.#waiting;
    this.#waiting = this.#flushing;
    this.#flushing = heads;
    for (const head of heads) head.flushLoneHead();
    heads.length = 0;
  };

  /** @hot one microtask for all heads of a turn */
  add(head: LoneHead): void {
    if (this.#waiting.push(head) === 1) queueMicrotask(this.#flush);
  }
}
