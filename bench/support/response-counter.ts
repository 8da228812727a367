// Counts the answers on one kept connection, by their Content-Length. Every gateway of the comparison passes the upstream's
// on, so anything else is an error.

const HEAD_END = Buffer.from('\r\n\r\n');
// The gateways add some 500 bytes of headers to the upstream's 150.
const HEAD_BYTES_MAX = 16_384;
const NOTHING = Buffer.alloc(0);

export class ResponseCounter {
  /** A head that has not come whole. */
  #head: Buffer = NOTHING;
  /** Of the body that is under way. */
  #bodyBytesLeft = 0;

  /**
   * @param received  is not kept: its memory may be used again
   * @returns how many answers ended in these bytes
   * @throws when an answer is not 200, or does not say its length
   */
  feed(received: Buffer): number {
    let ended = 0;
    let rest = this.#head.length === 0 ? received : Buffer.concat([this.#head, received]);
    this.#head = NOTHING;
    while (rest.length > 0) {
      if (this.#bodyBytesLeft === 0) {
        const headBytes = rest.indexOf(HEAD_END);
        if (headBytes < 0) {
          if (rest.length > HEAD_BYTES_MAX) throw new Error('an answer has no end of its head');
          this.#head = Buffer.from(rest);
          break;
        }
        this.#bodyBytesLeft = bodyBytesOf(rest.toString('latin1', 0, headBytes));
        rest = rest.subarray(headBytes + HEAD_END.length);
      }
      const bodyBytes = Math.min(rest.length, this.#bodyBytesLeft);
      this.#bodyBytesLeft -= bodyBytes;
      rest = rest.subarray(bodyBytes);
      if (this.#bodyBytesLeft === 0) ended++;
    }
    return ended;
  }
}

function bodyBytesOf(head: string): number {
  if (!head.startsWith('HTTP/1.1 200')) throw new Error(`an answer is not 200:\n${head}`);
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (length === undefined) throw new Error(`an answer has no Content-Length:\n${head}`);
  return Number(length);
}
