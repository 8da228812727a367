import fc from 'fast-check';
import t from 'tap';
import { compileTrie, type TrieIssue, type TrieRoute } from '../../../src/gateway/router/compile-trie.ts';
import { RouteMatch, RouteMatcher } from '../../../src/gateway/router/match-route.ts';
import { methodIndex } from '../../../src/gateway/router/methods.ts';
import {
  childKey,
  EXACT_HOSTS,
  HASH_SEED,
  hashWord,
  NODE_LONGEST_LITERAL,
  NODE_NEXT_TRIE,
  NODE_PARAM_CHILD,
  NODE_PARAM_COUNT,
  NODE_PARENT,
  NODE_TEXT_CHARS,
  TRIE_HEADER_WORDS,
  TRIE_NODE_WORDS,
  TRIE_SLOT_WORDS,
  trieHeader,
  WILDCARD_HOSTS,
} from '../../../src/shm/trie-layout.ts';

type Draft = Partial<TrieRoute> & { readonly path: string };

function routesOf(drafts: readonly Draft[]): TrieRoute[] {
  return drafts.map((draft, routeIndex) => ({
    hosts: [],
    method: 'GET',
    routeIndex,
    name: `shop.r${routeIndex}`,
    ...draft,
  }));
}

function issuesOf(drafts: readonly Draft[]): readonly TrieIssue[] {
  const compiled = compileTrie(routesOf(drafts));
  return compiled.ok ? [] : compiled.error;
}

function compiled(routes: readonly TrieRoute[]) {
  const result = compileTrie(routes);
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return result.value;
}

/** Every way to write `levels` segments, each 'a' or a parameter. */
function fork(levels: number): Draft[] {
  return Array.from({ length: 2 ** levels }, (_, bits) => {
    const segments = Array.from({ length: levels }, (_, level) =>
      (bits >> level) & 1 ? `{p${level}}` : level % 2 ? 'a' : 'b',
    );
    return { path: `/${segments.join('/')}` };
  });
}

t.test('a bad pattern is an issue that names route, path and reason', async (t) => {
  const patterns: readonly (readonly [string, RegExp])[] = [
    ['', /must start with '\/'/],
    ['orders', /must start with '\/'/],
    ['/a{b}', /'a\{b\}' mixes text and parameters/],
    ['/{a}{b}', /mixes text/],
    ['/{a', /mixes text/],
    ['/a}', /mixes text/],
    ['/{a*}b', /mixes text/],
    ['/{a**}', /mixes text/],
    ['/{}', /'\{\}' has a bad name/],
    ['/{*}', /bad name/],
    ['/{1a}', /bad name/],
    ['/{a-b}', /bad name/],
    ['/{\u00e9}', /bad name/],
    ['/{a*}/b', /'\{a\*\}' must be the last segment/],
    ['/{a*}/', /must be the last segment/],
    ['/{a}/{a}', /two parameters named 'a'/],
    ['/{a}/b/{a*}', /two parameters named 'a'/],
    ['/a/../b', /dot segment '\.\.'/],
    ['/a/%2e/b', /dot segment '%2e'/],
    ['/a b', /'a b' can be in no path/],
    ['/caf\u00e9', /percent-encoded/],
    ['/a?b', /can be in no path/],
    ['/a%zz', /can be in no path/],
    ['/a/..%2Fb', /can be in no path/],
    [`/${'a/'.repeat(64)}`, /has 65 segments; at most 64/],
  ];
  for (const [path, reason] of patterns) {
    const issues = issuesOf([{ path: '/fine' }, { path, name: 'shop.odd' }]);
    t.equal(issues.length, 1, path);
    t.equal(issues[0]?.routeIndex, 1);
    t.match(issues[0]?.message, reason);
    t.ok(issues[0]?.message.startsWith(`shop.odd: path ${path} `));
  }
});

t.test('a bad method or host is an issue', async (t) => {
  for (const method of ['get', '', 'BREW', 'TRACE', 'any', 'GET,POST']) {
    t.match(
      issuesOf([{ path: '/', method }]),
      [{ routeIndex: 0, message: /unknown method .* expected one of ANY, GET/ }],
      method,
    );
  }
  const hosts = [
    '',
    'Shop.test',
    'shop.test:80',
    '*',
    '*.',
    '*test',
    'a.*.test',
    '.test',
    'test.',
    'a..b',
    'caf\u00e9.test',
    'a/b',
  ];
  for (const host of [...hosts, '::1', 'a'.repeat(254)]) {
    t.match(
      issuesOf([{ path: '/', hosts: ['fine.test', host] }]),
      [{ routeIndex: 0, message: /bad host/ }],
      host.slice(0, 20),
    );
  }
  t.same(
    issuesOf([{ path: '/', hosts: ['a-b_c.test', '*.a', '10.0.0.1', '[::1]', 'localhost', 'a'.repeat(253)] }]),
    [],
  );
});

t.test('two routes that answer the same requests are an issue that names both', async (t) => {
  const issues = issuesOf([
    { path: '/a/{id}', name: 'shop.one' },
    { path: '/a/{other}', name: 'shop.two' },
    { path: '/a/{id}', method: 'POST' },
    { path: '/a/{id}', method: 'ANY' },
    { path: '/a/{id}', hosts: ['shop.test'] },
    { path: '/b/{x*}', name: 'shop.three' },
    { path: '/%62//{y*}', name: 'shop.four' },
  ]);
  t.match(issues, [
    {
      routeIndex: 1,
      message: /^shop\.two \(GET \/a\/\{other\}\) and shop\.one \(GET \/a\/\{id\}\) answer the same requests;/,
    },
    { routeIndex: 6, message: /^shop\.four .* and shop\.three / },
  ]);
  t.equal(issues.length, 2);
});

t.test('routes that clash on several hosts are one issue; a host written twice is none', async (t) => {
  const issues = issuesOf([
    { path: '/a', hosts: ['x.test', 'y.test', '*.test'] },
    { path: '/a', hosts: ['z.test', 'y.test', '*.test', 'y.test'] },
  ]);
  t.match(issues, [{ routeIndex: 1, message: /shop\.r1 .* shop\.r0 .* on host y\.test/ }]);
  t.equal(issues.length, 1);
  t.same(issuesOf([{ path: '/a', hosts: ['x.test', 'x.test'] }]), []);
});

t.test('all issues come at once', async (t) => {
  const issues = issuesOf([
    { path: '/a{b}/{1}', method: 'BREW', hosts: ['A'] },
    { path: '/{x}/{x}' },
    { path: '/c' },
    { path: '/c' },
  ]);
  t.same(
    issues.map((issue) => issue.routeIndex),
    [0, 0, 0, 0, 1, 3],
  );
});

t.test('routes of which each level is a literal or a parameter are refused before they can cost much', async (t) => {
  const issues = issuesOf(fork(12));
  t.equal(issues.length, 1);
  // 1 + 2 × (what is below), twelve times over: 2^13 - 1.
  t.match(
    issues[0]?.message,
    /up to 8191 places would have to be searched, and 256 are allowed; among them are shop\.r\d+, shop\.r\d+/,
  );
});

t.test('the worst path of routes below the bound is found in as many visits as were counted, never more', async (t) => {
  const { words, maxVisits } = compiled(routesOf(fork(7)));
  t.equal(maxVisits, 255);
  t.equal(words[trieHeader.visitsMax], 255);
  const matcher = new RouteMatcher(words);
  const out = new RouteMatch();
  matcher.match('', '/b/a/b/a/b/a/b', methodIndex('POST'), out);
  t.equal(out.visits, 255);
  matcher.match('', '/b/a/b/a/b/a/b', methodIndex('GET'), out);
  t.equal(out.visits, 8);
  matcher.match('', `/b/a/b/a/b/a/b${'/a'.repeat(3_000)}`, methodIndex('GET'), out);
  t.ok(out.visits <= 255);
});

t.test('the bound holds for all the tries that a host goes through together', async (t) => {
  const wide = (hosts: readonly string[]) => fork(6).map((draft) => ({ ...draft, hosts }));
  t.equal(compiled(routesOf([wide([]), wide(['*.test'])].flat())).maxVisits, 254);
  const issues = issuesOf([wide([]), wide(['*.test']), wide(['*.x.test'])].flat());
  t.equal(issues.length, 1);
  t.match(issues[0]?.message, /up to 381 places for host \*\.x\.test would have to be searched/);
});

t.test('the same routes give the same words in any order', async () => {
  const paths = ['/', '/a', '/a/', '/a/{x}', '/a/{x}/b', '/{y}', '/{y}/{r*}', '/abcdefgh', '/abcdefghi'];
  const hosts = [[], ['x.test'], ['*.test', 'y.test'], ['*.x.test']];
  const all = routesOf(
    paths.flatMap((path) =>
      hosts.flatMap((each) => ['GET', 'ANY', 'POST'].map((method) => ({ path, hosts: each, method }))),
    ),
  );
  const expected = Buffer.from(compiled(all).words.buffer);
  fc.assert(
    fc.property(fc.shuffledSubarray(all, { minLength: all.length }), (shuffled) =>
      Buffer.from(compiled(shuffled).words.buffer).equals(expected),
    ),
    { numRuns: 50 },
  );
});

t.test('the words keep the invariants of their layout', async (t) => {
  const drafts = ['/', '/a/{x}/b/{y}', '/a/{x}/abcdefghi/', '/{z}/{r*}', '/abcd'].flatMap((path) =>
    [[], ['shop.test', '*.test'], ['*.x.test', 'a.x.test']].map((hosts) => ({ path, hosts })),
  );
  const { words } = compiled(routesOf(drafts));
  const word = (at: number) => words[at] as number;
  const slotCount = word(trieHeader.slotMask) + 1;
  const nodesAt = TRIE_HEADER_WORDS + slotCount * TRIE_SLOT_WORDS;
  t.equal(word(trieHeader.wordCount), words.length);
  t.equal(Math.log2(slotCount) % 1, 0, 'slots are a power of two');

  const children = Array.from({ length: slotCount }, (_, slot) => word(TRIE_HEADER_WORDS + slot * TRIE_SLOT_WORDS + 1));
  const literals = children.filter((child) => child !== 0);
  t.ok(literals.length * 2 <= slotCount, 'half of the slots are free');
  t.ok(literals.length + word(trieHeader.nodeCount) > 30, 'there is something to look at');

  const textOf = (node: number) =>
    Buffer.from(words.buffer, (node + TRIE_NODE_WORDS) * 4, Math.max(0, word(node + NODE_TEXT_CHARS))).toString(
      'latin1',
    );
  for (const node of literals) {
    const parent = word(node + NODE_PARENT);
    const textWords = (word(node + NODE_TEXT_CHARS) + 3) >> 2;
    let hash = HASH_SEED;
    for (let at = 0; at < textWords; at++) hash = hashWord(hash, word(node + TRIE_NODE_WORDS + at));
    const key = childKey(parent, hash);
    let slot = key & word(trieHeader.slotMask);
    while (children[slot] !== node && children[slot] !== 0) slot = (slot + 1) & word(trieHeader.slotMask);
    t.equal(children[slot], node, `'${textOf(node)}' is where its key leads`);
    t.equal(word(TRIE_HEADER_WORDS + slot * TRIE_SLOT_WORDS), key);
    if (parent >= nodesAt) {
      t.ok(parent < node, 'a parent lies before its children');
      t.ok(word(parent + NODE_LONGEST_LITERAL) >= word(node + NODE_TEXT_CHARS));
      t.equal(word(node + NODE_PARAM_COUNT), word(parent + NODE_PARAM_COUNT));
    }
    const param = word(node + NODE_PARAM_CHILD);
    if (param !== 0)
      t.same([param + NODE_PARENT, param + NODE_TEXT_CHARS, param + NODE_PARAM_COUNT].map(word), [
        node,
        -1,
        word(node + NODE_PARAM_COUNT) + 1,
      ]);
  }

  const roots = new Map(
    literals.filter((node) => word(node + NODE_PARENT) < nodesAt).map((node) => [textOf(node), node]),
  );
  t.same([...roots.keys()].sort(), ['a.x.test', 'shop.test', 'test', 'x.test']);
  const root = (text: string) => roots.get(text) as number;
  t.same(
    ['shop.test', 'a.x.test'].map((text) => word(root(text) + NODE_PARENT)),
    [EXACT_HOSTS, EXACT_HOSTS],
  );
  t.same(
    ['test', 'x.test'].map((text) => word(root(text) + NODE_PARENT)),
    [WILDCARD_HOSTS, WILDCARD_HOSTS],
  );
  const next = (text: string) => word(root(text) + NODE_NEXT_TRIE);
  t.same(['a.x.test', 'x.test', 'shop.test'].map(next), [root('x.test'), root('test'), root('test')]);
  t.equal(next('test'), word(trieHeader.anyHostTrie));
});

t.test('10,000 routes are each found', async (t) => {
  const routes = routesOf(
    Array.from({ length: 10_000 }, (_, index) => ({
      path: `/service-${index % 500}/v1/things-${index}/{id}`,
      hosts: index % 3 === 0 ? [`h${index % 200}.test`] : [],
    })),
  );
  const { words, maxVisits } = compiled(routes);
  const matcher = new RouteMatcher(words);
  const out = new RouteMatch();
  const wrong = routes.filter((route) => {
    const path = route.path.replace('{id}', '42');
    return matcher.match(route.hosts[0] ?? 'h1.test', path, 0, out) !== 0 || out.route !== route.routeIndex;
  });
  t.same(wrong, []);
  t.ok(maxVisits <= 10);
});
