// A condition of a statement, ready to be asked. What IAM says of keys that are missing, of negated operators and of keys with
// several values holds here, too (docs/permissions.md).

import { assertNever } from '../../base/assert.ts';
import { readNumber } from '../conditions/read-number.ts';
import { AddressSet } from '../policies/ip/address-set.ts';
import { ParsedAddress } from '../policies/ip/parsed-address.ts';
import { type LivePattern, MATCH, type Match, NO_MATCH, preparePattern, UNRESOLVED } from './live-pattern.ts';
import { type PermissionFacts, type PermissionKey, type PermissionValue, splitKey } from './permission-keys.ts';
import type { Comparison, ConditionPlan } from './permission-plan.ts';
import { readDate } from './read-date.ts';

export class LiveCondition {
  /** All that it asks for. */
  readonly keys: readonly string[];
  readonly #plan: ConditionPlan;
  readonly #key: PermissionKey;
  readonly #test: ValueTest;

  constructor(plan: ConditionPlan) {
    this.#plan = plan;
    this.#key = splitKey(plan.key);
    this.#test = prepareTest(plan);
    this.keys = [plan.key, ...(this.#test.keys ?? [])];
  }

  /** @hot no throw */
  holds(facts: PermissionFacts): boolean {
    const plan = this.#plan;
    const value = facts.read(this.#key);
    const isMissing = value === undefined || (typeof value === 'object' && value.length === 0);
    if (plan.test === 'null') return plan.values.includes(isMissing);
    if (isMissing) return this.#holdsWithout();
    return typeof value === 'object' ? this.#holdsForList(value, facts) : this.#holdsFor(value, facts);
  }

  #holdsWithout(): boolean {
    const { isIfExists, over, isNegated } = this.#plan;
    return isIfExists || over === 'all' || (over === 'one' && isNegated);
  }

  #holdsFor(value: Exclude<PermissionValue, undefined | readonly string[]>, facts: PermissionFacts): boolean {
    const match = this.#test.match(value, facts);
    return match !== UNRESOLVED && (match === MATCH) !== this.#plan.isNegated;
  }

  #holdsForList(values: readonly string[], facts: PermissionFacts): boolean {
    const { over, isNegated } = this.#plan;
    const needsAll = over === 'all' || (over === 'one' && isNegated);
    for (let i = 0; i < values.length; i++) {
      if (this.#holdsFor(values[i] as string, facts) !== needsAll) return !needsAll;
    }
    return needsAll;
  }
}

/** Whether a value is one of those of the condition. */
interface ValueTest {
  readonly keys?: readonly string[];
  /** @returns UNRESOLVED: neither the condition nor its negation holds */
  match(value: string | number | boolean, facts: PermissionFacts): Match;
}

function prepareTest(plan: ConditionPlan): ValueTest {
  switch (plan.test) {
    case 'text':
      return new TextTest(
        plan.values.map((value) => preparePattern(value, plan.isAnyCase)),
        plan.isAnyCase,
      );
    case 'address':
      return new AddressTest(new AddressSet(plan.set));
    case 'number':
      return new NumberTest(plan.compare, plan.values, readNumber);
    case 'date':
      return new NumberTest(plan.compare, plan.values, readDate);
    case 'flag':
    case 'null':
      return new FlagTest(plan.values);
    default:
      return assertNever(plan);
  }
}

class TextTest implements ValueTest {
  readonly keys: readonly string[];
  readonly #patterns: readonly LivePattern[];
  readonly #isAnyCase: boolean;

  constructor(patterns: readonly LivePattern[], isAnyCase: boolean) {
    this.keys = patterns.flatMap(({ keys }) => keys);
    this.#patterns = patterns;
    this.#isAnyCase = isAnyCase;
  }

  match(value: string | number | boolean, facts: PermissionFacts): Match {
    const plain = typeof value === 'string' ? value : String(value);
    const text = this.#isAnyCase ? plain.toLowerCase() : plain;
    let found: Match = NO_MATCH;
    for (let i = 0; i < this.#patterns.length; i++) {
      const match = (this.#patterns[i] as LivePattern).match(text, facts);
      if (match === MATCH) return MATCH;
      if (match === UNRESOLVED) found = UNRESOLVED;
    }
    return found;
  }
}

// One for all: a decision is over before the next begins.
const address = new ParsedAddress();

class AddressTest implements ValueTest {
  readonly #set: AddressSet;

  constructor(set: AddressSet) {
    this.#set = set;
  }

  match(value: string | number | boolean): Match {
    if (typeof value !== 'string' || address.read(value) === 0) return UNRESOLVED;
    return this.#set.has(address) ? MATCH : NO_MATCH;
  }
}

class NumberTest implements ValueTest {
  readonly #compare: Comparison;
  readonly #values: readonly number[];
  readonly #read: (text: string) => number;

  constructor(compare: Comparison, values: readonly number[], read: (text: string) => number) {
    this.#compare = compare;
    this.#values = values;
    this.#read = read;
  }

  match(value: string | number | boolean): Match {
    const number = typeof value === 'string' ? this.#read(value) : Number(value);
    if (Number.isNaN(number)) return UNRESOLVED;
    for (let i = 0; i < this.#values.length; i++) {
      if (compare(this.#compare, number, this.#values[i] as number)) return MATCH;
    }
    return NO_MATCH;
  }
}

function compare(comparison: Comparison, left: number, right: number): boolean {
  switch (comparison) {
    case '=':
      return left === right;
    case '<':
      return left < right;
    case '<=':
      return left <= right;
    case '>':
      return left > right;
    case '>=':
      return left >= right;
  }
}

class FlagTest implements ValueTest {
  readonly #values: readonly boolean[];

  constructor(values: readonly boolean[]) {
    this.#values = values;
  }

  match(value: string | number | boolean): Match {
    if (value === true || value === 'true') return this.#values.includes(true) ? MATCH : NO_MATCH;
    if (value === false || value === 'false') return this.#values.includes(false) ? MATCH : NO_MATCH;
    return UNRESOLVED;
  }
}
