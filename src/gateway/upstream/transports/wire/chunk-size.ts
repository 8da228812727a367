// The line in front of a chunk, up to its CR: the size in hexadecimal digits, and extensions, which mean nothing here.

import { byteKinds, CR, hexDigit, SEMICOLON, VALUE_BYTE } from './bytes.ts';

// 13 hexadecimal digits are 2⁵² bytes; leading zeros count.
const DIGITS_MAX = 13;
/** Of one answer. */
const EXTENSION_BYTES_MAX = 16 * 1024;

export class ChunkSize {
  value = 0;
  /** Its CR has come. */
  isWhole = false;
  #digits = 0;
  #inExtension = false;
  #extensionBytes = 0;

  /** For another answer. @hot */
  reset(): void {
    this.#extensionBytes = 0;
    this.next();
  }

  /** For another chunk. @hot */
  next(): void {
    this.value = 0;
    this.isWhole = false;
    this.#digits = 0;
    this.#inExtension = false;
  }

  /** @returns behind what was read, or -1 when it is none @hot */
  read(bytes: Buffer, start: number, end: number): number {
    for (let at = start; at < end; at++) {
      const code = bytes[at] as number;
      if (code === CR && this.#digits > 0) {
        this.isWhole = true;
        return at + 1;
      }
      if (!(this.#inExtension ? this.#takeExtension(code) : this.#takeDigit(code))) return -1;
    }
    return end;
  }

  #takeDigit(code: number): boolean {
    if (code === SEMICOLON && this.#digits > 0) {
      this.#inExtension = true;
      return true;
    }
    const digit = hexDigit(code);
    this.value = this.value * 16 + digit;
    return digit >= 0 && ++this.#digits <= DIGITS_MAX;
  }

  #takeExtension(code: number): boolean {
    return (byteKinds[code] as number) >= VALUE_BYTE && ++this.#extensionBytes <= EXTENSION_BYTES_MAX;
  }
}
