import fc from 'fast-check';
import t from 'tap';
import { ADMIT, errors } from '../../../src/gateway/pipeline/errors.ts';
import { compileTrie, type TrieRoute } from '../../../src/gateway/router/compile-trie.ts';
import { RouteMatch, RouteMatcher } from '../../../src/gateway/router/match-route.ts';
import { allowHeader, methodIndex } from '../../../src/gateway/router/methods.ts';
import { HASH_SEED, hashWord } from '../../../src/shm/trie-layout.ts';
import { type Answer, matchNaively, shapeOf } from './naive-matcher.ts';

/** 'GET /orders/{id}' or 'shop.example GET /orders/{id}' */
function routesOf(lines: readonly string[]): TrieRoute[] {
  return lines.map((line, routeIndex) => {
    const [path = '', method = '', ...hosts] = line.split(' ').reverse();
    return { hosts, method, path, routeIndex, name: `test.${routeIndex}` };
  });
}

function wordsOf(routes: readonly TrieRoute[]): Int32Array {
  const compiled = compileTrie(routes);
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.error));
  return compiled.value.words;
}

function answerOf(matcher: RouteMatcher, host: string, path: string, method: string, out = new RouteMatch()): Answer {
  const verdict = matcher.match(host, path, methodIndex(method), out);
  const expected = out.route >= 0 ? ADMIT : out.allowMask === 0 ? errors.NO_ROUTE.id : errors.METHOD_NOT_ALLOWED.id;
  if (verdict !== expected) throw new Error(`verdict ${verdict} with route ${out.route}, methods ${out.allowMask}`);
  return {
    route: out.route,
    params: Array.from({ length: out.paramCount }, (_, i) => path.slice(out.paramStarts[i], out.paramEnds[i])),
    allow: allowHeader(out.allowMask).split(', ').filter(Boolean),
  };
}

/** Finds by 'METHOD /path' or 'host METHOD /path', and says what was found: '3 a,b', '-1', '405 GET, HEAD'. */
function finder(lines: readonly string[]): (line: string) => string {
  const matcher = new RouteMatcher(wordsOf(routesOf(lines)));
  return (line) => {
    const [path = '', method = '', host = ''] = line.split(' ').reverse();
    const { route, params, allow } = answerOf(matcher, host, path, method);
    if (allow.length > 0) return `405 ${allow.join(', ')}`;
    return [String(route), ...params].join(' ');
  };
}

t.test('a literal segment comes before a parameter, a parameter before the rest', async (t) => {
  const find = finder(['GET /a/{rest*}', 'GET /a/{id}', 'GET /a/me', 'GET /{x}/me']);
  t.equal(find('GET /a/me'), '2');
  t.equal(find('GET /a/you'), '1 you');
  t.equal(find('GET /a/you/too'), '0 you/too');
  t.equal(find('GET /b/me'), '3 b');
  t.equal(find('GET /b/you'), '-1');
  t.equal(find('GET /'), '-1');
});

t.test('the leftmost difference decides, and a dead end is left for the next best', async (t) => {
  const find = finder(['GET /{a}/b/c', 'GET /a/{b}/d', 'GET /a/b/{c}/e', 'GET /{rest*}']);
  t.equal(find('GET /a/b/c'), '0 a');
  t.equal(find('GET /a/b/d'), '1 b');
  t.equal(find('GET /a/b/x/e'), '2 x');
  t.equal(find('GET /a/b/x/f'), '3 a/b/x/f');
});

t.test('a parameter takes one segment that is not empty', async (t) => {
  const find = finder(['GET /a/{id}', 'GET /a/{id}/', 'GET /a/{id}/b/{sub}']);
  t.equal(find('GET /a/'), '-1');
  t.equal(find('GET /a/1'), '0 1');
  t.equal(find('GET /a/1/'), '1 1');
  t.equal(find('GET /a/1/b/%2F'), '2 1 %2F');
  t.equal(find('GET /a/1/b/'), '-1');
});

t.test('the rest may be empty, but needs its slash', async (t) => {
  const find = finder(['GET /files/{p*}', 'GET /v/{name}/{p*}']);
  t.equal(find('GET /files'), '-1');
  t.equal(find('GET /files/'), '0 ');
  t.equal(find('GET /files/a'), '0 a');
  t.equal(find('GET /files/a/b/'), '0 a/b/');
  t.equal(find('GET /v/x/'), '1 x ');
  t.equal(find('GET /v/x'), '-1');
  t.equal(finder(['GET /{p*}'])('GET /'), '0 ');
});

t.test('a slash at the end counts', async (t) => {
  const find = finder(['GET /', 'GET /a', 'GET /b/', 'GET /b/{p*}']);
  t.equal(find('GET /'), '0');
  t.equal(find('GET /a'), '1');
  t.equal(find('GET /a/'), '-1');
  t.equal(find('GET /b'), '-1');
  t.equal(find('GET /b/'), '2');
});

t.test('a pattern may spell its characters in any way, and is matched in the normal form', async (t) => {
  const find = finder(['GET /%7Ejoe//caf%c3%a9', 'GET /a%2fb']);
  t.equal(find('GET /~joe/caf%C3%A9'), '0');
  t.equal(find('GET /a%2Fb'), '1');
  t.equal(find('GET /a/b'), '-1');
});

t.test('a method is answered by its own route, HEAD by that for GET, any by ANY', async (t) => {
  const find = finder(['GET /a', 'ANY /a', 'POST /a', 'GET /b', 'HEAD /b', 'ANY /c']);
  t.equal(find('GET /a'), '0');
  t.equal(find('HEAD /a'), '0');
  t.equal(find('POST /a'), '2');
  t.equal(find('SEARCH /a'), '1');
  t.equal(find('HEAD /b'), '4');
  t.equal(find('HEAD /c'), '5');
});

t.test('a path without the method leaves the request to a later route that has it', async (t) => {
  const find = finder(['POST /a/me', 'GET /a/{id}', 'DELETE /{rest*}', 'GET /x', 'HEAD /{y}']);
  t.equal(find('POST /a/me'), '0');
  t.equal(find('GET /a/me'), '1 me');
  t.equal(find('DELETE /a/me'), '2 a/me');
  t.equal(find('HEAD /x'), '3', 'GET of the better pattern answers HEAD before HEAD of a worse one');
});

t.test('a 405 allows what any route of that path allows', async (t) => {
  const find = finder(['POST /a/me', 'GET /a/{id}', 'DELETE /{rest*}', 'shop.test PUT /a/me', '*.test PATCH /{x}/me']);
  t.equal(find('LOCK /a/me'), '405 GET, HEAD, POST, DELETE');
  t.equal(find('LOCK /b'), '405 DELETE');
  t.equal(find('shop.test LOCK /a/me'), '405 GET, HEAD, POST, PUT, PATCH, DELETE');
  t.equal(find('BREW /b'), '405 DELETE');
  t.match(finder(['ANY /a'])('BREW /a'), /^405 GET, HEAD, .*SEARCH$/, 'an unknown method is not one of ANY');
});

t.test('the exact host comes first, then wildcards from the longest, then routes for any host', async (t) => {
  const find = finder(['GET /', '*.test GET /', '*.b.test GET /', 'a.b.test GET /', 'GET /any', '*.test GET /wild']);
  t.equal(find('a.b.test GET /'), '3');
  t.equal(find('x.b.test GET /'), '2');
  t.equal(find('x.y.b.test GET /'), '2');
  t.equal(find('b.test GET /'), '1');
  t.equal(find('test GET /'), '0', 'a wildcard needs a label');
  t.equal(find('.test GET /'), '0', 'and an empty one is none');
  t.equal(find('xtest GET /'), '0');
  t.equal(find(' GET /'), '0');
  t.equal(find('a.b.test GET /wild'), '5');
  t.equal(find('a.b.test GET /any'), '4');
  t.equal(find('a.b.test GET /none'), '-1');
});

t.test('a host without routes has none, when there are none for any host', async (t) => {
  const find = finder(['shop.test GET /', '[::1] GET /', 'longer.than.shop.test GET /']);
  for (const host of [
    '',
    'other.test',
    'shop.test.',
    'xshop.test',
    'shop.tes',
    'shop.test/x',
    'shop.test'.repeat(900),
  ]) {
    t.equal(find(`${host} GET /`), '-1', host.slice(0, 20));
  }
  t.equal(find('shop.test GET /'), '0');
  t.equal(find('[::1] GET /'), '1');
});

t.test('a path that does not start with a slash has no route', async (t) => {
  const find = finder(['GET /a', 'GET /{rest*}']);
  t.equal(find('GET /a'), '0');
  for (const path of ['', '*', 'xa', 'http://a/a']) t.equal(find(`GET ${path}`), '-1', path);
});

t.test('a matcher of no routes finds none', async (t) => {
  t.equal(finder([])('shop.test GET /'), '-1');
});

t.test('what one match found does not show in the next', async (t) => {
  const matcher = new RouteMatcher(wordsOf(routesOf(['GET /a/{x}/{y}', 'shop.test GET /b'])));
  const out = new RouteMatch();
  t.same(answerOf(matcher, '', '/a/1/2', 'GET', out).params, ['1', '2']);
  t.same(answerOf(matcher, '', '/a/1/2', 'POST', out), { route: -1, params: [], allow: ['GET', 'HEAD'] });
  t.same(answerOf(matcher, 'shop.test', '/b', 'GET', out), { route: 1, params: [], allow: [] });
  t.same(answerOf(matcher, '', '/b', 'GET', out), { route: -1, params: [], allow: [] });
});

t.test('64 parameters are found, each at its place', async (t) => {
  const names = Array.from({ length: 64 }, (_, index) => `p${index}`);
  const matcher = new RouteMatcher(wordsOf(routesOf([`GET /${names.map((name) => `{${name}}`).join('/')}`])));
  t.same(answerOf(matcher, '', `/${names.join('/')}`, 'GET').params, names);
  t.equal(answerOf(matcher, '', `/${names.join('/')}/more`, 'GET').route, -1);
});

t.test('characters that are in no normal path do not pass for two that are', async (t) => {
  // 'aa' lies in the trie as 0x6161, which is also one character.
  const find = finder(['GET /aa', 'aa.test GET /b']);
  for (const path of ['/\u6161\u0000', '/\u6161a', '/\u0061\u6100', '/a\u0161']) t.equal(find(`GET ${path}`), '-1');
  t.equal(find('\u6161a.test GET /b'), '-1');
});

t.test('texts with one hash are told apart, also when one is the start of the other', async (t) => {
  const wordOf = (text: string) => Buffer.from(text).readInt32LE();
  const textOf = (word: number) => {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32LE(word);
    return bytes.toString('latin1');
  };
  // A second word that takes one first word's hash to another's: hashWord mixes the exclusive or of hash and word.
  const starts = Array.from({ length: 36 ** 4 }, (_, n) => (n + 36 ** 4).toString(36).slice(1));
  const first = hashWord(HASH_SEED, wordOf('abcd'));
  const isPlain = (word: number) => /^[a-z0-9]{4}$/.test(textOf(word));
  const joins = (start: string) => hashWord(HASH_SEED, wordOf(start)) ^ first ^ wordOf('efgh');
  const twin = starts.find((start) => start !== 'abcd' && isPlain(joins(start))) ?? '';
  const continues = (start: string) => hashWord(HASH_SEED, wordOf(start)) ^ HASH_SEED ^ wordOf(start);
  const stem = starts.find((start) => isPlain(continues(start))) ?? '';
  const [one, other, long] = ['abcdefgh', twin + textOf(joins(twin)), stem + textOf(continues(stem))] as const;
  const hashOf = (text: string) =>
    (text.match(/.{4}/g) ?? []).reduce((hash, word) => hashWord(hash, wordOf(word)), HASH_SEED);
  t.equal(hashOf(one), hashOf(other));
  t.equal(hashOf(long), hashOf(stem));

  const both = finder([`GET /${one}`, `GET /${other}`, `GET /${long}`, `GET /${stem}`]);
  t.same(
    [one, other, long, stem].map((text) => both(`GET /${text}`)),
    ['0', '1', '2', '3'],
  );
  const single = finder([`GET /${one}`, `GET /${long}`]);
  t.same(
    [one, other, long, stem].map((text) => single(`GET /${text}`)),
    ['0', '-1', '1', '-1'],
  );
});

t.test('shared memory holds a trie at any offset', async (t) => {
  const words = wordsOf(routesOf(['GET /a/{x}', '*.shop.test POST /b']));
  const shared = new Int32Array(new SharedArrayBuffer((words.length + 200) * 4)).fill(-1);
  shared.set(words, 77);
  const matcher = new RouteMatcher(shared.subarray(77, 77 + words.length));
  t.same(answerOf(matcher, '', '/a/1', 'GET'), { route: 0, params: ['1'], allow: [] });
  t.same(answerOf(matcher, 'x.shop.test', '/b', 'POST'), { route: 1, params: [], allow: [] });
});

t.test('words that are no trie, or a part of one, are refused', async (t) => {
  const words = wordsOf(routesOf(['GET /a']));
  t.throws(() => new RouteMatcher(new Int32Array(64)), /are a route trie/);
  t.throws(() => new RouteMatcher(words.subarray(0, -1)), /is whole/);
});

// Few segments, so that patterns meet; among them texts that fill words of four characters or do not, and share starts.
const literal = fc.constantFrom('a', 'b', 'ab', 'abc', 'abcd', 'abcde', 'abcdefgh', 'abcdefghi', '-~', '%2F');
const host = fc.constantFrom('test', 'x.test', 'a.x.test', 'b.a.x.test', 'y.test', 'longer-than-all.test');
const hostPattern = fc.oneof(host, fc.constantFrom('*.test', '*.x.test', '*.a.x.test'));
const method = fc.constantFrom('GET', 'HEAD', 'POST', 'SEARCH');

const pattern = fc
  .record({
    segments: fc.array(fc.oneof(literal, fc.constant('{}')), { maxLength: 5 }),
    end: fc.constantFrom('', '', '/', '/{rest*}'),
  })
  .map(({ segments, end }) => {
    const named = segments.map((text, index) => (text === '{}' ? `{p${index}}` : text));
    return `/${named.join('/')}${segments.length === 0 ? end.slice(1) : end}`;
  });

const routeSet = fc
  .array(
    fc.record({
      hosts: fc.uniqueArray(hostPattern, { maxLength: 2 }),
      method: fc.oneof(method, fc.constant('ANY')),
      path: pattern,
    }),
    {
      maxLength: 30,
    },
  )
  .map((drafts) => {
    const taken = new Set<string>();
    const routes: TrieRoute[] = [];
    for (const draft of drafts) {
      const keys = (draft.hosts.length === 0 ? [''] : draft.hosts).map(
        (each) => `${each} ${draft.method} ${shapeOf(draft.path)}`,
      );
      if (keys.some((key) => taken.has(key))) continue;
      for (const key of keys) taken.add(key);
      routes.push({ ...draft, routeIndex: routes.length + 5, name: `r${routes.length}` });
    }
    return routes;
  });

const request = fc.record({
  host: fc.oneof(host, fc.constantFrom('', '.test', 'unknown.example', 'deep.down.b.a.x.test')),
  method: fc.oneof(method, fc.constant('LOCK')),
  segments: fc.array(fc.oneof(literal, fc.constantFrom('z', 'abcdefghij', 'abcdefghij'.repeat(4))), { maxLength: 6 }),
  isOpen: fc.boolean(),
});

t.test('property: the trie answers as the naive matcher does, and within its bound of visits', async (t) => {
  const seen = { found: 0, refused: 0, missing: 0 };
  fc.assert(
    fc.property(routeSet, fc.array(request, { minLength: 10, maxLength: 40 }), (routes, requests) => {
      const compiled = compileTrie(routes);
      if (!compiled.ok) throw new Error(JSON.stringify(compiled.error));
      const matcher = new RouteMatcher(compiled.value.words);
      const out = new RouteMatch();
      for (const { host, method, segments, isOpen } of requests) {
        const path = `/${segments.join('/')}${isOpen && segments.length > 0 ? '/' : ''}`;
        const expected = matchNaively(routes, host, path, method);
        const actual = answerOf(matcher, host, path, method, out);
        if (JSON.stringify(actual) !== JSON.stringify(expected)) {
          throw new Error(
            `${host} ${method} ${path}: ${JSON.stringify(actual)} instead of ${JSON.stringify(expected)}`,
          );
        }
        if (out.visits > compiled.value.maxVisits) throw new Error(`${out.visits} visits`);
        seen[expected.route >= 0 ? 'found' : expected.allow.length > 0 ? 'refused' : 'missing']++;
      }
    }),
    { numRuns: 1_000 },
  );
  for (const [kind, count] of Object.entries(seen)) t.ok(count > 1_000, `${kind}: ${count}`);
});

t.test('property: no host and no path makes the matcher throw, or visit more than its bound', async () => {
  const compiled = compileTrie(
    routesOf(['GET /a/{x}/b', 'GET /{r*}', '*.x.test GET /{x}/a', 'y.test GET /abcdefghi/']),
  );
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.error));
  const { words, maxVisits } = compiled.value;
  const matcher = new RouteMatcher(words);
  const out = new RouteMatch();
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string().map((s) => `/${s}`),
    fc.constantFrom('/a//b', '//', '/a/x/b'),
  );
  fc.assert(
    fc.property(fc.oneof(text, host), text, fc.integer({ min: -1, max: 15 }), (host, path, method) => {
      matcher.match(host, path, method, out);
      return out.visits <= maxVisits;
    }),
    { numRuns: 5_000 },
  );
});
