// The text of a condition → plain data, or the first thing that is wrong with it.
//
//   condition   = and { "or" and }
//   and         = not { "and" not }
//   not         = "not" not | "(" condition ")" | "exists" "(" parameter ")" | "regex" "(" parameter "," TEXT ")" | comparison
//   comparison  = operand ( "=" | "==" | "!=" | "<" | "<=" | ">" | ">=" ) operand
//   operand     = parameter | TEXT | NUMBER | "true" | "false" | "Random" "(" ")"
//   parameter   = ( "header" | "query" | "cookie" ) "." name | "sysparam" "." ( "clientIp" | "httpScheme" | "clientUa" )
//               | "path" | "method" | "host" | "consumer"
//
// Words before a dot, keywords and functions are read in any case; names are as they are written, but for headers, whose
// names HTTP compares in any case. What a comparison means is told in docs/configuration.md.

import { err, ok, type Result } from '../../base/result.ts';
import type { Comparison, Condition, Operand, Operator, Parameter } from './condition.ts';
import { conditionTokens, type Token } from './condition-tokens.ts';
import { LinearRegex } from './regex/linear-regex.ts';

export const CONDITION_CHARS_MAX = 2_048;
/** Parentheses and nots within each other. */
export const CONDITION_DEPTH_MAX = 32;
/** Comparisons, functions, and what joins them. */
export const CONDITION_NODES_MAX = 128;

// What a double still tells apart.
const DIGITS_MAX = 15;

const CONDITION = 'a comparison, not, exists(…), regex(…) or (';
const OPERATOR = 'one of =, !=, <, <=, >, >=';
const PARAMETER = 'header.NAME, query.NAME, cookie.NAME, path, method, host, consumer, or sysparam.NAME';
const OPERAND = `a parameter (${PARAMETER}), a text in quotes, a number, true, false, or Random()`;

const operators: Readonly<Record<string, Operator>> = {
  '=': '=',
  '==': '=',
  '!=': '!=',
  '<': '<',
  '<=': '<=',
  '>': '>',
  '>=': '>=',
};
const named: ReadonlySet<string> = new Set(['header', 'query', 'cookie']);
const unnamed: ReadonlySet<string> = new Set(['path', 'method', 'host', 'consumer']);
const systemNames = ['clientIp', 'httpScheme', 'clientUa'] as const;
// sys. as in the rest of Sluice, sysparam. as the grammar's origin has it.
const systemPositions: ReadonlySet<string> = new Set(['sysparam', 'sys']);

class Mistake extends Error {}

/** @returns the condition, or a sentence that names the column */
export function parseCondition(text: string): Result<Condition, string> {
  if (text.length > CONDITION_CHARS_MAX) return err(`has more than ${CONDITION_CHARS_MAX} characters`);
  try {
    return ok(new ConditionParser(conditionTokens(text)).parse());
  } catch (error) {
    if (error instanceof Mistake) return err(error.message);
    throw error;
  }
}

class ConditionParser {
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;
  #nodes = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  parse(): Condition {
    const condition = this.#joined('or');
    if (this.#token.kind !== 'end') throw this.#expected('and, or, or the end');
    return condition;
  }

  get #token(): Token {
    return this.#tokens[this.#at] as Token;
  }

  #joined(kind: 'or' | 'and'): Condition {
    const part = (): Condition => (kind === 'or' ? this.#joined('and') : this.#not());
    const conditions = [part()];
    while (this.#takeKeyword(kind)) conditions.push(part());
    return conditions.length === 1 ? (conditions[0] as Condition) : this.#count({ kind, conditions });
  }

  #not(): Condition {
    const { column } = this.#token;
    if (++this.#depth > CONDITION_DEPTH_MAX) {
      throw mistakeAt(column, `more than ${CONDITION_DEPTH_MAX} parentheses and nots within each other`);
    }
    const condition = this.#takeKeyword('not') ? this.#count({ kind: 'not', condition: this.#not() }) : this.#primary();
    this.#depth--;
    return condition;
  }

  #primary(): Condition {
    if (this.#takeSymbol('(')) {
      const condition = this.#joined('or');
      this.#needSymbol(')', 'and, or, or )');
      return condition;
    }
    if (this.#takeFunction('exists')) {
      const parameter = this.#parameter();
      this.#needSymbol(')');
      return this.#count({ kind: 'exists', parameter });
    }
    if (this.#takeFunction('regex')) return this.#regex();
    if (this.#token.kind === 'end' || this.#token.kind === 'symbol') throw this.#expected(CONDITION);
    return this.#comparison();
  }

  #regex(): Condition {
    const parameter = this.#parameter();
    this.#needSymbol(',');
    const { kind, text, column } = this.#token;
    if (kind !== 'text') throw this.#expected('a regular expression in quotes');
    const regex = LinearRegex.parse(text);
    if (!regex.ok) throw mistakeAt(column, `this regular expression cannot be used: ${regex.error}`);
    this.#at++;
    this.#needSymbol(')');
    return this.#count({ kind: 'regex', parameter, pattern: text });
  }

  #comparison(): Condition {
    const { column } = this.#token;
    const left = this.#operand();
    const operatorToken = this.#token;
    const operator = operatorToken.kind === 'symbol' ? operators[operatorToken.text] : undefined;
    if (operator === undefined) throw this.#expected(OPERATOR);
    this.#at++;
    const right = this.#operand();
    const comparison = withCases({ kind: 'compare', operator, left, right });
    const problem = problemOf(comparison);
    if (problem !== undefined) throw mistakeAt(column, problem);
    return this.#count(comparison);
  }

  #operand(): Operand {
    const { kind, text } = this.#token;
    if (this.#takeFunction('random')) {
      this.#needSymbol(')');
      return { kind: 'random' };
    }
    if (kind === 'number') return this.#number();
    if (kind === 'text') {
      this.#at++;
      return { kind: 'text', text };
    }
    if (this.#takeKeyword('true')) return { kind: 'boolean', is: true };
    if (this.#takeKeyword('false')) return { kind: 'boolean', is: false };
    return this.#parameter(OPERAND);
  }

  #number(): Operand {
    const { text } = this.#token;
    if (text.replace(/[-.]/g, '').length > DIGITS_MAX) throw this.#expected(`a number of at most ${DIGITS_MAX} digits`);
    this.#at++;
    // Not -0, which is no other number than 0.
    return { kind: 'number', number: Number(text) + 0 };
  }

  #parameter(expected = PARAMETER): Parameter {
    const { kind, text } = this.#token;
    if (kind !== 'word') throw this.#expected(expected);
    const dot = text.indexOf('.');
    const position = (dot < 0 ? text : text.slice(0, dot)).toLowerCase();
    const name = dot < 0 ? '' : text.slice(dot + 1);
    if (dot < 0 && unnamed.has(position)) {
      this.#at++;
      return { kind: position as 'path' };
    }
    if (dot >= 0 && systemPositions.has(position)) return this.#systemParameter(name);
    if (dot < 0 || !named.has(position)) throw this.#expected(expected);
    this.#at++;
    const whole = name === '' ? this.#quotedName() : name;
    return { kind: position as 'header', name: position === 'header' ? whole.toLowerCase() : whole };
  }

  #systemParameter(name: string): Parameter {
    const kind = systemNames.find((known) => known === name);
    if (kind === undefined) throw this.#expected(systemNames.map((known) => `sysparam.${known}`).join(', '));
    this.#at++;
    return { kind };
  }

  /** query.'filter[name]' */
  #quotedName(): string {
    const { kind, text } = this.#token;
    if (kind !== 'text' || text === '')
      throw this.#expected('a name, in quotes when it is more than letters, digits, _, - and .');
    this.#at++;
    return text;
  }

  #takeKeyword(word: string): boolean {
    const isIt = this.#token.kind === 'word' && this.#token.text.toLowerCase() === word;
    if (isIt) this.#at++;
    return isIt;
  }

  #takeSymbol(symbol: string): boolean {
    const isIt = this.#token.kind === 'symbol' && this.#token.text === symbol;
    if (isIt) this.#at++;
    return isIt;
  }

  #needSymbol(symbol: string, expected = symbol): void {
    if (!this.#takeSymbol(symbol)) throw this.#expected(expected);
  }

  /** Its name with the ( behind it. */
  #takeFunction(name: string): boolean {
    const { kind, text } = this.#token;
    const next = this.#tokens[this.#at + 1];
    const isIt = kind === 'word' && text.toLowerCase() === name && next?.kind === 'symbol' && next.text === '(';
    if (isIt) this.#at += 2;
    return isIt;
  }

  #count(condition: Condition): Condition {
    if (++this.#nodes > CONDITION_NODES_MAX) {
      throw mistakeAt(
        this.#token.column,
        `more than ${CONDITION_NODES_MAX} comparisons, functions and words between them`,
      );
    }
    return condition;
  }

  #expected(what: string): Mistake {
    const { kind, text, column } = this.#token;
    const found = kind === 'end' ? 'the end' : JSON.stringify(text);
    return mistakeAt(column, `expected ${what}; found ${found}`);
  }
}

/** Hosts are compared in lower case and methods in upper case, as requests have them. */
function withCases(comparison: Comparison): Comparison {
  const { left, right } = comparison;
  return { ...comparison, left: withCase(left, right), right: withCase(right, left) };
}

function withCase(operand: Operand, other: Operand): Operand {
  if (operand.kind !== 'text') return operand;
  if (other.kind === 'host') return { kind: 'text', text: operand.text.toLowerCase() };
  return other.kind === 'method' ? { kind: 'text', text: operand.text.toUpperCase() } : operand;
}

/** What would never hold, or always. */
function problemOf({ left, right, operator }: Comparison): string | undefined {
  const kinds = [left.kind, right.kind];
  const isOrder = operator !== '=' && operator !== '!=';
  const literals = [left, right].filter(({ kind }) => kind === 'text' || kind === 'number' || kind === 'boolean');
  if (literals.length === 2) return 'two constants are compared: one of them has to be a parameter or Random()';
  if (kinds.includes('random') && (kinds.includes('text') || kinds.includes('boolean'))) {
    return 'Random() is a number from 0 up to 1, and is compared with numbers';
  }
  if (kinds.includes('boolean') && isOrder) return 'true and false are compared with = and != only';
  const [literal] = literals;
  if (kinds.includes('path') && !isOrder && literal?.kind === 'text' && !literal.text.startsWith('/')) {
    return 'a path begins with /';
  }
  return undefined;
}

function mistakeAt(column: number, message: string): Mistake {
  return new Mistake(`column ${column}: ${message}`);
}
