// Bytes that lines of JSON are put into, one value after the other, without a string in between. Whoever puts a line sees
// to it that there is room; what a value may take at the most is said with each.
//
// Everything comes out as printable ASCII: what is not is escaped as \uXXXX, lone surrogates and the control characters
// that terminals obey included. JSON readers give the same text back.

/** Where the first line starts: one byte before it is for whoever writes the buffer out. */
export const FIRST_LINE_AT = 1;
const NEWLINE = 0x0a;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const ZERO = 0x30;
const ESCAPE_BYTES = 6;
// From here on a call into C++ takes less than a loop, the search for what must be escaped included.
const LONG_BYTES = 28;
const LONG_TEXT_CHARS = 32;
const PLAIN = /^[ !#-[\]-~]*$/;
const HEX_DIGITS = Buffer.from('0123456789abcdef');

export class LineBuffer {
  readonly bytes: Buffer;
  /** Where the next byte goes. */
  end = FIRST_LINE_AT;
  lineCount = 0;

  constructor(bytesMax: number) {
    this.bytes = Buffer.allocUnsafeSlow(bytesMax);
    this.bytes[0] = NEWLINE;
  }

  clear(): void {
    this.end = FIRST_LINE_AT;
    this.lineCount = 0;
  }

  /** Bytes as they are: of keys, and of what was escaped before. @hot */
  putBytes(source: Uint8Array): void {
    const { bytes, end } = this;
    const { length } = source;
    if (length >= LONG_BYTES) bytes.set(source, end);
    else for (let i = 0; i < length; i++) bytes[end + i] = source[i] as number;
    this.end = end + length;
  }

  /**
   * A JSON string: as much of the text as fits.
   * @param bytesMax  as written, without the two quotes
   * @hot
   */
  putText(text: string, bytesMax: number): void {
    const bytes = this.bytes;
    let at = this.end;
    bytes[at++] = QUOTE;
    if (text.length >= LONG_TEXT_CHARS && text.length <= bytesMax && PLAIN.test(text)) {
      bytes.write(text, at, text.length, 'latin1');
      bytes[at + text.length] = QUOTE;
      this.end = at + text.length + 1;
      return;
    }
    const limit = at + bytesMax;
    for (let i = 0; i < text.length && at < limit; i++) {
      const code = text.charCodeAt(i);
      if (code >= 0x20 && code < 0x7f && code !== QUOTE && code !== BACKSLASH) {
        bytes[at++] = code;
        continue;
      }
      const next = putEscape(bytes, at, limit, code);
      if (next === at) break;
      at = next;
    }
    bytes[at++] = QUOTE;
    this.end = at;
  }

  /** @param value  a whole number from 0 to 2⁵³ - 1: at most 16 bytes. @hot */
  putWhole(value: number): void {
    let digits = 1;
    for (let power = 10; power <= value; power *= 10) digits++;
    this.#putDigits(value, digits);
  }

  /** A whole number of thousandths as a decimal: 12345 → 12.345; at most 17 bytes. @hot */
  putThousandths(value: number): void {
    const whole = Math.floor(value / 1_000);
    this.putWhole(whole);
    this.bytes[this.end++] = 0x2e;
    this.#putDigits(value - whole * 1_000, 3);
  }

  /** Three digits, with leading zeros. @hot */
  putMilliseconds(ms: number): void {
    this.#putDigits(ms, 3);
  }

  /** The end of the object and of its line. @hot */
  endLine(): void {
    this.bytes[this.end++] = 0x7d;
    this.bytes[this.end++] = NEWLINE;
    this.lineCount++;
  }

  #putDigits(value: number, digits: number): void {
    const { bytes, end } = this;
    for (let i = digits - 1; i >= 0; i--) {
      const rest = Math.floor(value / 10);
      bytes[end + i] = ZERO + (value - rest * 10);
      value = rest;
    }
    this.end = end + digits;
  }
}

/** @returns where it ends; `at` when it does not fit */
function putEscape(bytes: Buffer, at: number, limit: number, code: number): number {
  if (code === QUOTE || code === BACKSLASH) {
    if (at + 2 > limit) return at;
    bytes[at] = BACKSLASH;
    bytes[at + 1] = code;
    return at + 2;
  }
  if (at + ESCAPE_BYTES > limit) return at;
  bytes[at] = BACKSLASH;
  bytes[at + 1] = 0x75;
  for (let digit = 0; digit < 4; digit++) {
    bytes[at + 2 + digit] = HEX_DIGITS[(code >> (12 - 4 * digit)) & 15] as number;
  }
  return at + ESCAPE_BYTES;
}
