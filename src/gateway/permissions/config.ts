// A document of permissions as it is written, in YAML or JSON, with CAM's keys in lower case or IAM's with capitals.

import * as z from 'zod';
import { AddressPacker } from '../policies/ip/address-packer.ts';
import { scalar, section } from '../units/config.ts';
import { misfit, type Operator, operatorNames, readOperator } from './operators.ts';
import { findKey, kindOfKey, permissionKeys } from './permission-keys.ts';
import type { ConditionFrame, ConditionPlan, DocumentPlan, PatternPlan, StatementPlan } from './permission-plan.ts';
import { readDate } from './read-date.ts';
import { PATTERN_CHARS_MAX, readPattern, readResource } from './read-pattern.ts';

export type { DocumentPlan } from './permission-plan.ts';

export const STATEMENTS_MAX = 200;
const PATTERNS_MAX = 100;
const CONDITIONS_MAX = 20;
const VALUES_MAX = 1_000;
const ACTION = /^[A-Za-z0-9:._/*?-]{1,128}$/;
const SID = /^[A-Za-z0-9_-]{1,64}$/;
const PRINCIPAL = 'sluice:principal';

/** A document without its name. */
export type WrittenDocument = readonly WrittenStatement[];
interface WrittenStatement extends Omit<StatementPlan, 'name'> {
  /** '' for none. */
  readonly sid: string;
}

const action = patternText('an action such as invoke:GET or admin:Get*', 128, (text) =>
  ACTION.test(text)
    ? readPattern(text.toLowerCase(), { hasWildcards: true, hasVariables: false })
    : { ok: false, error: 'is no action: letters, digits and : . _ / - with * and ?' },
);
const resource = patternText('a resource such as service/shop/route/*', PATTERN_CHARS_MAX, readResource);
const principal = patternText('* or a name such as consumer/alice or group/partners', PATTERN_CHARS_MAX, (text) =>
  readPattern(text, { hasWildcards: true, hasVariables: false }),
);

const effect = scalar({
  expected: 'allow or deny',
  names: ['allow', 'deny'],
  json: { enum: ['allow', 'deny', 'Allow', 'Deny'] },
  read: (value) =>
    (['allow', 'deny'] as const).find((word) => typeof value === 'string' && word === value.toLowerCase()),
});

const sid = scalar({
  expected: 'a name of at most 64 letters, digits, - and _',
  json: { type: 'string', pattern: SID.source },
  read: (value) => (typeof value === 'string' && SID.test(value) ? value : undefined),
});

const value = scalar({
  expected: 'a text, a number, true or false',
  json: { type: ['string', 'number', 'boolean'] },
  read: (value) => (['string', 'number', 'boolean'].includes(typeof value) ? String(value) : undefined),
});

type Issue = (path: readonly (string | number)[], message: string) => void;

const condition = z
  .record(z.string(), z.record(z.string(), oneOrMore(value, VALUES_MAX)))
  .transform((written, context): readonly ConditionPlan[] => {
    const issue: Issue = (path, message) => {
      context.issues.push({ code: 'custom', input: written, path: [...path], params: { message } });
    };
    const conditions = Object.entries(written).flatMap(([operator, keys]) => readConditions(operator, keys, issue));
    if (conditions.length > CONDITIONS_MAX) issue([], `has more than ${CONDITIONS_MAX} conditions`);
    return conditions;
  })
  .describe(
    `By operator, then by key, what the key must be: all of them hold. Operators: ${operatorNames.join(', ')}.`,
  );

const statement = section(
  {
    ...bothCases('sid', sid.optional().describe('Its name, for explanations.')),
    ...bothCases('effect', effect.optional().describe('allow or deny; what denies wins.')),
    ...bothCases('action', oneOrMore(action, PATTERNS_MAX).optional().describe('What is done; * and ? are wildcards.')),
    ...bothCases('resource', oneOrMore(resource, PATTERNS_MAX).optional().describe('What it is done to.')),
    ...bothCases('condition', condition.optional()),
    ...bothCases(
      'principal',
      oneOrMore(principal, PATTERNS_MAX).optional().describe('Who does it; absent: whoever has the document.'),
    ),
  },
  ['NotAction', 'NotPrincipal', 'NotResource', 'not_action', 'not_resource'],
).transform((written, context): WrittenStatement => {
  const one = onlyOne(written, context);
  const principals = one<readonly PatternPlan[]>('principal');
  return {
    sid: one<string>('sid') ?? '',
    isDeny: one('effect', 'allow or deny') === 'deny',
    actions: one<readonly PatternPlan[]>('action', 'what is done, such as invoke:GET or invoke:*') ?? [],
    resources: one<readonly PatternPlan[]>('resource', 'what it is done to, such as service/shop/*') ?? [],
    conditions: [
      ...(one<readonly ConditionPlan[]>('condition') ?? []),
      ...(principals === undefined ? [] : [principalCondition(principals)]),
    ],
  };
});

/** Reads a whole document. */
export const permissionDocument: z.ZodType<WrittenDocument> = section({
  ...bothCases(
    'version',
    scalar({
      expected: '"2.0", or IAM\'s "2012-10-17"',
      json: { enum: ['2.0', 2, '2012-10-17'] },
      read: (value) => ([2, '2', '2.0', '2012-10-17'].includes(value as string) ? String(value) : undefined),
    })
      .optional()
      .describe('Of the form of the document: "2.0".'),
  ),
  ...bothCases('id', sid.optional().describe('For you.')),
  ...bothCases(
    'statement',
    oneOrMore(statement, STATEMENTS_MAX).optional().describe('What is allowed and denied; the order says nothing.'),
  ),
}).transform(
  (written, context) => onlyOne(written, context)<WrittenDocument>('statement', 'one statement or a list') ?? [],
);

/** @param name  stands in explanations */
export function documentPlan(name: string, statements: WrittenDocument): DocumentPlan {
  return {
    name,
    statements: statements.map(({ sid, ...plan }, index) => ({
      name: sid === '' ? `${name}[${index}]` : `${name}.${sid}`,
      ...plan,
    })),
  };
}

function principalCondition(values: readonly PatternPlan[]): ConditionPlan {
  const frame = { key: PRINCIPAL, isNegated: false, isIfExists: false, over: 'any' } as const;
  return { ...frame, test: 'text', isAnyCase: false, values };
}

function readConditions(
  written: string,
  keys: Readonly<Record<string, readonly string[]>>,
  issue: Issue,
): ConditionPlan[] {
  const operator = readOperator(written);
  if (operator === undefined) {
    issue([written], `is no operator; there are ${operatorNames.join(', ')}`);
    return [];
  }
  return Object.entries(keys).flatMap(([writtenKey, values]) => {
    const path = [written, writtenKey];
    const key = findKey(writtenKey);
    if (key === undefined) {
      issue(path, `is no key; there are ${permissionKeys.join(', ')}`);
      return [];
    }
    const problem = misfit(operator, kindOfKey(key));
    if (problem !== undefined) issue(path, problem);
    return problem === undefined ? readValues(operator, key, values, path, issue) : [];
  });
}

/** @returns one condition, or none when a value is not valid */
function readValues(
  operator: Operator,
  key: string,
  written: readonly string[],
  path: readonly string[],
  issue: Issue,
): ConditionPlan[] {
  const { isNegated, isIfExists, over } = operator;
  const frame: ConditionFrame = { key, isNegated, isIfExists, over };
  const problem = (index: number, message: string): void =>
    issue(written.length === 1 ? path : [...path, index], message);
  let isValid = true;
  const read = <T>(parse: (text: string) => T | string): T[] =>
    written.flatMap((text, index) => {
      const parsed = parse(text);
      if (typeof parsed !== 'string') return [parsed];
      isValid = false;
      problem(index, parsed);
      return [];
    });
  const plan = ((): ConditionPlan => {
    switch (operator.test) {
      case 'text': {
        const { isAnyCase, hasWildcards } = operator;
        const values = read((text) => {
          const pattern = readPattern(text, { hasWildcards, hasVariables: true });
          return pattern.ok ? { pattern: isAnyCase ? inLowerCase(pattern.value) : pattern.value } : pattern.error;
        });
        return { ...frame, test: 'text', isAnyCase, values: values.map(({ pattern }) => pattern) };
      }
      case 'address': {
        const packer = new AddressPacker();
        read((text) => packer.add(text) || 'is no IP address or CIDR block');
        return { ...frame, test: 'address', set: packer.pack() };
      }
      case 'number':
        return { ...frame, test: 'number', compare: operator.compare, values: read(numberOf) };
      case 'date':
        return { ...frame, test: 'date', compare: operator.compare, values: read(dateOf) };
      case 'flag':
      case 'null':
        return { ...frame, test: operator.test, values: read(flagOf) };
    }
  })();
  return isValid ? [plan] : [];
}

function numberOf(text: string): number | string {
  return /^-?[0-9]{1,15}(?:\.[0-9]{1,9})?$/.test(text) ? Number(text) : 'is no number';
}

function dateOf(text: string): number | string {
  const ms = readDate(text);
  return Number.isNaN(ms) ? 'is no date such as 2026-05-01 or 2026-05-01T08:00:00Z' : ms;
}

function flagOf(text: string): boolean | string {
  return text === 'true' || text === 'false' ? text === 'true' : 'is neither true nor false';
}

function inLowerCase(pattern: PatternPlan): PatternPlan {
  return pattern.map((part) => (typeof part === 'string' ? part.toLowerCase() : part));
}

function patternText(
  expected: string,
  charsMax: number,
  read: (text: string) => ReturnType<typeof readPattern>,
): z.ZodType<PatternPlan> {
  return scalar({
    expected,
    json: { type: 'string', minLength: 1, maxLength: charsMax },
    read: (value) => {
      const pattern = typeof value === 'string' && value !== '' ? read(value) : undefined;
      return pattern?.ok === true ? pattern.value : undefined;
    },
    explain: (value) => {
      const pattern = typeof value === 'string' && value !== '' ? read(value) : undefined;
      return pattern?.ok === false ? pattern.error : undefined;
    },
  });
}

/** One, or a list. */
function oneOrMore<T>(item: z.ZodType<T>, max: number): z.ZodType<readonly T[]> {
  return z.union([item.transform((one) => [one]), z.array(item).min(1).max(max)]);
}

/** A key as CAM and as IAM spell it. */
function bothCases<Name extends string, T extends z.ZodType>(
  name: Name,
  schema: T,
): Record<Name | Capitalize<Name>, T> {
  const capital = `${name.slice(0, 1).toUpperCase()}${name.slice(1)}` as Capitalize<Name>;
  return { [name]: schema, [capital]: schema } as Record<Name | Capitalize<Name>, T>;
}

/** @returns what stands under one of a key's two spellings; `expected` is said where it has to be there, and is not */
function onlyOne(written: Readonly<Record<string, unknown>>, context: z.RefinementCtx) {
  return <T>(name: string, expected?: string): T | undefined => {
    const capital = `${name.slice(0, 1).toUpperCase()}${name.slice(1)}`;
    const found = [name, capital].filter((key) => written[key] !== undefined);
    const [key] = found;
    if (key === undefined && expected !== undefined) {
      context.issues.push({ code: 'custom', input: undefined, path: [name], params: { expected } });
    }
    if (found.length > 1) {
      context.issues.push({
        code: 'custom',
        input: written,
        path: [capital],
        params: { message: `stands twice, as ${name} and ${capital}` },
      });
    }
    return key === undefined ? undefined : (written[key] as T);
  };
}
