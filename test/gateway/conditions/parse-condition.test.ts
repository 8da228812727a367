import fc from 'fast-check';
import t from 'tap';
import type { Comparison, Condition, Operand, Parameter } from '../../../src/gateway/conditions/condition.ts';
import {
  CONDITION_CHARS_MAX,
  CONDITION_DEPTH_MAX,
  CONDITION_NODES_MAX,
  parseCondition,
} from '../../../src/gateway/conditions/parse-condition.ts';
import { printCondition } from './print-condition.ts';

function parse(text: string): Condition {
  const parsed = parseCondition(text);
  if (!parsed.ok) throw new Error(`${text}: ${parsed.error}`);
  return parsed.value;
}

function problemOf(text: string): string {
  const parsed = parseCondition(text);
  return parsed.ok ? '' : parsed.error;
}

const name = fc.string({
  unit: fc.constantFrom('a', 'b', '1', '_', '-', '.', '[', ' ', "'", '"', 'é'),
  minLength: 1,
  maxLength: 5,
});
const parameter: fc.Arbitrary<Parameter> = fc.oneof(
  fc.record({ kind: fc.constantFrom('header', 'query', 'cookie'), name }),
  fc.record({ kind: fc.constantFrom('method', 'host', 'consumer', 'clientIp', 'httpScheme', 'clientUa') }),
);
const number = fc
  .oneof(
    fc.integer({ min: -1e9, max: 1e9 }),
    fc.integer({ min: -1e6, max: 1e6 }).map((n) => n / 1_000),
  )
  .map((n) => n + 0);
const operator = fc.constantFrom('=' as const, '!=' as const, '<' as const, '<=' as const, '>' as const, '>=' as const);
// Without capitals, which hosts and methods lose or gain.
const literalText = fc.string({ unit: fc.constantFrom('0', '1', "'", '"', '\\', ' ', '/'), maxLength: 5 });

function compare(
  left: fc.Arbitrary<Operand>,
  right: fc.Arbitrary<Operand>,
  operators: fc.Arbitrary<Comparison['operator']> = operator,
) {
  return fc.record({ kind: fc.constant('compare' as const), operator: operators, left, right });
}
const literals = {
  text: literalText.map((text): Operand => ({ kind: 'text', text })),
  number: number.map((value): Operand => ({ kind: 'number', number: value })),
  boolean: fc.boolean().map((is): Operand => ({ kind: 'boolean', is })),
  random: fc.constant<Operand>({ kind: 'random' }),
};
const leaf: fc.Arbitrary<Condition> = fc.oneof(
  compare(parameter, fc.oneof(parameter, literals.text, literals.number, literals.random)),
  compare(fc.oneof(literals.text, literals.number, literals.random), parameter),
  compare(literals.random, literals.number),
  compare(parameter, literals.boolean, fc.constantFrom('=', '!=')),
  compare(
    fc.constant({ kind: 'path' }),
    fc.constantFrom<Operand>({ kind: 'text', text: '/a' }, { kind: 'number', number: 1 }),
  ),
  fc.record({ kind: fc.constant('exists' as const), parameter }),
  fc.record({ kind: fc.constant('regex' as const), parameter, pattern: fc.constantFrom('', '^/v\\d+', "it's", 'a|b') }),
);
const { condition } = fc.letrec<{ condition: Condition }>((tie) => ({
  condition: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    leaf,
    fc.record({
      kind: fc.constantFrom('and' as const, 'or' as const),
      conditions: fc.array(tie('condition'), { minLength: 2, maxLength: 3 }),
    }),
    fc.record({ kind: fc.constant('not' as const), condition: tie('condition') }),
  ),
}));

t.test('a condition that is printed is read as it was', async (t) => {
  const law = fc.property(condition, (each) => {
    t.same(parse(printCondition(each)), each);
  });
  fc.assert(law, { numRuns: 200 });
});

t.test('and goes before or, not before both, whatever stands in the same line', async (t) => {
  t.same(
    parse('query.a=1 or query.b=2 and not query.c=3'),
    parse('(query.a=1) or ((query.b=2) and (not (query.c=3)))'),
  );
  t.match(parse('query.a=1 and query.b=2 and query.c=3'), { kind: 'and', conditions: { length: 3 } });
  t.match(parse('query.age<30 and query.need_verify=false or query.level>3'), {
    kind: 'or',
    conditions: [{ kind: 'and' }, { left: { name: 'level' } }],
  });
});

t.test('positions, words and functions are read in any case, names as they are but for headers', async (t) => {
  const whole = parse("HEADER.X-Beta = '1' AND Query.Id > 2 Or SysParam.clientIp = '::1' and NOT EXISTS(Cookie.Sid)");
  t.same(whole, parse("header.x-beta == '1' and query.Id > 2 or sys.clientIp = '::1' and not exists(cookie.Sid)"));
  t.not(JSON.stringify(parse('exists(query.Id)')), JSON.stringify(parse('exists(query.id)')));
  t.same(parse('random() < 0.1 or REGEX(path, "^/v1")'), parse("Random() < 0.1 or regex(path, '^/v1')"));
});

t.test('texts stand in either quotes, which are doubled within; a backslash is one', async (t) => {
  const textOf = (quoted: string) => ((parse(`query.a = ${quoted}`) as Comparison).right as { text: string }).text;
  t.equal(textOf(`'it''s "so"'`), `it's "so"`);
  t.equal(textOf(`"say ""it's"""`), `say "it's"`);
  t.equal(textOf("'a\\n\\'"), 'a\\n\\');
  t.equal(textOf("''"), '');
});

t.test('a name that is no plain word stands in quotes', async (t) => {
  t.same(parse("query.'filter[name]' = 'a'"), parse(`query."filter[name]" = 'a'`));
  t.match(parse("exists(header.'X Y')"), { parameter: { kind: 'header', name: 'x y' } });
});

t.test('a host is compared in lower case, a method in upper case', async (t) => {
  t.same(parse("host = 'Shop.Example'"), parse("host = 'shop.example'"));
  t.same(parse("'get' = method"), parse("'GET' = method"));
});

t.test('a mistake is told with its column, what was expected and what was found', async (t) => {
  const OPERATOR = 'one of =, !=, <, <=, >, >=';
  const problems: Readonly<Record<string, string | RegExp>> = {
    '': 'column 1: expected a comparison, not, exists(…), regex(…) or (; found the end',
    'query.a': `column 8: expected ${OPERATOR}; found the end`,
    'query.a = ':
      /^column 11: expected a parameter \(header\.NAME, .*\), a text in quotes, a number, .*; found the end$/,
    'query.a => 1': /^column 10: expected a parameter .*; found ">"$/,
    'query.a = 1 query.b = 2': 'column 13: expected and, or, or the end; found "query.b"',
    '(query.a = 1': 'column 13: expected and, or, or ); found the end',
    'query.a = 1)': 'column 12: expected and, or, or the end; found ")"',
    "query.a = 'b": /^column 11: expected a parameter .*; found "'"$/,
    'body.a = 1': /^column 1: expected a parameter .*; found "body\.a"$/,
    'query. = 1': 'column 8: expected a name, in quotes when it is more than letters, digits, _, - and .; found "="',
    'path.x = 1': /^column 1: expected a parameter .*; found "path\.x"$/,
    'header = 1': /^column 1: expected a parameter .*; found "header"$/,
    "sysparam.clientip = '1'":
      'column 1: expected sysparam.clientIp, sysparam.httpScheme, sysparam.clientUa; found "sysparam.clientip"',
    'exists(query.a': 'column 15: expected ); found the end',
    'exists(1)': /^column 8: expected header\.NAME, .*; found "1"$/,
    'regex(query.a)': 'column 14: expected ,; found ")"',
    'regex(query.a, b)': 'column 16: expected a regular expression in quotes; found "b"',
    "query.a = 1 and regex(path, '(a')":
      'column 29: this regular expression cannot be used: at its character 1: this ( is not closed',
    'query.a = 1234567890123456': 'column 11: expected a number of at most 15 digits; found "1234567890123456"',
    'query.a = 1.': /^column 11: expected a parameter/,
    'query.a = 1e3': /^column 11: expected a parameter/,
    '1 = 1': 'column 1: two constants are compared: one of them has to be a parameter or Random()',
    "query.a = 1 or 'a' = 'a'": 'column 16: two constants are compared: one of them has to be a parameter or Random()',
    "Random() < '1'": 'column 1: Random() is a number from 0 up to 1, and is compared with numbers',
    'query.a < true': 'column 1: true and false are compared with = and != only',
    "path = 'orders'": 'column 1: a path begins with /',
    'query.a = 1 ; query.b = 1': 'column 13: expected and, or, or the end; found ";"',
  };
  for (const [text, problem] of Object.entries(problems)) {
    if (typeof problem === 'string') t.equal(problemOf(text), problem, text);
    else t.match(problemOf(text), problem, text);
  }
});

t.test('length, depth and size are bounded', async (t) => {
  const nest = (depth: number) => `${'('.repeat(depth)}query.a=1${')'.repeat(depth)}`;
  t.equal(problemOf(nest(CONDITION_DEPTH_MAX - 1)), '');
  t.match(problemOf(nest(CONDITION_DEPTH_MAX)), /^column 33: more than 32 parentheses and nots within each other$/);
  t.match(problemOf(`${'not '.repeat(500)}query.a=1`), /more than 32/);
  const join = (count: number) => Array(count).fill('query.a=1').join(' or ');
  t.equal(problemOf(join(CONDITION_NODES_MAX - 1)), '');
  t.match(problemOf(join(CONDITION_NODES_MAX)), /more than 128 comparisons/);
  t.equal(problemOf(`query.a='${'b'.repeat(CONDITION_CHARS_MAX)}'`), 'has more than 2048 characters');
});

t.test('whatever the text, it is a condition or has a problem', async (t) => {
  const word = fc.constantFrom(
    'query.a',
    'header.',
    'and',
    'or',
    'not',
    '(',
    ')',
    '=',
    '<',
    "'",
    "'a'",
    '1',
    'exists(',
    'regex(',
    ',',
    '😀',
    '\n',
  );
  const law = fc.property(
    fc.oneof(
      fc.string(),
      fc.array(word).map((words) => words.join(' ')),
    ),
    (text) => {
      const parsed = parseCondition(text);
      return parsed.ok || /^(?:column \d+: .|has more)/.test(parsed.error);
    },
  );
  t.doesNotThrow(() => fc.assert(law, { numRuns: 500 }));
});
