// The route tries as objects, while they are compiled: one for each host, one for each wildcard, one for any host.

import { ANY_METHOD } from '../../shm/trie-layout.ts';
import { methodIndex } from './methods.ts';
import type { Segment } from './parse-pattern.ts';

export interface TrieRoute {
  /** Lower case, without a port; '*.example.com' for one or more labels; empty: any host. */
  readonly hosts: readonly string[];
  /** Upper case; 'ANY' for every method. */
  readonly method: string;
  /** The whole pattern, the service's prefix included: /shop/v1/orders/{id}, /files/{rest*} */
  readonly path: string;
  /** What the matcher answers with. */
  readonly routeIndex: number;
  /** For messages: shop.get-order */
  readonly name: string;
}

/** Routes of one node by their method's bit. */
export type RoutesByBit = Map<number, TrieRoute>;

export interface TrieNode {
  /** undefined: a parameter. */
  readonly text: string | undefined;
  // Made when first needed: most nodes lack most of them, and 10,000 routes have some 30,000 nodes.
  literals: Map<string, TrieNode> | undefined;
  param: TrieNode | undefined;
  /** Routes that end here. */
  ends: RoutesByBit | undefined;
  /** Routes with a {rest*} from here on. */
  rests: RoutesByBit | undefined;
  /** Of this node and those below it, the most that one path can visit; 0 until bound-visits.ts has counted. */
  visitsMax: number;
}

export interface HostTrie {
  /** As configured: 'shop.example', '*.example', or '' for any host. */
  readonly host: string;
  readonly root: TrieNode;
}

/** Two routes that answer to the same requests. */
export interface Clash {
  readonly host: string;
  readonly route: TrieRoute;
  readonly earlier: TrieRoute;
}

/** The bit of a method or ANY in a method mask; 0 for an unknown one. */
export function methodBit(method: string): number {
  if (method === 'ANY') return ANY_METHOD;
  const index = methodIndex(method);
  return index < 0 ? 0 : 1 << index;
}

/** Whether a host is a wildcard ('*.example.com'). */
export function isWildcard(host: string): boolean {
  return host.startsWith('*.');
}

export class TrieBuilder {
  readonly tries = new Map<string, HostTrie>();
  readonly clashes: Clash[] = [];

  add(route: TrieRoute, segments: readonly Segment[]): void {
    const hosts = route.hosts.length === 0 ? [''] : new Set(route.hosts);
    for (const host of hosts) this.#addToHost(host, route, segments);
  }

  /**
   * The trie that is asked when this host's has no answer: that of its longest wildcard, or the one for any host.
   * For a wildcard: of the next shorter one.
   */
  next(host: string): HostTrie | undefined {
    if (host === '') return undefined;
    const name = isWildcard(host) ? host.slice(2) : host;
    for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) {
      const wildcard = this.tries.get(`*${name.slice(dot)}`);
      if (wildcard !== undefined) return wildcard;
    }
    return this.tries.get('');
  }

  #addToHost(host: string, route: TrieRoute, segments: readonly Segment[]): void {
    let trie = this.tries.get(host);
    if (trie === undefined) {
      trie = { host, root: newNode('') };
      this.tries.set(host, trie);
    }
    let node = trie.root;
    let isRest = false;
    for (const segment of segments) {
      if (segment.kind === 'literal') node = literalChild(node, segment.text);
      else if (segment.kind === 'param') node = node.param ??= newNode(undefined);
      else isRest = true;
    }
    let routes = isRest ? node.rests : node.ends;
    if (routes === undefined) {
      routes = new Map();
      if (isRest) node.rests = routes;
      else node.ends = routes;
    }
    const bit = methodBit(route.method);
    const earlier = routes.get(bit);
    if (earlier === undefined) routes.set(bit, route);
    else this.clashes.push({ host, route, earlier });
  }
}

function literalChild(node: TrieNode, text: string): TrieNode {
  node.literals ??= new Map();
  let child = node.literals.get(text);
  if (child === undefined) {
    child = newNode(text);
    node.literals.set(text, child);
  }
  return child;
}

function newNode(text: string | undefined): TrieNode {
  return { text, literals: undefined, param: undefined, ends: undefined, rests: undefined, visitsMax: 0 };
}
