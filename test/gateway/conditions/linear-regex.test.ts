import fc from 'fast-check';
import t from 'tap';
import { LinearRegex, REGEX_TEXT_CHARS_MAX } from '../../../src/gateway/conditions/regex/linear-regex.ts';

function regexOf(pattern: string): LinearRegex {
  const parsed = LinearRegex.parse(pattern);
  if (!parsed.ok) throw new Error(`${pattern} ${parsed.error}`);
  return parsed.value;
}

function problemOf(pattern: string): string {
  const parsed = LinearRegex.parse(pattern);
  return parsed.ok ? '' : parsed.error;
}

// Few characters, so that texts and patterns meet.
const atom = fc.constantFrom(
  ...['a', 'b', '0', '_', ' ', '-', '.', '\\d', '\\D', '\\w', '\\W', '\\s', '\\S', '\\.', '\\/', '\\x61', '\\u0062'],
  ...['[ab]', '[^ab]', '[a-c]', '[^\\d]', '[\\w-]', '[-a]'],
  ...['é', '\\xe9', '[à-ü]', '\\n', '\u2028'],
);
const assertion = fc.constantFrom('^', '$', '\\b', '\\B');
const bounds = fc.constantFrom('*', '+', '?', '*?', '+?', '??', '{2}', '{0}', '{1,}', '{0,2}', '{1,3}?');
const { pattern } = fc.letrec<{ pattern: string; part: string }>((tie) => ({
  pattern: fc
    .array(fc.array(tie('part'), { maxLength: 3 }), { minLength: 1, maxLength: 3 })
    .map((choices) => choices.map((parts) => parts.join('')).join('|')),
  part: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    atom,
    assertion,
    fc.tuple(atom, bounds).map((pair) => pair.join('')),
    fc
      .tuple(fc.constantFrom('(', '(?:'), tie('pattern'), fc.oneof(fc.constant(''), bounds))
      .map(([open, inner, times]) => `${open}${inner})${times}`),
  ),
}));
const text = fc.string({
  unit: fc.constantFrom('a', 'b', 'c', '0', '_', ' ', '-', '.', '/', 'é', '\n', '\u2028', 'ā'),
});

t.test('what is taken matches what JavaScript says it does', async (t) => {
  let taken = 0;
  const law = fc.property(pattern, fc.array(text, { minLength: 1, maxLength: 6 }), (source, texts) => {
    const parsed = LinearRegex.parse(source);
    if (!parsed.ok) return true;
    taken++;
    const own = new RegExp(source);
    return texts.every((each) => parsed.value.test(each) === own.test(each));
  });
  fc.assert(law, { numRuns: 1_500 });
  t.ok(taken > 1_000, `${taken} patterns`);
});

t.test('an expression can be asked again and again', async (t) => {
  const regex = regexOf('^(?:a|ab)(?:c|bcd)*$');
  for (const [each, is] of Object.entries({
    a: true,
    abcd: true,
    abcbcdc: true,
    ab: true,
    b: false,
    abb: false,
    '': false,
  })) {
    for (let times = 0; times < 2; times++) t.equal(regex.test(each), is, each);
  }
});

t.test('it goes on as before when the count of places starts again', async (t) => {
  const parsed = LinearRegex.parse('^a?b$', 0);
  if (!parsed.ok) throw new Error(parsed.error);
  for (let times = 0; times < 10; times++) {
    t.same(
      ['ab', 'b', 'a', 'aab'].map((each) => parsed.value.test(each)),
      [true, true, false, false],
    );
  }
});

t.test('what takes a backtracking matcher longer than anybody waits takes none', async (t) => {
  const long = `${'a'.repeat(REGEX_TEXT_CHARS_MAX - 1)}b`;
  for (const evil of ['^(a+)+$', '^(a|aa)+$', '^(a|a)*$', '(.*a){12}$', '^(?:(?:a*)*)*$']) {
    t.notOk(regexOf(evil).test(long.replace(/b$/, '!')), evil);
  }
  t.ok(regexOf('^(a+)+b$').test(long));
});

t.test('a text that is longer than 4,096 characters matches nothing', async (t) => {
  t.ok(regexOf('a*').test('a'.repeat(REGEX_TEXT_CHARS_MAX)));
  t.notOk(regexOf('a*').test('a'.repeat(REGEX_TEXT_CHARS_MAX + 1)));
});

t.test('what cannot be matched in linear time, or means nothing, is refused with its place', async (t) => {
  const problems: Readonly<Record<string, string>> = {
    'a(?=b)': 'at its character 2: looking ahead or behind cannot be matched in linear time',
    '(?<!b)a': 'at its character 1: looking ahead or behind cannot be matched in linear time',
    '(?<n>a)': 'at its character 1: a group begins with ( or (?:',
    '(a)\\1': 'at its character 4: a reference back cannot be matched in linear time',
    'a**': 'at its character 3: * repeats nothing',
    '+a': 'at its character 1: + repeats nothing',
    '^*': 'at its character 2: an assertion cannot be repeated',
    '(a': 'at its character 1: this ( is not closed',
    'a)': 'at its character 2: this ) closes nothing',
    '[a': 'at its character 1: this [ is not closed',
    '[]': 'at its character 1: this [ ] is empty',
    '[b-a]': 'at its character 2: this range is not one from a lower to a higher character',
    '[\\d-z]': 'at its character 2: this range is not one from a lower to a higher character',
    'a{': 'at its character 2: { needs a count, or \\ before it',
    'a{3,2}': 'at its character 2: the bounds of { } are in the wrong order',
    'a{256}': 'at its character 2: more than 255 repetitions',
    'a}': 'at its character 2: } needs \\ before it',
    '\\q': 'at its character 1: \\q has no meaning here',
    'a\\': 'at its character 2: \\ has no meaning here',
    '[\\b]': 'at its character 2: \\b has no meaning here',
    '😀': 'has a character beyond U+FFFF',
    ['a'.repeat(257)]: 'has more than 256 characters',
  };
  for (const [source, problem] of Object.entries(problems)) t.equal(problemOf(source), problem, source);
  const large = /^is too large: repetitions written out/;
  for (const source of ['(?:a{255}){3}', '(?:(?:(?:){255}){255}){255}', '(?:(?:(?:a{200}){200}){200}){200}']) {
    t.match(problemOf(source), large, source);
  }
  t.equal(problemOf('a{255}'), '');
  t.match(problemOf('a{255}b'), large);
});
