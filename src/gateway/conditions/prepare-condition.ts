// A condition, ready to be asked of requests: a tree of small objects, made once per route. The type of each comparison is
// settled here: numbers when one side is a number or Random(), switches when one is true or false, else texts.

import { assertNever } from '../../base/assert.ts';
import type { Exchange } from '../pipeline/exchange.ts';
import type { Comparison, Condition, Operand, Operator, Parameter } from './condition.ts';
import { readNumber } from './read-number.ts';
import { readParameter } from './read-parameter.ts';
import { LinearRegex } from './regex/linear-regex.ts';

export interface LiveCondition {
  /** @hot no throw, no allocation but for values that are decoded */
  holds(x: Exchange): boolean;
}

/** @returns a number from 0 up to, and without, 1 */
export type Random = () => number;

/** @param condition  as parseCondition gives it */
export function prepareCondition(condition: Condition, random: Random = Math.random): LiveCondition {
  switch (condition.kind) {
    case 'and':
      return new AllHold(condition.conditions.map((part) => prepareCondition(part, random)));
    case 'or':
      return new AnyHolds(condition.conditions.map((part) => prepareCondition(part, random)));
    case 'not':
      return new Not(prepareCondition(condition.condition, random));
    case 'exists':
      return new Exists(condition.parameter);
    case 'regex':
      return new Matches(condition.parameter, condition.pattern);
    case 'compare':
      return prepareComparison(condition, random);
    default:
      return assertNever(condition);
  }
}

function prepareComparison({ operator, left, right }: Comparison, random: Random): LiveCondition {
  const kinds = [left.kind, right.kind];
  if (kinds.includes('number') || kinds.includes('random')) {
    return new NumbersCompare(operator, numberSide(left, random), numberSide(right, random));
  }
  if (left.kind === 'boolean') return new IsSwitch(right as Parameter, left.is, operator === '=');
  if (right.kind === 'boolean') return new IsSwitch(left as Parameter, right.is, operator === '=');
  return new TextsCompare(operator, textSide(left), textSide(right));
}

class AllHold implements LiveCondition {
  readonly #conditions: readonly LiveCondition[];

  constructor(conditions: readonly LiveCondition[]) {
    this.#conditions = conditions;
  }

  holds(x: Exchange): boolean {
    const conditions = this.#conditions;
    for (let i = 0; i < conditions.length; i++) {
      if (!(conditions[i] as LiveCondition).holds(x)) return false;
    }
    return true;
  }
}

class AnyHolds implements LiveCondition {
  readonly #conditions: readonly LiveCondition[];

  constructor(conditions: readonly LiveCondition[]) {
    this.#conditions = conditions;
  }

  holds(x: Exchange): boolean {
    const conditions = this.#conditions;
    for (let i = 0; i < conditions.length; i++) {
      if ((conditions[i] as LiveCondition).holds(x)) return true;
    }
    return false;
  }
}

class Not implements LiveCondition {
  readonly #condition: LiveCondition;

  constructor(condition: LiveCondition) {
    this.#condition = condition;
  }

  holds(x: Exchange): boolean {
    return !this.#condition.holds(x);
  }
}

class Exists implements LiveCondition {
  readonly #parameter: Parameter;

  constructor(parameter: Parameter) {
    this.#parameter = parameter;
  }

  holds(x: Exchange): boolean {
    return readParameter(this.#parameter, x) !== undefined;
  }
}

class Matches implements LiveCondition {
  readonly #parameter: Parameter;
  readonly #regex: LinearRegex;

  constructor(parameter: Parameter, pattern: string) {
    const regex = LinearRegex.parse(pattern);
    if (!regex.ok) throw new Error(`a regular expression ${regex.error}: the parser let it through`);
    this.#parameter = parameter;
    this.#regex = regex.value;
  }

  holds(x: Exchange): boolean {
    const text = readParameter(this.#parameter, x);
    return text !== undefined && this.#regex.test(text);
  }
}

class IsSwitch implements LiveCondition {
  readonly #parameter: Parameter;
  /** The one text that holds. */
  readonly #wanted: string;

  constructor(parameter: Parameter, is: boolean, isEqual: boolean) {
    this.#parameter = parameter;
    // What is not true has to be false, and not just anything.
    this.#wanted = String(is === isEqual);
  }

  holds(x: Exchange): boolean {
    return readParameter(this.#parameter, x) === this.#wanted;
  }
}

class TextsCompare implements LiveCondition {
  readonly #operator: Operator;
  readonly #left: string | Parameter;
  readonly #right: string | Parameter;

  constructor(operator: Operator, left: string | Parameter, right: string | Parameter) {
    this.#operator = operator;
    this.#left = left;
    this.#right = right;
  }

  holds(x: Exchange): boolean {
    const left = typeof this.#left === 'string' ? this.#left : readParameter(this.#left, x);
    const right = typeof this.#right === 'string' ? this.#right : readParameter(this.#right, x);
    if (left === undefined || right === undefined) return false;
    switch (this.#operator) {
      case '=':
        return left === right;
      case '!=':
        return left !== right;
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
}

class NumbersCompare implements LiveCondition {
  readonly #operator: Operator;
  readonly #left: NumberSide;
  readonly #right: NumberSide;

  constructor(operator: Operator, left: NumberSide, right: NumberSide) {
    this.#operator = operator;
    this.#left = left;
    this.#right = right;
  }

  holds(x: Exchange): boolean {
    const left = this.#left.read(x);
    const right = this.#right.read(x);
    switch (this.#operator) {
      case '=':
        return left === right;
      case '!=':
        // A text that is no number is not unlike one: it cannot be compared.
        return left < right || left > right;
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
}

/** One side of a comparison of numbers. */
interface NumberSide {
  /** @returns NaN where there is no number, which no comparison holds for */
  read(x: Exchange): number;
}

function numberSide(operand: Operand, random: Random): NumberSide {
  if (operand.kind === 'random') return { read: random };
  if (operand.kind === 'number') {
    const { number } = operand;
    return { read: () => number };
  }
  const parameter = operand as Parameter;
  return {
    read(x) {
      const text = readParameter(parameter, x);
      return text === undefined ? Number.NaN : readNumber(text);
    },
  };
}

function textSide(operand: Operand): string | Parameter {
  return operand.kind === 'text' ? operand.text : (operand as Parameter);
}
