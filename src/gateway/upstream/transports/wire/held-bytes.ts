// Bytes of a head that comes in several reads, kept together.

const BYTES_FIRST = 2 * 1024;

export class HeldBytes {
  count = 0;
  #bytes = Buffer.alloc(0);

  /** @returns all that is held */
  add(bytes: Buffer, start: number, end: number): Buffer {
    const needed = this.count + end - start;
    if (this.#bytes.length < needed) {
      const larger = Buffer.allocUnsafeSlow(Math.max(BYTES_FIRST, 2 ** Math.ceil(Math.log2(needed))));
      this.#bytes.copy(larger, 0, 0, this.count);
      this.#bytes = larger;
    }
    bytes.copy(this.#bytes, this.count, start, end);
    this.count = needed;
    return this.#bytes;
  }
}
