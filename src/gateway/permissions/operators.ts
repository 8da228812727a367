// The operators of conditions, as IAM and CAM spell them: StringNotEquals, string_not_equal; ForAnyValue:StringLikeIfExists,
// for_any_value:string_like_if_exist.

import type { KeyKind } from './permission-keys.ts';
import type { Comparison, ConditionFrame } from './permission-plan.ts';

export type Operator = Omit<ConditionFrame, 'key'> &
  (
    | { readonly test: 'text'; readonly isAnyCase: boolean; readonly hasWildcards: boolean }
    | { readonly test: 'number' | 'date'; readonly compare: Comparison }
    | { readonly test: 'address' | 'flag' | 'null' }
  );

type Own =
  | Omit<Extract<Operator, { test: 'text' }>, keyof ConditionFrame>
  | Omit<Extract<Operator, { test: 'number' | 'date' }>, keyof ConditionFrame>
  | Omit<Extract<Operator, { test: 'address' | 'flag' | 'null' }>, keyof ConditionFrame>;

const equals: Own = { test: 'text', isAnyCase: false, hasWildcards: false };
const equalsAnyCase: Own = { test: 'text', isAnyCase: true, hasWildcards: false };
const like: Own = { test: 'text', isAnyCase: false, hasWildcards: true };

const operators: ReadonlyMap<string, { readonly own: Own; readonly isNegated: boolean }> = new Map([
  ['StringEquals', { own: equals, isNegated: false }],
  ['StringNotEquals', { own: equals, isNegated: true }],
  ['StringEqualsIgnoreCase', { own: equalsAnyCase, isNegated: false }],
  ['StringNotEqualsIgnoreCase', { own: equalsAnyCase, isNegated: true }],
  ['StringLike', { own: like, isNegated: false }],
  ['StringNotLike', { own: like, isNegated: true }],
  ['IpAddress', { own: { test: 'address' }, isNegated: false }],
  ['NotIpAddress', { own: { test: 'address' }, isNegated: true }],
  ...comparisons('Numeric', 'number'),
  ...comparisons('Date', 'date'),
  ['Bool', { own: { test: 'flag' }, isNegated: false }],
  ['Null', { own: { test: 'null' }, isNegated: false }],
]);

function comparisons(prefix: string, test: 'number' | 'date'): [string, { own: Own; isNegated: boolean }][] {
  return [
    [`${prefix}Equals`, { own: { test, compare: '=' }, isNegated: false }],
    [`${prefix}NotEquals`, { own: { test, compare: '=' }, isNegated: true }],
    [`${prefix}LessThan`, { own: { test, compare: '<' }, isNegated: false }],
    [`${prefix}LessThanEquals`, { own: { test, compare: '<=' }, isNegated: false }],
    [`${prefix}GreaterThan`, { own: { test, compare: '>' }, isNegated: false }],
    [`${prefix}GreaterThanEquals`, { own: { test, compare: '>=' }, isNegated: false }],
  ];
}

export const operatorNames: readonly string[] = [...operators.keys()];

// CAM's words where they are not IAM's with underscores and without the s.
const CAM_WORDS: readonly (readonly [written: string, name: string])[] = [
  ['ipequal', 'IpAddress'],
  ['ipnotequal', 'NotIpAddress'],
  ['boolequal', 'Bool'],
  ['nullequal', 'Null'],
];

const byPlainName = new Map<string, string>([
  ...operatorNames.flatMap((name): [string, string][] => {
    const plain = name.toLowerCase();
    return [
      [plain, name],
      [plain.replace('equals', 'equal'), name],
    ];
  }),
  ...CAM_WORDS,
]);

// Neither has more than one reading: no operator's own name begins or ends so.
const WRITTEN = /^(?:(foranyvalue|forallvalues?):)?([a-z]{1,40}?)(ifexists?)?$/;

/** @returns undefined when there is no such operator */
export function readOperator(written: string): Operator | undefined {
  const [, quantifier, plain = '', ifExists] = WRITTEN.exec(written.toLowerCase().replaceAll('_', '')) ?? [];
  const operator = operators.get(byPlainName.get(plain) ?? '');
  if (operator === undefined) return undefined;
  // It asks whether the key is there.
  if (operator.own.test === 'null' && (ifExists !== undefined || quantifier !== undefined)) return undefined;
  return {
    ...operator.own,
    isNegated: operator.isNegated,
    isIfExists: ifExists !== undefined,
    over: quantifier === undefined ? 'one' : quantifier === 'foranyvalue' ? 'any' : 'all',
  };
}

/** @returns what is wrong with asking a key of this kind so, or undefined */
export function misfit({ test, over }: Operator, kind: KeyKind): string | undefined {
  if (test === 'null') return undefined;
  const isFit: Readonly<Record<KeyKind, boolean>> = {
    text: test === 'text',
    list: test === 'text',
    address: test === 'address',
    time: test === 'date',
    flag: test === 'flag',
    claim: test !== 'address',
  };
  if (!isFit[kind]) return `does not go with this operator: ${FITTING[kind]}`;
  if (kind === 'list' && over === 'one')
    return 'has several values: put ForAnyValue: or ForAllValues: before the operator';
  return undefined;
}

const FITTING: Readonly<Record<KeyKind, string>> = {
  text: 'it is a text, for the operators that begin with String',
  list: 'it is a list of texts, for the operators that begin with String',
  address: 'it is an address, for IpAddress and NotIpAddress',
  time: 'it is a time, for the operators that begin with Date',
  flag: 'it is true or false, for Bool',
  claim: 'a claim is a text, which may be a number, a date, true or false',
};
