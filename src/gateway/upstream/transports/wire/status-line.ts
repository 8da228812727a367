// The start of a response: 'HTTP/1.1 200 ', or 'HTTP/1.1 200\r' from servers that leave the reason and its space out.

import { CR, codesOf, DIGIT_0, DIGIT_1, DIGIT_9, SPACE } from './bytes.ts';

const PREFIX = codesOf('HTTP/1.');
// Behind the prefix: the minor version, a space, three digits, and the byte that ends them.
const MINOR_AT = PREFIX.length;
const SPACE_AT = MINOR_AT + 1;
const END_AT = SPACE_AT + 4;

export class StatusLine {
  /** Of HTTP/1.x. */
  minorVersion = 1;
  status = 0;
  /** The byte that ended the status, SPACE or CR; 0 while it has not come. */
  endedBy = 0;
  #count = 0;

  /** Nothing of it has come. @hot */
  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** @hot */
  reset(): void {
    this.status = 0;
    this.endedBy = 0;
    this.#count = 0;
  }

  /** @returns behind what was read, or -1 when it is no status line @hot */
  read(bytes: Buffer, start: number, end: number): number {
    for (let at = start; at < end; at++) {
      if (!this.#take(bytes[at] as number)) return -1;
      if (this.endedBy !== 0) return at + 1;
    }
    return end;
  }

  #take(code: number): boolean {
    const index = this.#count++;
    if (index < MINOR_AT) return code === PREFIX[index];
    if (index === MINOR_AT) {
      this.minorVersion = code - DIGIT_0;
      return code === DIGIT_0 || code === DIGIT_1;
    }
    if (index === SPACE_AT) return code === SPACE;
    if (index < END_AT) {
      this.status = this.status * 10 + code - DIGIT_0;
      return code >= DIGIT_0 && code <= DIGIT_9;
    }
    this.endedBy = code;
    return (code === SPACE || code === CR) && this.status >= 100 && this.status <= 599;
  }
}
