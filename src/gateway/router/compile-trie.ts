// Routes in, the words of the route trie out (src/shm/trie-layout.ts), or everything that is wrong with them. Runs in the
// task pool: 10,000 routes keep a thread busy for tens of milliseconds.
//
// What the words answer, whatever the order of the routes:
//
//  - Host: the exact host first, then wildcards from the longest, then routes for any host; the next when there is no
//    route for path and method.
//  - Path: segment by segment from the left, a literal before a {parameter} before a {rest*}; the next when there is no
//    route for the method.
//  - Method, among routes of one pattern: itself, GET for HEAD, ANY.

import { assert } from '../../base/assert.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { TRIE_VISITS_MAX } from '../../shm/trie-layout.ts';
import { boundVisits, type VisitChain } from './bound-visits.ts';
import { type Clash, methodBit, TrieBuilder, type TrieRoute } from './build-trie.ts';
import { methods } from './methods.ts';
import { packTrie } from './pack-trie.ts';
import { parsePattern, type Segment } from './parse-pattern.ts';

export type { TrieRoute };

export interface TrieIssue {
  readonly routeIndex: number;
  readonly message: string;
}

export interface CompiledTrie {
  readonly words: Int32Array;
  /** The most trie nodes that one request can visit, over all the tries that it may go through. */
  readonly maxVisits: number;
}

// Labels of letters, digits, '-' and '_' (not in the standard, but in use), 253 characters at most as in DNS; or an IPv6
// address in brackets.
const HOST = /^(?:(?:\*\.)?(?=.{1,253}$)[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])$/;

/** @returns the trie, or every issue at once */
export function compileTrie(routes: readonly TrieRoute[]): Result<CompiledTrie, TrieIssue[]> {
  const issues: TrieIssue[] = [];
  const builder = new TrieBuilder();
  for (const route of routes) {
    const segments = checkRoute(route, issues);
    if (segments !== undefined) builder.add(route, segments);
  }
  reportClashes(builder.clashes, issues);
  const chains = boundVisits(builder);
  reportCostlyChains(chains, issues);
  if (issues.length > 0) return err(issues);
  const maxVisits = chains.reduce((worst, chain) => Math.max(worst, chain.visitsMax), 0);
  return ok({ words: packTrie(builder, maxVisits), maxVisits });
}

/** @returns the segments of a route without issues */
function checkRoute(route: TrieRoute, issues: TrieIssue[]): readonly Segment[] | undefined {
  const { routeIndex, name } = route;
  assert(routeIndex >= 0 && routeIndex < 2 ** 31 && Number.isInteger(routeIndex), 'a route index is a 31-bit number');
  const before = issues.length;
  if (methodBit(route.method) === 0) {
    const expected = `ANY, ${methods.join(', ')}`;
    issues.push({ routeIndex, message: `${name}: unknown method '${route.method}'; expected one of ${expected}` });
  }
  for (const host of route.hosts) {
    if (HOST.test(host)) continue;
    const expected = "a lower-case name without a port, or '*.' before one";
    issues.push({ routeIndex, message: `${name}: bad host '${host}'; expected ${expected}` });
  }
  const parsed = parsePattern(route.path);
  if (!parsed.ok) {
    for (const problem of parsed.error) issues.push({ routeIndex, message: `${name}: path ${route.path} ${problem}` });
    return undefined;
  }
  return issues.length === before ? parsed.value : undefined;
}

/** One issue for each pair of routes, however many hosts they share. */
function reportClashes(clashes: readonly Clash[], issues: TrieIssue[]): void {
  const seen = new Set<string>();
  for (const { host, route, earlier } of clashes) {
    const pair = `${earlier.routeIndex} ${route.routeIndex}`;
    if (seen.has(pair)) continue;
    seen.add(pair);
    const where = host === '' ? '' : ` on host ${host}`;
    const message =
      `${route.name} (${route.method} ${route.path}) and ${earlier.name} (${earlier.method} ${earlier.path}) ` +
      `answer the same requests${where}; parameters' names make no difference`;
    issues.push({ routeIndex: route.routeIndex, message });
  }
}

/** One issue for each set of routes to blame, however many hosts lead to it. */
function reportCostlyChains(chains: readonly VisitChain[], issues: TrieIssue[]): void {
  const seen = new Set<string>();
  for (const chain of chains) {
    if (chain.visitsMax <= TRIE_VISITS_MAX) continue;
    const suspects = chain.suspects();
    const names = suspects.map((route) => route.name).join(', ');
    const [first] = suspects;
    if (first === undefined || seen.has(names)) continue;
    seen.add(names);
    const where = chain.host === '' ? '' : ` for host ${chain.host}`;
    const message =
      `routes overlap too much: to find one, up to ${chain.visitsMax} places${where} would have to be searched, and ` +
      `${TRIE_VISITS_MAX} are allowed; among them are ${names}: make fewer parameters stand beside literal segments`;
    issues.push({ routeIndex: first.routeIndex, message });
  }
}
