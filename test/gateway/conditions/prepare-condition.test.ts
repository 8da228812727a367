import fc from 'fast-check';
import t from 'tap';
import { parseCondition } from '../../../src/gateway/conditions/parse-condition.ts';
import { prepareCondition, type Random } from '../../../src/gateway/conditions/prepare-condition.ts';
import type { Exchange } from '../../../src/gateway/pipeline/exchange.ts';
import { bareExchange, callerNamed } from '../../support/bare-exchange.ts';

function holds(text: string, x: Exchange, random?: Random): boolean {
  const parsed = parseCondition(text);
  if (!parsed.ok) throw new Error(`${text}: ${parsed.error}`);
  return prepareCondition(parsed.value, random).holds(x);
}

const x = bareExchange({
  method: 'GET',
  host: 'shop.example',
  path: '/v1/users/%40me',
  query:
    '?level=5&neg=-0.50&id=10&name=b%C3%A9a+c&bad=%zz&empty=&bare&yes=true&no=false&YES=True&a%5Bb%5D=7&level=9&exp=1e1',
  headers: [
    'x-beta',
    '1',
    'x-beta',
    '2',
    'x-empty',
    '',
    'user-agent',
    'curl/8',
    'cookie',
    'a=1; sid="x y";b=2',
    'cookie',
    'late=3',
  ],
  consumer: callerNamed('alice'),
  clientAddress: '192.0.2.1',
  scheme: 'https',
});

function check(t: Pick<typeof import('tap').t, 'equal'>, expected: Readonly<Record<string, boolean>>): void {
  for (const [text, is] of Object.entries(expected)) t.equal(holds(text, x), is, text);
}

t.test('a parameter is what the request says, of several values the first', async (t) => {
  check(t, {
    "header.X-Beta = '1'": true,
    "header.x-beta = '2'": false,
    "query.level = '5'": true,
    "query.name = 'béa c'": true,
    "query.bad = '%zz'": true,
    "query.'a[b]' = 7": true,
    "query.Level = '5'": false,
    "cookie.a = '1'": true,
    "cookie.sid = 'x y'": true,
    "cookie.b = '2'": true,
    "cookie.late = '3'": true,
    "cookie.id = 'x y'": false,
    "method = 'get'": true,
    "host = 'Shop.Example'": true,
    "path = '/v1/users/@me'": true,
    "consumer = 'alice'": true,
    "sysparam.clientIp = '192.0.2.1'": true,
    "sys.httpScheme = 'https'": true,
    "sysparam.clientUa = 'curl/8'": true,
  });
});

t.test('what the request does not have makes every comparison false', async (t) => {
  for (const operator of ['=', '!=', '<', '<=', '>', '>=']) {
    for (const other of ["'a'", '1', 'query.level', 'Random()']) {
      t.notOk(holds(`header.x-none ${operator} ${other}`, x), `${operator} ${other}`);
      t.notOk(holds(`${other} ${operator} header.x-none`, x), `${other} ${operator}`);
    }
  }
  check(t, {
    'header.x-none = true': false,
    'header.x-none != true': false,
    "regex(header.x-none, '')": false,
    'exists(header.x-none)': false,
    'not exists(header.x-none)': true,
    "not header.x-none = '1'": true,
  });
});

t.test('exists asks whether it is there, with a value or without', async (t) => {
  check(t, {
    'exists(header.x-empty)': true,
    'exists(query.empty)': true,
    'exists(query.bare)': true,
    "query.bare = ''": true,
    'exists(query.lev)': false,
    'exists(query.levels)': false,
    'exists(cookie.sid)': true,
    'exists(cookie.si)': false,
    'exists(consumer)': true,
  });
});

t.test('beside a number, a text is read as one; what is none cannot be compared', async (t) => {
  check(t, {
    'query.level = 5': true,
    'query.level = 5.0': true,
    'query.level > 3': true,
    'query.level < 10': true,
    '10 > query.level': true,
    'query.level != 5': false,
    'query.level != 6': true,
    'query.neg = -0.5': true,
    'query.neg < 0': true,
    'query.name = 0': false,
    'query.name != 0': false,
    'query.name < 1': false,
    'query.empty = 0': false,
    'query.exp = 10': false,
    'query.id > query.level': false,
  });
});

t.test('beside a text, texts are compared character by character', async (t) => {
  check(t, {
    "query.level = '5.0'": false,
    "query.id < '5'": true,
    "query.id > '5'": false,
    "query.id >= '10'": true,
    "query.id <= '1'": false,
    "query.level != '5'": false,
    'query.level = header.x-beta': false,
    'query.level > header.x-beta': true,
  });
});

t.test('true and false are these words and no others', async (t) => {
  check(t, {
    'query.yes = true': true,
    'query.yes != true': false,
    'query.yes = false': false,
    'query.no = false': true,
    'query.no != true': true,
    'query.YES = true': false,
    'query.YES != true': false,
    'query.level != false': false,
    'true = query.yes': true,
  });
});

t.test('a regular expression matches a part of the value', async (t) => {
  check(t, {
    "regex(path, '^/v[0-9]+/')": true,
    "regex(path, '/v2/')": false,
    "regex(header.user-agent, '^curl/')": true,
    "regex(query.name, 'é')": true,
  });
});

t.test('Random() is drawn anew each time', async (t) => {
  const lots = [0, 0.1, 0.5, 0.999];
  const random = () => lots.shift() as number;
  const parsed = parseCondition('Random() < 0.5');
  if (!parsed.ok) throw new Error(parsed.error);
  const condition = prepareCondition(parsed.value, random);
  t.same(
    [1, 2, 3, 4].map(() => condition.holds(x)),
    [true, true, false, false],
  );
});

type Word = 'T' | 'F' | 'and' | 'or' | 'not' | '(' | ')';

/** From the innermost parentheses outwards, by splitting. */
function naive(words: readonly Word[]): boolean {
  let text = ` ${words.join(' ')} `;
  for (let inner = /\(([^()]*)\)/.exec(text); inner !== null; inner = /\(([^()]*)\)/.exec(text)) {
    text = text.replace(inner[0], flat(inner[1] ?? '') ? 'T' : 'F');
  }
  return flat(text);
}

function flat(text: string): boolean {
  return text.split(' or ').some((choice) =>
    choice.split(' and ').every((each) => {
      const nots = each.match(/not/g)?.length ?? 0;
      return each.includes('T') === (nots % 2 === 0);
    }),
  );
}

t.test('words between conditions bind as a naive evaluator has it', async (t) => {
  const { words } = fc.letrec<{ words: Word[]; one: Word[] }>((tie) => ({
    words: fc
      .tuple(tie('one'), fc.array(fc.tuple(fc.constantFrom<Word>('and', 'or'), tie('one')), { maxLength: 4 }))
      .map(([first, more]) => [...first, ...more.flatMap(([word, part]) => [word, ...part])]),
    one: fc.oneof(
      { maxDepth: 3, withCrossShrink: true },
      fc.constantFrom<Word[]>(['T'], ['F']),
      tie('one').map((part): Word[] => ['not', ...part]),
      tie('words').map((part): Word[] => ['(', ...part, ')']),
    ),
  }));
  const written: Partial<Record<Word, string>> = { T: 'query.level = 5', F: 'query.level = 6' };
  let sizes = 0;
  const law = fc.property(words, (each) => {
    const text = each.map((word) => written[word] ?? word).join(' ');
    const parsed = parseCondition(text);
    // Some are larger than conditions may be.
    if (!parsed.ok) return /more than/.test(parsed.error);
    sizes += each.length > 5 ? 1 : 0;
    return prepareCondition(parsed.value).holds(x) === naive(each);
  });
  fc.assert(law, { numRuns: 500 });
  t.ok(sizes > 50);
});

t.test('whatever a request holds, a condition has an answer', async (t) => {
  const conditions = [
    "query.a = 'b'",
    'query.a > 1',
    'cookie.a = true',
    'exists(query.a)',
    "regex(query.a, 'a')",
    "path < '/'",
  ];
  const law = fc.property(fc.constantFrom(...conditions), fc.string({ unit: 'binary' }), (text, anything) => {
    const any = bareExchange({
      query: `?${anything}&a=${anything}`,
      path: `/${anything}`,
      headers: ['cookie', anything],
    });
    return typeof holds(text, any) === 'boolean';
  });
  t.doesNotThrow(() => fc.assert(law, { numRuns: 300 }));
});
