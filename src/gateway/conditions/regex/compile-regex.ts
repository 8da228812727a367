// A regular expression's tree → a program of a few kinds of steps (Thompson's construction).

import { assertNever } from '../../../base/assert.ts';
import { err, ok, type Result } from '../../../base/result.ts';
import type { CharSet } from './char-set.ts';
import type { RegexAssertion, RegexNode } from './parse-regex.ts';

export type RegexStep =
  | { readonly kind: 'take'; readonly set: CharSet }
  | { readonly kind: 'assert'; readonly what: RegexAssertion }
  /** Go on at both. */
  | { readonly kind: 'split'; readonly first: number; second: number }
  | { readonly kind: 'jump'; readonly to: number }
  | { readonly kind: 'match' };

// A text costs at most so many steps per character: 256 × 4,096 characters (linear-regex.ts) is the worst there can be,
// some 7 ms.
const STEPS_MAX = 256;
// Repetitions of what takes nothing add no steps: they are bounded by how often the compiler is called.
const VISITS_MAX = 4 * STEPS_MAX;

/** @returns undefined in the error's place when it is too large */
export function compileRegex(node: RegexNode): Result<readonly RegexStep[], string> {
  const compiler = new RegexCompiler();
  compiler.compile(node);
  if (compiler.isTooLarge) return err(`is too large: repetitions written out, it has more than ${STEPS_MAX} steps`);
  return ok([...compiler.steps, { kind: 'match' }]);
}

class RegexCompiler {
  readonly steps: RegexStep[] = [];
  #visits = 0;

  get isTooLarge(): boolean {
    return this.steps.length >= STEPS_MAX || this.#visits > VISITS_MAX;
  }

  compile(node: RegexNode): void {
    this.#visits++;
    if (this.isTooLarge) return;
    switch (node.kind) {
      case 'set':
        this.steps.push({ kind: 'take', set: node.set });
        return;
      case 'assertion':
        this.steps.push({ kind: 'assert', what: node.what });
        return;
      case 'sequence':
        for (const part of node.parts) this.compile(part);
        return;
      case 'choice':
        this.#compileChoice(node.parts);
        return;
      case 'repeat':
        this.#compileRepeat(node);
        return;
      default:
        assertNever(node);
    }
  }

  #compileChoice(parts: readonly RegexNode[]): void {
    const ends: number[] = [];
    for (const part of parts.slice(0, -1)) {
      const split = this.#split();
      this.compile(part);
      // To where all of them end, which is not known yet.
      ends.push(this.steps.push({ kind: 'jump', to: 0 }) - 1);
      split.second = this.steps.length;
    }
    this.compile(parts.at(-1) as RegexNode);
    for (const end of ends) this.steps[end] = { kind: 'jump', to: this.steps.length };
  }

  #compileRepeat({ part, min, max }: RegexNode & { kind: 'repeat' }): void {
    for (let count = 0; count < min && !this.isTooLarge; count++) this.compile(part);
    if (max === Number.POSITIVE_INFINITY) {
      const at = this.steps.length;
      const split = this.#split();
      this.compile(part);
      this.steps.push({ kind: 'jump', to: at });
      split.second = this.steps.length;
      return;
    }
    const splits: { second: number }[] = [];
    for (let count = min; count < max && !this.isTooLarge; count++) {
      splits.push(this.#split());
      this.compile(part);
    }
    for (const split of splits) split.second = this.steps.length;
  }

  /** On to the next step, or to where `second` will say. */
  #split(): { second: number } {
    const split = { kind: 'split' as const, first: this.steps.length + 1, second: 0 };
    this.steps.push(split);
    return split;
  }
}
