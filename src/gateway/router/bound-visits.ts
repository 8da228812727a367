// The most trie nodes that a request can make the matcher visit, and who is to blame when they are too many.
//
// The matcher backtracks: where a literal child and the parameter fit, it may have to search below both. A path fits one
// literal child of a node at most, so that the worst case of a node is itself, its worst literal child and its parameter.
// Nobody is asked to believe in an average: a configuration with too bad a worst case is refused.

import { assert } from '../../base/assert.ts';
import type { HostTrie, TrieBuilder, TrieNode, TrieRoute } from './build-trie.ts';

/** The tries that a host's requests may go through, first to last, and what they cost together. */
export interface VisitChain {
  /** The host whose trie comes first. */
  readonly host: string;
  readonly visitsMax: number;
  /** Some routes of the costliest trie that compete with each other; two at least. */
  readonly suspects: () => readonly TrieRoute[];
}

// Four names show the pattern; a reader of the message needs no more.
const SUSPECTS_MAX = 4;

/** One chain for each host, wildcard, and any host. */
export function boundVisits(builder: TrieBuilder): VisitChain[] {
  for (const trie of builder.tries.values()) countVisits(trie.root);
  return Array.from(builder.tries.values(), (first) => {
    let visitsMax = 0;
    let worst = first;
    for (let trie: HostTrie | undefined = first; trie !== undefined; trie = builder.next(trie.host)) {
      visitsMax += trie.root.visitsMax;
      if (trie.root.visitsMax > worst.root.visitsMax) worst = trie;
    }
    return { host: first.host, visitsMax, suspects: () => findSuspects(worst.root) };
  });
}

/** The recursion is as deep as the trie, 64 levels at most. */
function countVisits(node: TrieNode): number {
  let worstLiteral = 0;
  for (const child of node.literals?.values() ?? []) worstLiteral = Math.max(worstLiteral, countVisits(child));
  node.visitsMax = 1 + worstLiteral + (node.param === undefined ? 0 : countVisits(node.param));
  return node.visitsMax;
}

/** Down the costliest way, at each fork one route of either side. */
function findSuspects(root: TrieNode): TrieRoute[] {
  const suspects = new Set<TrieRoute>();
  let node: TrieNode | undefined = root;
  while (node !== undefined && suspects.size < SUSPECTS_MAX) {
    const literal = worstLiteralOf(node);
    const param: TrieNode | undefined = node.param;
    if (literal !== undefined && param !== undefined) suspects.add(anyRoute(literal)).add(anyRoute(param));
    node = (param?.visitsMax ?? 0) > (literal?.visitsMax ?? 0) ? param : literal;
  }
  return [...suspects].slice(0, SUSPECTS_MAX);
}

function worstLiteralOf(node: TrieNode): TrieNode | undefined {
  let worst: TrieNode | undefined;
  for (const child of node.literals?.values() ?? []) {
    if (worst === undefined || child.visitsMax > worst.visitsMax) worst = child;
  }
  return worst;
}

function anyRoute(top: TrieNode): TrieRoute {
  let node: TrieNode | undefined = top;
  while (node !== undefined) {
    const [route] = [...(node.ends?.values() ?? []), ...(node.rests?.values() ?? [])];
    if (route !== undefined) return route;
    node = node.param ?? node.literals?.values().next().value;
  }
  assert(false, 'a trie has a route at every leaf');
}
