// The regular expressions of conditions, as JavaScript writes them, without what cannot be matched in linear time
// (references back, looking ahead or behind) and without what JavaScript only lets through for old pages' sake. What is
// taken here means in JavaScript, without flags, what it means here; a property test holds the two together.

import { err, ok, type Result } from '../../../base/result.ts';
import { type CharRange, CharSet } from './char-set.ts';

export type RegexNode =
  | { readonly kind: 'set'; readonly set: CharSet }
  | { readonly kind: 'assertion'; readonly what: RegexAssertion }
  | { readonly kind: 'sequence'; readonly parts: readonly RegexNode[] }
  | { readonly kind: 'choice'; readonly parts: readonly RegexNode[] }
  /** @property max  infinite for no bound */
  | { readonly kind: 'repeat'; readonly part: RegexNode; readonly min: number; readonly max: number };

export type RegexAssertion = 'start' | 'end' | 'word-boundary' | 'no-word-boundary';

const PATTERN_CHARS_MAX = 256;
const REPEAT_COUNT_MAX = 255;

const DIGITS: readonly CharRange[] = [range('0', '9')];
const WORD: readonly CharRange[] = [range('A', 'Z'), range('a', 'z'), range('0', '9'), range('_', '_')];
// WhiteSpace and LineTerminator of ECMA-262.
const SPACES: readonly CharRange[] = [
  [0x09, 0x0d],
  [0x20, 0x20],
  [0xa0, 0xa0],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
  [0xfeff, 0xfeff],
];
const LINE_ENDS: readonly CharRange[] = [
  [0x0a, 0x0a],
  [0x0d, 0x0d],
  [0x2028, 0x2029],
];

const classes: Readonly<Record<string, readonly CharRange[]>> = {
  d: DIGITS,
  D: new CharSet(DIGITS, true).ranges,
  w: WORD,
  W: new CharSet(WORD, true).ranges,
  s: SPACES,
  S: new CharSet(SPACES, true).ranges,
};
const controls: Readonly<Record<string, number>> = { t: 0x09, n: 0x0a, v: 0x0b, f: 0x0c, r: 0x0d };
const assertions: Readonly<Record<string, RegexAssertion>> = { b: 'word-boundary', B: 'no-word-boundary' };
const ANY = new CharSet(LINE_ENDS, true);

class RegexMistake extends Error {}

/** @returns the pattern as a tree, or what is wrong with it, with the place in it */
export function parseRegex(pattern: string): Result<RegexNode, string> {
  if (pattern.length > PATTERN_CHARS_MAX) return err(`has more than ${PATTERN_CHARS_MAX} characters`);
  if (/[\ud800-\udfff]/.test(pattern)) return err('has a character beyond U+FFFF');
  try {
    return ok(new RegexParser(pattern).parse());
  } catch (error) {
    if (error instanceof RegexMistake) return err(error.message);
    throw error;
  }
}

class RegexParser {
  readonly #pattern: string;
  #at = 0;

  constructor(pattern: string) {
    this.#pattern = pattern;
  }

  parse(): RegexNode {
    const node = this.#choice();
    if (this.#at < this.#pattern.length) throw this.#mistake('this ) closes nothing');
    return node;
  }

  #choice(): RegexNode {
    const parts = [this.#sequence()];
    while (this.#take('|')) parts.push(this.#sequence());
    return parts.length === 1 ? (parts[0] as RegexNode) : { kind: 'choice', parts };
  }

  #sequence(): RegexNode {
    const parts: RegexNode[] = [];
    while (this.#at < this.#pattern.length && !this.#sees('|') && !this.#sees(')')) parts.push(this.#repeated());
    return { kind: 'sequence', parts };
  }

  #repeated(): RegexNode {
    const part = this.#atom();
    const from = this.#at;
    const bounds = this.#bounds();
    if (bounds === undefined) return part;
    if (part.kind === 'assertion') throw this.#mistake('an assertion cannot be repeated', from);
    // Lazy or not, it is the same texts that match.
    this.#take('?');
    return { kind: 'repeat', part, ...bounds };
  }

  #bounds(): { min: number; max: number } | undefined {
    if (this.#take('*')) return { min: 0, max: Number.POSITIVE_INFINITY };
    if (this.#take('+')) return { min: 1, max: Number.POSITIVE_INFINITY };
    if (this.#take('?')) return { min: 0, max: 1 };
    if (!this.#sees('{')) return undefined;
    const [whole, least = '', comma, most = ''] = this.#match(/\{(\d{1,4})(,?)(\d{0,4})\}/y) ?? [];
    if (whole === undefined || (comma === '' && most !== '')) throw this.#mistake('{ needs a count, or \\ before it');
    const min = Number(least);
    const max = this.#upperBound(min, comma === ',', most);
    if (min > REPEAT_COUNT_MAX || (Number.isFinite(max) && max > REPEAT_COUNT_MAX)) {
      throw this.#mistake(`more than ${REPEAT_COUNT_MAX} repetitions`);
    }
    if (min > max) throw this.#mistake('the bounds of { } are in the wrong order');
    this.#at += whole.length;
    return { min, max };
  }

  #upperBound(min: number, hasComma: boolean, most: string): number {
    if (!hasComma) return min;
    return most === '' ? Number.POSITIVE_INFINITY : Number(most);
  }

  #atom(): RegexNode {
    const from = this.#at;
    const character = this.#next();
    switch (character) {
      case '^':
        return { kind: 'assertion', what: 'start' };
      case '$':
        return { kind: 'assertion', what: 'end' };
      case '.':
        return { kind: 'set', set: ANY };
      case '(':
        return this.#group(from);
      case '[':
        return { kind: 'set', set: this.#class(from) };
      case '\\':
        return this.#escape(from);
      case '*':
      case '+':
      case '?':
        throw this.#mistake(`${character} repeats nothing`, from);
      case '{':
      case '}':
      case ']':
        throw this.#mistake(`${character} needs \\ before it`, from);
      default:
        return one(character.charCodeAt(0));
    }
  }

  #group(from: number): RegexNode {
    if (this.#sees('?') && !this.#takeAll('?:')) {
      const isLooking = this.#match(/\?<?[=!]/y) !== null;
      throw this.#mistake(
        isLooking ? 'looking ahead or behind cannot be matched in linear time' : 'a group begins with ( or (?:',
        from,
      );
    }
    const node = this.#choice();
    if (!this.#take(')')) throw this.#mistake('this ( is not closed', from);
    return node;
  }

  #escape(from: number): RegexNode {
    const letter = this.#pattern[this.#at] ?? '';
    const what = assertions[letter];
    const ranges = classes[letter];
    if (what !== undefined || ranges !== undefined) this.#at++;
    if (what !== undefined) return { kind: 'assertion', what };
    if (ranges !== undefined) return { kind: 'set', set: new CharSet(ranges) };
    return one(this.#escapedCode(from));
  }

  /** The code of what stands behind a \ that is no class. */
  #escapedCode(from: number): number {
    const [digits] = this.#match(/(?<=\\x)[0-9A-Fa-f]{2}|(?<=\\u)[0-9A-Fa-f]{4}/y, this.#at + 1) ?? [];
    if (digits !== undefined) {
      this.#at += 1 + digits.length;
      return Number.parseInt(digits, 16);
    }
    const character = this.#next();
    const control = controls[character];
    if (control !== undefined) return control;
    if (/[1-9k]/.test(character)) throw this.#mistake('a reference back cannot be matched in linear time', from);
    if (/[^\x21-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e]/.test(character) || character === '') {
      throw this.#mistake(`\\${character} has no meaning here`, from);
    }
    return character.charCodeAt(0);
  }

  #class(from: number): CharSet {
    const isInverted = this.#take('^');
    const ranges: CharRange[] = [];
    while (!this.#take(']')) {
      if (this.#at >= this.#pattern.length) throw this.#mistake('this [ is not closed', from);
      ranges.push(...this.#classItem());
    }
    if (ranges.length === 0) throw this.#mistake('this [ ] is empty', from);
    return new CharSet(ranges, isInverted);
  }

  #classItem(): readonly CharRange[] {
    const from = this.#at;
    const first = this.#classAtom();
    if (!this.#sees('-') || this.#pattern[this.#at + 1] === ']')
      return typeof first === 'number' ? [[first, first]] : first;
    this.#at++;
    if (this.#at >= this.#pattern.length) throw this.#mistake('this range has no end', from);
    const last = this.#classAtom();
    if (typeof first !== 'number' || typeof last !== 'number' || first > last) {
      throw this.#mistake('this range is not one from a lower to a higher character', from);
    }
    return [[first, last]];
  }

  #classAtom(): number | readonly CharRange[] {
    const from = this.#at;
    const character = this.#next();
    if (character !== '\\') return character.charCodeAt(0);
    const ranges = classes[this.#pattern[this.#at] ?? ''];
    if (ranges === undefined) return this.#escapedCode(from);
    this.#at++;
    return ranges;
  }

  #next(): string {
    const character = this.#pattern[this.#at] ?? '';
    this.#at++;
    return character;
  }

  #sees(character: string): boolean {
    return this.#pattern[this.#at] === character;
  }

  #take(character: string): boolean {
    return this.#takeAll(character);
  }

  #takeAll(text: string): boolean {
    if (!this.#pattern.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  /** @param expression  sticky */
  #match(expression: RegExp, at = this.#at): RegExpExecArray | null {
    expression.lastIndex = at;
    return expression.exec(this.#pattern);
  }

  #mistake(message: string, at = this.#at): RegexMistake {
    return new RegexMistake(`at its character ${at + 1}: ${message}`);
  }
}

function one(code: number): RegexNode {
  return { kind: 'set', set: new CharSet([[code, code]]) };
}

function range(from: string, to: string): CharRange {
  return [from.charCodeAt(0), to.charCodeAt(0)];
}
