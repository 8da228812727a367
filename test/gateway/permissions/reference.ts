// What documents say, read off their text as slowly and plainly as possible: nothing here is shared with the engine.

import { BlockList } from 'node:net';

export interface Written {
  readonly effect: 'allow' | 'deny';
  readonly action: readonly string[];
  readonly resource: readonly string[];
  readonly condition?: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;
}

export type Context = Readonly<Record<string, string | number | readonly string[]>>;

/** By recursion over both texts. */
export function naiveMatch(pattern: string, text: string): boolean {
  if (pattern === '') return text === '';
  const rest = pattern.slice(1);
  if (pattern.startsWith('*')) return naiveMatch(rest, text) || (text !== '' && naiveMatch(pattern, text.slice(1)));
  return text !== '' && (pattern.startsWith('?') || pattern[0] === text[0]) && naiveMatch(rest, text.slice(1));
}

/** Deny wins, and nothing is allowed that nobody allows. */
export function naiveDecide(
  documents: readonly (readonly Written[])[],
  action: string,
  resource: string,
  context: Context,
): boolean {
  const effects = new Set(
    documents
      .flat()
      .filter((statement) => naiveApplies(statement, action, resource, context))
      .map(({ effect }) => effect),
  );
  return effects.has('allow') && !effects.has('deny');
}

function naiveApplies(statement: Written, action: string, resource: string, context: Context): boolean {
  const isAction = statement.action.some((pattern) => naiveMatch(pattern.toLowerCase(), action.toLowerCase()));
  const isResource = statement.resource.some((pattern) => {
    const filled = fill(pattern, context);
    return filled !== undefined && naiveMatch(filled, plain(resource));
  });
  if (!isAction || !isResource) return false;
  return Object.entries(statement.condition ?? {}).every(([operator, keys]) =>
    Object.entries(keys).every(([key, values]) => naiveHolds(operator, context[key], values, context)),
  );
}

// Characters of a variable's text that look like wildcards are written as ones that stand for themselves.
const PLAIN: Readonly<Record<string, string>> = { '*': '\ue000', '?': '\ue001' };

function plain(text: string): string {
  return text.replace(/[*?]/g, (char) => PLAIN[char] as string);
}

function fill(pattern: string, context: Context): string | undefined {
  let isMissing = false;
  const filled = pattern.replace(/\$\{(.*?)\}/g, (_, key: string) => {
    const value = context[key];
    if (typeof value === 'string') return plain(value);
    isMissing = true;
    return '';
  });
  return isMissing ? undefined : filled;
}

function naiveHolds(
  operator: string,
  asked: Context[string] | undefined,
  values: readonly string[],
  context: Context,
): boolean {
  const [, quantifier, base = '', ifExists] = /^(ForAnyValue:|ForAllValues:)?(.*?)(IfExists)?$/.exec(operator) ?? [];
  const has = asked !== undefined && !(Array.isArray(asked) && asked.length === 0);
  if (base === 'Null') return values.includes(String(!has));
  const isNegated = base.includes('Not');
  if (!has) return ifExists !== undefined || quantifier === 'ForAllValues:' || (quantifier === undefined && isNegated);
  const holds = (value: string): boolean => {
    const known = values.map((each) => fill(each, context));
    const found = known.some((each) => each !== undefined && naiveIs(base.replace('Not', ''), value, each));
    return isNegated ? !found && !known.includes(undefined) : found;
  };
  const list = [asked].flat().map(String);
  return quantifier === 'ForAnyValue:' ? list.some(holds) : list.every(holds);
}

function naiveIs(base: string, value: string, wanted: string): boolean {
  switch (base) {
    case 'StringEquals':
      return plain(value) === plain(wanted);
    case 'StringLike':
      return naiveMatch(wanted, plain(value));
    case 'IpAddress': {
      const blocks = new BlockList();
      const [address = '', bits = '32'] = wanted.split('/');
      blocks.addSubnet(address, Number(bits));
      return blocks.check(value);
    }
    case 'NumericLessThan':
      return Number(value) < Number(wanted);
    case 'DateGreaterThan':
      return Number(value) > Date.parse(wanted);
    default:
      throw new Error(`the reference knows no ${base}`);
  }
}
