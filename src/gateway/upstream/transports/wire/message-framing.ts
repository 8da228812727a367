// Where a response's body ends, and whether its connection goes on, from the fields that say so (RFC 9112 §6 and §9.3).

import type { AnswerHead } from '../answer-head.ts';
import { FramingField, isSame } from '../field-names.ts';
import { codesOf, DIGIT_0 } from './bytes.ts';

const LENGTH_DIGITS_MAX = 15;
const IDLE_SECONDS_MAX = 100_000;

const CHUNKED = codesOf('chunked');
const CLOSE = codesOf('close');
const KEEP_ALIVE = codesOf('keep-alive');
const TIMEOUT = codesOf('timeout=');

export class MessageFraming {
  /** How long the upstream keeps an unused connection (Keep-Alive: timeout=); -1 when it did not say. */
  idleSeconds = -1;
  readonly #head: AnswerHead;
  #lengths = 0;
  #codings = 0;
  #closes = false;
  #saysKeepAlive = false;

  /** @param head  learns of lengths, and of the names in Connection */
  constructor(head: AnswerHead) {
    this.#head = head;
  }

  /** @hot */
  reset(): void {
    this.idleSeconds = -1;
    this.#lengths = 0;
    this.#codings = 0;
    this.#closes = false;
    this.#saysKeepAlive = false;
  }

  /** @returns false when no response may have the field @hot */
  take(field: number, bytes: Buffer, start: number, end: number): boolean {
    switch (field) {
      case FramingField.CONTENT_LENGTH:
        return this.#takeLength(bytes, start, end);
      case FramingField.TRANSFER_ENCODING:
        // Another coding than chunks would have to be undone, and twice chunked is a way to hide a second answer.
        return this.#codings++ === 0 && isText(bytes, start, end, CHUNKED);
      case FramingField.CONNECTION:
        this.#takeConnection(bytes, start, end);
        return true;
      case FramingField.KEEP_ALIVE:
        this.#takeKeepAlive(bytes, start, end);
        return true;
      default:
        return true;
    }
  }

  /** A coding in HTTP/1.0, or beside a length: two readers would find two ends (RFC 9112 §6.1, §6.3). @hot */
  isSound(minorVersion: number): boolean {
    return this.#codings === 0 || (minorVersion === 1 && this.#lengths === 0);
  }

  /** @hot */
  get isChunked(): boolean {
    return this.#codings > 0;
  }

  /** @hot */
  keepsAlive(minorVersion: number): boolean {
    return !this.#closes && (minorVersion === 1 || this.#saysKeepAlive);
  }

  #takeLength(bytes: Buffer, start: number, end: number): boolean {
    if (this.#lengths++ > 0 || start === end || end - start > LENGTH_DIGITS_MAX) return false;
    let length = 0;
    for (let at = start; at < end; at++) {
      const digit = (bytes[at] as number) - DIGIT_0;
      if (digit < 0 || digit > 9) return false;
      length = length * 10 + digit;
    }
    this.#head.length = length;
    return true;
  }

  #takeConnection(bytes: Buffer, start: number, end: number): void {
    if (isText(bytes, start, end, KEEP_ALIVE)) {
      this.#saysKeepAlive = true;
      return;
    }
    if (isText(bytes, start, end, CLOSE)) {
      this.#closes = true;
      return;
    }
    for (const part of bytes.toString('latin1', start, end).toLowerCase().split(',')) {
      const token = part.trim();
      if (token === 'close') this.#closes = true;
      else if (token === 'keep-alive') this.#saysKeepAlive = true;
      else if (token !== '') this.#head.connectionNames = [...this.#head.connectionNames, token];
    }
  }

  /** 'timeout=5', maybe with more behind it, or before it. */
  #takeKeepAlive(bytes: Buffer, start: number, end: number): void {
    for (let at = start; at + TIMEOUT.length < end; at++) {
      if (!isSame(bytes, at, TIMEOUT)) continue;
      let seconds = -1;
      for (let i = at + TIMEOUT.length; i < end && seconds < IDLE_SECONDS_MAX; i++) {
        const digit = (bytes[i] as number) - DIGIT_0;
        if (digit < 0 || digit > 9) break;
        seconds = Math.max(0, seconds) * 10 + digit;
      }
      this.idleSeconds = seconds;
      return;
    }
  }
}

function isText(bytes: Buffer, start: number, end: number, codes: readonly number[]): boolean {
  return end - start === codes.length && isSame(bytes, start, codes);
}
