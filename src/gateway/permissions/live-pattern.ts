// A pattern, ready to be compared: one without variables is a wildcard, one with them becomes one when they are known.

import { type PermissionFacts, type PermissionKey, splitKey } from './permission-keys.ts';
import type { PatternPart, PatternPlan, VariablePlan } from './permission-plan.ts';
import { Wildcard } from './wildcard.ts';

/** A variable has no text: nothing can be said. */
export const UNRESOLVED = -1;
export const NO_MATCH = 0;
export const MATCH = 1;
export type Match = typeof UNRESOLVED | typeof NO_MATCH | typeof MATCH;

export interface LivePattern {
  /** What its variables ask for. */
  readonly keys: readonly string[];
  /** @hot no throw; allocates only where the text of a variable is another one than the last time */
  match(text: string, facts: PermissionFacts): Match;
}

/** @param isLower  texts are compared in lower case; the plan's own are so already */
export function preparePattern(plan: PatternPlan, isLower = false): LivePattern {
  return plan.some((part) => typeof part === 'object')
    ? new VariablePattern(plan, isLower)
    : new FixedPattern(plan as readonly Exclude<PatternPart, object>[]);
}

class FixedPattern implements LivePattern {
  readonly keys = [];
  readonly #wildcard: Wildcard;

  constructor(parts: readonly Exclude<PatternPart, object>[]) {
    this.#wildcard = new Wildcard(parts);
  }

  match(text: string): Match {
    return this.#wildcard.matches(text) ? MATCH : NO_MATCH;
  }
}

interface Variable {
  readonly key: PermissionKey;
  readonly fallback: string | undefined;
}

class VariablePattern implements LivePattern {
  readonly keys: readonly string[];
  readonly #parts: PatternPlan;
  readonly #isLower: boolean;
  readonly #variables: readonly Variable[];
  /** As they were when the wildcard was made. */
  readonly #texts: string[];
  #wildcard: Wildcard | undefined;

  constructor(parts: PatternPlan, isLower: boolean) {
    this.#parts = parts;
    this.#isLower = isLower;
    const plans = parts.filter((part): part is VariablePlan => typeof part === 'object');
    this.keys = plans.map(({ key }) => key);
    this.#variables = plans.map(({ key, fallback }) => ({ key: splitKey(key), fallback }));
    this.#texts = plans.map(() => '');
  }

  match(text: string, facts: PermissionFacts): Match {
    let isSame = this.#wildcard !== undefined;
    for (let i = 0; i < this.#variables.length; i++) {
      const { key, fallback } = this.#variables[i] as Variable;
      const value = facts.read(key);
      const resolved = typeof value === 'string' ? value : fallback;
      if (resolved === undefined) {
        this.#wildcard = undefined;
        return UNRESOLVED;
      }
      if (this.#texts[i] === resolved) continue;
      this.#texts[i] = resolved;
      isSame = false;
    }
    if (!isSame) this.#wildcard = this.#fill();
    return (this.#wildcard as Wildcard).matches(text) ? MATCH : NO_MATCH;
  }

  #fill(): Wildcard {
    let next = 0;
    return new Wildcard(
      this.#parts.map((part) => {
        if (typeof part !== 'object') return part;
        const text = this.#texts[next++] as string;
        return this.#isLower ? text.toLowerCase() : text;
      }),
    );
  }
}
