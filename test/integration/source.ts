// A body without end in memory, at the pace of whoever takes it.

import { createHash, randomBytes } from 'node:crypto';
import type { Writable } from 'node:stream';

const PIECE_BYTES = 64 * 1_024;

/** Writes so many bytes of its own, as fast as they are taken, and counts what was handed over. */
export class Source {
  bytes = 0;
  readonly #total: number;
  readonly #piece = randomBytes(PIECE_BYTES);
  readonly #hash = createHash('sha256');

  constructor(total: number) {
    this.#total = total;
  }

  fill(into: Writable): void {
    const more = (): void => {
      while (this.bytes < this.#total) {
        this.bytes += this.#piece.length;
        this.#hash.update(this.#piece);
        if (!into.write(this.#piece)) return void into.once('drain', more);
      }
      into.end();
    };
    more();
  }

  digest(): string {
    return this.#hash.digest('hex');
  }
}
