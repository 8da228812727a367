// Matches regular expressions in time that grows with the text's length and the expression's size, whatever the two say:
// all ways through the expression are followed at once, one character after the other (Thompson 1968). V8's own matcher goes
// back and tries again, and a header that a stranger chose could hold a worker for minutes: `(a+)+$` against 40 a and a b.
// Nothing is captured: a condition only asks whether there is a match.

import { err, ok, type Result } from '../../../base/result.ts';
import { CharSet } from './char-set.ts';
import { compileRegex, type RegexStep } from './compile-regex.ts';
import { parseRegex, type RegexAssertion } from './parse-regex.ts';

/** A longer text matches nothing. */
export const REGEX_TEXT_CHARS_MAX = 4_096;

const TAKE = 0;
const ASSERT = 1;
const SPLIT = 2;
const JUMP = 3;
const MATCH = 4;
const stepKinds = { take: TAKE, assert: ASSERT, split: SPLIT, jump: JUMP, match: MATCH } as const;

const NO_CHARS = new CharSet([]);
// A text adds at most 4,097 to it, which an Int32Array has to hold.
const GENERATION_MAX = 2 ** 30;

export class LinearRegex {
  readonly #kinds: Uint8Array;
  readonly #firsts: Int32Array;
  readonly #seconds: Int32Array;
  readonly #sets: readonly CharSet[];
  readonly #assertions: readonly (RegexAssertion | undefined)[];
  /** At which generation (a place in a text) each step was last reached. */
  readonly #reachedAt: Int32Array;
  readonly #stack: Int32Array;
  /** Steps that wait for the next character. */
  #waiting: Int32Array;
  #next: Int32Array;
  #nextCount = 0;
  #generation = 0;
  readonly #generationMax: number;

  private constructor(steps: readonly RegexStep[], generationMax: number) {
    const count = steps.length;
    this.#generationMax = generationMax;
    this.#kinds = Uint8Array.from(steps, (step) => stepKinds[step.kind]);
    this.#firsts = Int32Array.from(steps, (step, at) => firstOf(step, at));
    this.#seconds = Int32Array.from(steps, (step) => (step.kind === 'split' ? step.second : 0));
    this.#sets = steps.map((step) => (step.kind === 'take' ? step.set : NO_CHARS));
    this.#assertions = steps.map((step) => (step.kind === 'assert' ? step.what : undefined));
    this.#reachedAt = new Int32Array(count);
    // Every step is gone on from once, to two others at the most.
    this.#stack = new Int32Array(2 * count + 1);
    this.#waiting = new Int32Array(count);
    this.#next = new Int32Array(count);
  }

  /**
   * @param generationMax  past it, places are counted from 1 again
   * @returns the expression, or what is wrong with it
   */
  static parse(pattern: string, generationMax = GENERATION_MAX): Result<LinearRegex, string> {
    const node = parseRegex(pattern);
    if (!node.ok) return err(node.error);
    const steps = compileRegex(node.value);
    return steps.ok ? ok(new LinearRegex(steps.value, generationMax)) : err(steps.error);
  }

  /** Whether it matches the text or a part of it. @hot no allocation */
  test(text: string): boolean {
    if (text.length > REGEX_TEXT_CHARS_MAX) return false;
    if (this.#generation > this.#generationMax) this.#startAgain();
    this.#generation++;
    this.#nextCount = 0;
    for (let at = 0; ; at++) {
      if (this.#reach(0, text, at)) return true;
      if (at === text.length) return false;
      if (this.#take(text, at)) return true;
    }
  }

  /** Everything that waits takes the character there, or is given up. @returns whether the end is reached */
  #take(text: string, at: number): boolean {
    const code = text.charCodeAt(at);
    const waiting = this.#next;
    const count = this.#nextCount;
    this.#next = this.#waiting;
    this.#waiting = waiting;
    this.#nextCount = 0;
    this.#generation++;
    for (let i = 0; i < count; i++) {
      const step = waiting[i] as number;
      if ((this.#sets[step] as CharSet).has(code) && this.#reach(step + 1, text, at + 1)) return true;
    }
    return false;
  }

  /** Follow every way on from a step up to where a character is needed. @returns whether the end is reached */
  #reach(from: number, text: string, at: number): boolean {
    const kinds = this.#kinds;
    const firsts = this.#firsts;
    const seconds = this.#seconds;
    const reachedAt = this.#reachedAt;
    const generation = this.#generation;
    const stack = this.#stack;
    let depth = 0;
    for (let step = from; ; step = stack[--depth] as number) {
      // Along the first ways; the second ones wait on the stack.
      while (reachedAt[step] !== generation) {
        reachedAt[step] = generation;
        const kind = kinds[step];
        if (kind === TAKE) {
          this.#next[this.#nextCount++] = step;
          break;
        }
        if (kind === MATCH) return true;
        if (kind === SPLIT) stack[depth++] = seconds[step] as number;
        else if (kind === ASSERT && !holdsAt(this.#assertions[step] as RegexAssertion, text, at)) break;
        step = firsts[step] as number;
      }
      if (depth === 0) return false;
    }
  }

  #startAgain(): void {
    this.#reachedAt.fill(0);
    this.#generation = 0;
  }
}

/** Where to go on without a character. */
function firstOf(step: RegexStep, at: number): number {
  if (step.kind === 'split') return step.first;
  return step.kind === 'jump' ? step.to : at + 1;
}

/** @hot */
function holdsAt(what: RegexAssertion, text: string, at: number): boolean {
  if (what === 'start') return at === 0;
  if (what === 'end') return at === text.length;
  const isBoundary = isWordAt(text, at - 1) !== isWordAt(text, at);
  return isBoundary === (what === 'word-boundary');
}

function isWordAt(text: string, at: number): boolean {
  if (at < 0 || at >= text.length) return false;
  const code = text.charCodeAt(at);
  return (code >= 48 && code <= 57) || (code >= 65 && code <= 90) || code === 95 || (code >= 97 && code <= 122);
}
