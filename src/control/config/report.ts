// Collects what is wrong with a file, and turns zod's issues into ones that people can use.

import type * as z from 'zod';
import { listed, type Problem, type SectionKeys } from '../../gateway/units/config.ts';
import type { Issue } from './issue.ts';
import { nearestName } from './nearest-name.ts';
import type { Path } from './read-value.ts';
import type { SourceFile } from './source-file.ts';

const NOT_YET = 'is not in this version of Sluice';
// A segment of a path that needs no quotes to be read.
const PLAIN = /^[\w.@$/-]{1,64}$/;
const SEGMENT_CHARS_MAX = 64;

type ZodIssue = z.core.$ZodIssue;

export interface Remark {
  readonly severity?: 'error' | 'warning';
  readonly message: string;
  readonly expected?: string;
  /** Show what stands there. */
  readonly showsFound?: boolean;
  readonly nearest?: string | undefined;
  /** Point at the key instead of its value. */
  readonly isAboutKey?: boolean;
}

export class Report {
  readonly #file: string;
  readonly #source: SourceFile;
  readonly #issues: Issue[] = [];

  constructor(file: string, source: SourceFile) {
    this.#file = file;
    this.#source = source;
  }

  /** In the order of the file. */
  get issues(): Issue[] {
    return this.#issues.toSorted((a, b) => a.line - b.line || a.column - b.column);
  }

  get hasErrors(): boolean {
    return this.#issues.some((issue) => issue.severity === 'error');
  }

  add(path: Path, remark: Remark): void {
    if (this.#source.isBroken(path)) return;
    const position = remark.isAboutKey === true ? this.#source.positionOfKey(path) : this.#source.positionOf(path);
    const found = remark.showsFound === true ? this.#source.show(path) : undefined;
    this.#push(position, path, remark, found);
  }

  addAt(offset: number, path: Path, message: string): void {
    this.#push(this.#source.positionAt(offset), path, { message }, undefined);
  }

  /** Whether the value at any such place came from the environment, so that no message may quote it. */
  isAnyFilledIn(isAt: (path: Path) => boolean): boolean {
    return this.#source.isAnyFilledIn(isAt);
  }

  /** A name that is not among the known ones: a key, or a value that stands for one. */
  addUnknown(path: Path, name: string, what: string, known: readonly string[], later: readonly string[]): void {
    const isAboutKey = path.at(-1) === name;
    if (later.includes(name)) {
      const shown = isAboutKey ? name : this.#source.showWord(path);
      this.add(path, { message: `${shown} ${NOT_YET}`, isAboutKey });
      return;
    }
    const remark = { message: `unknown ${what}`, expected: listed(known), nearest: nearestName(name, known) };
    this.add(path, { ...remark, isAboutKey, showsFound: !isAboutKey });
  }

  /** A name that the user chose, as a key. */
  addName(path: Path, error: { readonly issues: readonly ZodIssue[] }): void {
    const [issue] = error.issues;
    this.add(path, { message: 'is no name to use', ...(issue && { expected: expectedBy(issue) }), isAboutKey: true });
  }

  /** @param value  what the schema was given */
  addZod(base: Path, error: { readonly issues: readonly ZodIssue[] }, value: unknown): void {
    for (const issue of error.issues) this.#addZodIssue(base, issue, value);
  }

  #addZodIssue(base: Path, issue: ZodIssue, value: unknown): void {
    const inner = issue.path as Path;
    const path = [...base, ...inner];
    switch (issue.code) {
      case 'unrecognized_keys': {
        const { known, later } = sectionKeys(issue);
        for (const key of issue.keys) this.addUnknown([...path, key], key, 'key', known, later);
        return;
      }
      case 'invalid_union':
        this.#addUnion(path, issue, valueAt(value, inner));
        return;
      case 'invalid_key':
        this.addName(path, issue);
        return;
      case 'custom':
        this.#addProblem(path, (issue.params ?? {}) as Problem, valueAt(value, inner));
        return;
      default:
        this.#addMismatch(path, expectedBy(issue), valueAt(value, inner));
    }
  }

  /** The branch that has the value's shape speaks for all; when none has it, each says what it expected. */
  #addUnion(path: Path, issue: z.core.$ZodIssueInvalidUnion, value: unknown): void {
    const fitting = issue.errors.find((branch) => !branch.some(isWrongShape));
    if (fitting === undefined) {
      this.#addMismatch(path, expectedByBranches(issue), value);
      return;
    }
    // One who writes { jwt: … } is not told that { api-key: … } is missing.
    const isLater = fitting.some(namesLaterKey);
    for (const branchIssue of fitting) {
      const isMissing = valueAt(value, branchIssue.path as Path) === undefined;
      if (!isLater || !isMissing) this.#addZodIssue(path, branchIssue, value);
    }
  }

  #addProblem(path: Path, problem: Problem, value: unknown): void {
    const isHidden = problem.quotes === true && this.#source.isFilledIn(path);
    if (problem.message !== undefined && !isHidden) {
      this.add(path, { message: problem.message });
      return;
    }
    if (problem.later === true) {
      this.add(path, { message: `${this.#source.showWord(path)} ${NOT_YET}` });
      return;
    }
    const nearest = typeof value === 'string' ? nearestName(value, problem.names ?? []) : undefined;
    this.#addMismatch(path, problem.expected ?? 'another value', value, nearest);
  }

  #addMismatch(path: Path, expected: string, value: unknown, nearest?: string): void {
    if (value === undefined) this.add(path, { message: 'is missing', expected });
    else this.add(path, { message: 'is not valid', expected, showsFound: true, nearest });
  }

  #push(position: { line: number; column: number }, path: Path, remark: Remark, found: string | undefined): void {
    this.#issues.push({
      severity: remark.severity ?? 'error',
      file: this.#file,
      line: position.line,
      column: position.column,
      path: printPath(path),
      message: remark.message,
      ...(remark.expected === undefined ? {} : { expected: remark.expected }),
      ...(found === undefined ? {} : { found }),
      ...(remark.nearest === undefined ? {} : { nearest: remark.nearest }),
    });
  }
}

/** services.shop.policies[0].rate-limit.limit */
export function printPath(path: Path): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else
      text += `${text === '' ? '' : '.'}${PLAIN.test(step) ? step : JSON.stringify(step.slice(0, SEGMENT_CHARS_MAX))}`;
  }
  return text;
}

function expectedBy(issue: ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      if (issue.expected === 'array') return 'a list';
      return issue.expected === 'object' || issue.expected === 'record' ? 'a map' : `a ${issue.expected}`;
    case 'too_small':
      return `at least ${issue.minimum}`;
    case 'too_big':
      return `at most ${issue.maximum}`;
    case 'invalid_value':
      return listed(issue.values.map(String));
    case 'custom':
      return ((issue.params ?? {}) as Problem).expected ?? 'another value';
    case 'invalid_union':
      return expectedByBranches(issue);
    default:
      return 'another value';
  }
}

function expectedByBranches(issue: z.core.$ZodIssueInvalidUnion): string {
  const expected = issue.errors.flatMap((branch) => branch.filter(isWrongShape).map(expectedBy));
  return [...new Set(expected)].join(', or ');
}

function sectionKeys(issue: z.core.$ZodIssueUnrecognizedKeys): SectionKeys {
  return JSON.parse(issue.message) as SectionKeys;
}

function namesLaterKey(issue: ZodIssue): boolean {
  return issue.code === 'unrecognized_keys' && issue.keys.some((key) => sectionKeys(issue).later.includes(key));
}

/** Says that the value as a whole is of another kind than the branch takes. */
function isWrongShape(issue: ZodIssue): boolean {
  if (issue.path.length > 0) return false;
  if (issue.code === 'invalid_type') return true;
  if (issue.code === 'custom') return ((issue.params ?? {}) as Problem).wrongShape === true;
  return issue.code === 'invalid_union' && issue.errors.every((branch) => branch.some(isWrongShape));
}

function valueAt(value: unknown, path: Path): unknown {
  let at = value;
  for (const step of path) {
    if (typeof at !== 'object' || at === null) return undefined;
    at = (at as Record<string | number, unknown>)[step];
  }
  return at;
}
