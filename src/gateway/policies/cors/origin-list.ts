// Whether an origin is on the list: byte for byte, as the Fetch standard compares them.

import { Patterns } from '../../conditions/regex/patterns.ts';
import type { OriginsPlan } from './cors-plan.ts';

// A scheme, a name of 253 characters and a port have less; regular expressions cost time for each character.
const ORIGIN_CHARS_MAX = 300;
// What a browser may send (RFC 6454 §6.2): nothing that would be another line, or another item of a list.
const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[A-Za-z0-9._~%[\]:-]+$/;
const LABELS = /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/;

export class OriginList {
  readonly isAny: boolean;
  readonly #exact: ReadonlySet<string>;
  readonly #wildcards: OriginsPlan['wildcards'];
  readonly #patterns: Patterns;
  readonly #isExact: boolean;

  constructor({ any, exact, wildcards, patterns }: OriginsPlan) {
    this.isAny = any;
    this.#exact = new Set(exact);
    this.#wildcards = wildcards;
    this.#patterns = new Patterns(patterns);
    this.#isExact = wildcards.length === 0 && patterns.length === 0;
  }

  /** @param origin  of the request, not '' @hot an exact one is one lookup */
  has(origin: string): boolean {
    if (this.isAny || this.#exact.has(origin)) return true;
    if (this.#isExact || origin.length > ORIGIN_CHARS_MAX || !ORIGIN.test(origin)) return false;
    return this.#hasWildcardFor(origin) || this.#patterns.mayMatch(origin);
  }

  #hasWildcardFor(origin: string): boolean {
    return this.#wildcards.some(
      ([before, behind]) =>
        origin.length > before.length + behind.length &&
        origin.startsWith(before) &&
        origin.endsWith(behind) &&
        LABELS.test(origin.slice(before.length, origin.length - behind.length)),
    );
  }
}
