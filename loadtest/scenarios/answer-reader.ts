// Reads as much of an HTTP answer as it takes to say whether it came whole.

// A head that is longer is none.
const HEAD_BYTES_MAX = 65_536;
const HEAD_END = '\r\n\r\n';

export class AnswerReader {
  #head = '';
  #isHeadWhole = false;
  #status = 0;
  /** undefined when the answer does not say it. */
  #bodyBytesWanted: number | undefined;
  #bodyBytes = 0;

  add(chunk: Buffer): void {
    if (this.#isHeadWhole) {
      this.#bodyBytes += chunk.length;
      return;
    }
    if (this.#head.length > HEAD_BYTES_MAX) return;
    // latin1: one character for each byte, so that lengths agree.
    this.#head += chunk.toString('latin1');
    const end = this.#head.indexOf(HEAD_END);
    if (end < 0) return;
    this.#isHeadWhole = true;
    this.#status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(this.#head)?.[1] ?? 0);
    const length = /^content-length: *(\d+)\r$/im.exec(this.#head.slice(0, end + 1))?.[1];
    this.#bodyBytesWanted = length === undefined ? undefined : Number(length);
    this.#bodyBytes = this.#head.length - end - HEAD_END.length;
  }

  /** @param isClosed  the other side has closed: what has no length has its end there */
  isServed(isClosed: boolean): boolean {
    if (!this.#isHeadWhole || this.#status < 200 || this.#status >= 400) return false;
    if (this.#bodyBytesWanted === undefined) return isClosed;
    return this.#bodyBytes >= this.#bodyBytesWanted;
  }
}
