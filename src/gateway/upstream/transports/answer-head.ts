// The head of an upstream's answer, as bytes with the places of its fields: nobody pays for a header that is only passed on.

import type { HeaderList } from '../../pipeline/exchange.ts';
import type { FieldRules } from './field-rules.ts';

/** Of one answer's head; past it the answer is refused. */
export const ANSWER_FIELDS_MAX = 1_000;

const NO_BYTES = Buffer.alloc(0);
const NO_NAMES: readonly string[] = [];

// Places of a field in `fields`.
const NAME_START = 0;
const NAME_END = 1;
const VALUE_START = 2;
const VALUE_END = 3;
const PLACES = 4;
const FIELDS_FIRST = 32;

/** What a field is to a proxy. */
export const FieldKind = {
  /** Passed on. */
  PLAIN: 0,
  /** For one connection only, or written by the gateway itself: never passed on. */
  OWN: 1,
} as const;
export type FieldKind = (typeof FieldKind)[keyof typeof FieldKind];

/** Reused by its transport: valid during onHead only. */
export class AnswerHead {
  status = 0;
  /** Bytes that the upstream announced for the body (HEAD and 304 tell them too); -1 when it did not. */
  length = -1;
  /** No byte of a value is beyond 0x7f. */
  isAscii = true;
  /** Names (lower case) that the Connection header takes off the answer besides those that are always taken. */
  connectionNames: readonly string[] = NO_NAMES;
  #bytes: Buffer = NO_BYTES;
  #fields = new Int32Array(FIELDS_FIRST * PLACES);
  #kinds = new Uint8Array(FIELDS_FIRST);
  #count = 0;
  /** Behind the last field's line. */
  #end = 0;

  /** Begin anew. @hot */
  reset(): void {
    this.status = 0;
    this.length = -1;
    this.isAscii = true;
    this.connectionNames = NO_NAMES;
    this.#count = 0;
  }

  /** @returns false when there are too many @hot */
  add(nameStart: number, nameEnd: number, valueStart: number, valueEnd: number, kind: FieldKind): boolean {
    const index = this.#count;
    if (index === this.#kinds.length && !this.#grow()) return false;
    const at = index * PLACES;
    const fields = this.#fields;
    fields[at + NAME_START] = nameStart;
    fields[at + NAME_END] = nameEnd;
    fields[at + VALUE_START] = valueStart;
    fields[at + VALUE_END] = valueEnd;
    this.#kinds[index] = kind;
    this.#count = index + 1;
    return true;
  }

  /** @param bytes  in which the places lie @param end  behind the last field's line @hot */
  seal(bytes: Buffer, end: number): void {
    this.#bytes = bytes;
    this.#end = end;
  }

  /**
   * The lines that a proxy passes on: 'Name: value\r\n' each, in latin1; names as they came.
   * @hot a slice for each run of lines that stay together
   */
  relayedLines(): string {
    const fields = this.#fields;
    let lines = '';
    let runStart = -1;
    for (let i = 0; i < this.#count; i++) {
      const at = i * PLACES;
      const lineStart = fields[at] as number;
      const nextStart = i + 1 < this.#count ? (fields[at + PLACES] as number) : this.#end;
      const isKept = this.#kinds[i] === FieldKind.PLAIN && !this.#isNamedByConnection(i);
      // ': ' in front of the value and CRLF behind it, and nothing else: most lines pass as they are.
      const isTidy =
        fields[at + VALUE_START] === (fields[at + NAME_END] as number) + 2 &&
        nextStart === (fields[at + VALUE_END] as number) + 2;
      if (isKept && isTidy) {
        if (runStart < 0) runStart = lineStart;
        continue;
      }
      if (runStart >= 0) lines += this.#bytes.toString('latin1', runStart, lineStart);
      runStart = -1;
      if (isKept) lines += `${this.#text(at + NAME_START)}: ${this.#text(at + VALUE_START)}\r\n`;
    }
    return runStart < 0 ? lines : lines + this.#bytes.toString('latin1', runStart, this.#end);
  }

  /** What the rules take out is not passed on. @hot on routes that have rules */
  takeOut(rules: FieldRules): void {
    const fields = this.#fields;
    for (let i = 0; i < this.#count; i++) {
      const at = i * PLACES;
      const isTaken = rules.takes(this.#bytes, fields[at + NAME_START] as number, fields[at + NAME_END] as number);
      if (isTaken) this.#kinds[i] = FieldKind.OWN;
    }
  }

  /** Every field, those that are not passed on included; names in lower case, values in latin1. */
  toList(): HeaderList {
    const list: HeaderList = [];
    for (let i = 0; i < this.#count; i++) list.push(this.#nameOf(i), this.#text(i * PLACES + VALUE_START));
    return list;
  }

  #grow(): boolean {
    const room = Math.min(ANSWER_FIELDS_MAX, this.#kinds.length * 2);
    if (room === this.#kinds.length) return false;
    const fields = this.#fields;
    const kinds = this.#kinds;
    this.#fields = new Int32Array(room * PLACES);
    this.#fields.set(fields);
    this.#kinds = new Uint8Array(room);
    this.#kinds.set(kinds);
    return true;
  }

  #isNamedByConnection(index: number): boolean {
    return this.connectionNames.length > 0 && this.connectionNames.includes(this.#nameOf(index));
  }

  #nameOf(index: number): string {
    return this.#text(index * PLACES + NAME_START).toLowerCase();
  }

  /** @param at  the place of a start, its end's behind it */
  #text(at: number): string {
    return this.#bytes.toString('latin1', this.#fields[at], this.#fields[at + 1]);
  }
}
