// Patterns with * and ?, matched in time that grows with the text's length only: what stands between two * is looked for once,
// from where the one before it ended, by all its positions at a time (Shift-And: one bit for each).

import { ANY_ONE, ANY_RUN, type PatternPart } from './permission-plan.ts';

const WORD_BITS = 32;
/** Of `?`, among the code units of a pattern. */
const ANY = -1;

export class Wildcard {
  /** What a pattern without * and ? must be. */
  readonly #whole: string | undefined;
  readonly #head: Piece;
  /** Between two *; in their order. */
  readonly #middle: readonly Piece[];
  /** undefined: the pattern has no *. */
  readonly #tail: Piece | undefined;
  readonly #lengthMin: number;

  /** @param parts  of a pattern, its variables filled in */
  constructor(parts: readonly Exclude<PatternPart, object>[]) {
    this.#whole = parts.every((part) => typeof part === 'string') ? parts.join('') : undefined;
    const pieces = piecesOf(parts);
    this.#head = pieces[0] as Piece;
    this.#middle = pieces.slice(1, -1).filter(({ length }) => length > 0);
    this.#tail = pieces.length > 1 ? pieces.at(-1) : undefined;
    this.#lengthMin = pieces.reduce((sum, { length }) => sum + length, 0);
  }

  /** @hot measured by npm run bench:hot -- --only permissions */
  matches(text: string): boolean {
    if (this.#whole !== undefined) return this.#whole === text;
    const { length } = text;
    if (length < this.#lengthMin || !this.#head.isAt(text, 0)) return false;
    const tail = this.#tail;
    if (tail === undefined) return length === this.#lengthMin;
    const end = length - tail.length;
    if (!tail.isAt(text, end)) return false;
    let at = this.#head.length;
    // The first place is as good as any: it leaves most to those behind.
    for (let i = 0; i < this.#middle.length; i++) {
      at = (this.#middle[i] as Piece).find(text, at, end);
      if (at < 0) return false;
    }
    return true;
  }
}

/** What stands between two *. */
class Piece {
  readonly length: number;
  /** undefined: it has a ?. */
  readonly #text: string | undefined;
  readonly #units: readonly number[];
  /** Made for the first search. */
  #finder: Finder | undefined;

  constructor(units: readonly number[]) {
    this.length = units.length;
    this.#units = units;
    this.#text = units.includes(ANY) ? undefined : units.map((unit) => String.fromCharCode(unit)).join('');
  }

  /** @hot */
  isAt(text: string, at: number): boolean {
    if (this.#text !== undefined) return text.startsWith(this.#text, at);
    const units = this.#units;
    for (let i = 0; i < units.length; i++) {
      if (units[i] !== ANY && units[i] !== text.charCodeAt(at + i)) return false;
    }
    return at + units.length <= text.length;
  }

  /** @returns where its first place from `from` on ends, at `end` at most; -1: it has none @hot */
  find(text: string, from: number, end: number): number {
    this.#finder ??= new Finder(this.#units);
    return this.#finder.find(text, from, end);
  }
}

class Finder {
  readonly #words: number;
  readonly #lastBit: number;
  /** Of each code unit: the positions where it may stand. */
  readonly #masks = new Map<number, Int32Array>();
  /** Of all others. */
  readonly #others: Int32Array;
  /** Bit i: the last i + 1 code units of the text are the first of the piece. */
  readonly #state: Int32Array;

  constructor(units: readonly number[]) {
    this.#words = Math.ceil(units.length / WORD_BITS);
    this.#lastBit = 1 << ((units.length - 1) % WORD_BITS);
    this.#state = new Int32Array(this.#words);
    this.#others = new Int32Array(this.#words);
    for (const [at, unit] of units.entries()) if (unit === ANY) setBit(this.#others, at);
    for (const [at, unit] of units.entries()) {
      if (unit === ANY) continue;
      const mask = this.#masks.get(unit) ?? this.#others.slice();
      setBit(mask, at);
      this.#masks.set(unit, mask);
    }
  }

  /** @hot */
  find(text: string, from: number, end: number): number {
    const state = this.#state.fill(0);
    const words = this.#words;
    for (let at = from; at < end; at++) {
      const mask = this.#masks.get(text.charCodeAt(at)) ?? this.#others;
      let carry = 1;
      for (let word = 0; word < words; word++) {
        const bits = state[word] as number;
        state[word] = ((bits << 1) | carry) & (mask[word] as number);
        carry = bits >>> (WORD_BITS - 1);
      }
      if (((state[words - 1] as number) & this.#lastBit) !== 0) return at + 1;
    }
    return -1;
  }
}

function setBit(words: Int32Array, at: number): void {
  const word = Math.floor(at / WORD_BITS);
  words[word] = (words[word] as number) | (1 << (at % WORD_BITS));
}

/** One more than there are *. */
function piecesOf(parts: readonly Exclude<PatternPart, object>[]): readonly Piece[] {
  const pieces: number[][] = [[]];
  for (const part of parts) {
    const units = pieces.at(-1) as number[];
    if (part === ANY_RUN) pieces.push([]);
    else if (part === ANY_ONE) units.push(ANY);
    else for (let i = 0; i < part.length; i++) units.push(part.charCodeAt(i));
  }
  return pieces.map((units) => new Piece(units));
}
