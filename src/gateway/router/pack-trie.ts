// Writes the tries into words, in the layout of src/shm/trie-layout.ts.

import { assert } from '../../base/assert.ts';
import {
  ANY_HOST,
  childKey,
  EXACT_HOSTS,
  HASH_SEED,
  hashWord,
  NODE_END_MASK,
  NODE_LONGEST_LITERAL,
  NODE_NEXT_TRIE,
  NODE_PARAM_CHILD,
  NODE_PARAM_COUNT,
  NODE_PARENT,
  NODE_REST_MASK,
  NODE_TEXT_CHARS,
  TRIE_HEADER_WORDS,
  TRIE_MAGIC,
  TRIE_NODE_WORDS,
  TRIE_SLOT_WORDS,
  trieHeader,
  WILDCARD_HOSTS,
} from '../../shm/trie-layout.ts';
import { type HostTrie, isWildcard, type RoutesByBit, type TrieBuilder, type TrieNode } from './build-trie.ts';

/** @param visitsMax  of the worst host */
export function packTrie(builder: TrieBuilder, visitsMax: number): Int32Array {
  // Sorted, so that the bytes do not depend on the order of the routes.
  const tries = [...builder.tries.values()].sort((a, b) => compare(a.host, b.host));
  const size: Size = { nodes: 0, nodeWords: 0, hashed: 0 };
  for (const trie of tries) addSize(size, trie.root, textOfHost(trie.host), trie.host !== '');
  // Twice as many slots as texts, rounded up to a power of two: half or more stay free, and probing stays short.
  const slotCount = 2 ** Math.ceil(Math.log2(2 * Math.max(1, size.hashed)));
  const nodesAt = TRIE_HEADER_WORDS + slotCount * TRIE_SLOT_WORDS;
  const wordCount = nodesAt + size.nodeWords;
  assert(wordCount < 2 ** 31, 'a trie has fewer than 2^31 words');

  const packer = new TriePacker(wordCount, slotCount);
  const rootAt = new Map<HostTrie, number>();
  for (const trie of tries) rootAt.set(trie, packer.writeTrie(trie.host, trie.root));
  for (const [trie, at] of rootAt) {
    const next = builder.next(trie.host);
    packer.words[at + NODE_NEXT_TRIE] = next === undefined ? 0 : (rootAt.get(next) ?? 0);
  }
  assert(packer.end === wordCount, 'the nodes fill the words that were counted for them');
  packer.words[trieHeader.magic] = TRIE_MAGIC;
  packer.words[trieHeader.wordCount] = wordCount;
  packer.words[trieHeader.slotMask] = slotCount - 1;
  packer.words[trieHeader.visitsMax] = visitsMax;
  packer.words[trieHeader.nodeCount] = size.nodes;
  return packer.words;
}

interface Size {
  nodes: number;
  nodeWords: number;
  /** Nodes that are in the child table. */
  hashed: number;
}

function addSize(size: Size, node: TrieNode, text: string | undefined, isHashed: boolean): void {
  size.nodes++;
  size.nodeWords += wordsOf(node, text);
  if (isHashed) size.hashed++;
  for (const child of node.literals?.values() ?? []) addSize(size, child, child.text, true);
  if (node.param !== undefined) addSize(size, node.param, undefined, false);
}

function wordsOf(node: TrieNode, text: string | undefined): number {
  const routes = (node.ends?.size ?? 0) + (node.rests?.size ?? 0);
  return TRIE_NODE_WORDS + textWords(text) + routes;
}

class TriePacker {
  readonly words: Int32Array;
  readonly #slotMask: number;
  /** Where the next node goes. */
  end: number;

  constructor(wordCount: number, slotCount: number) {
    this.words = new Int32Array(wordCount);
    this.#slotMask = slotCount - 1;
    this.end = TRIE_HEADER_WORDS + slotCount * TRIE_SLOT_WORDS;
  }

  /** @returns the root's offset */
  writeTrie(host: string, root: TrieNode): number {
    const text = textOfHost(host);
    if (host === '') {
      const at = this.#writeNode(root, text, ANY_HOST, 0);
      this.words[trieHeader.anyHostTrie] = at;
      return at;
    }
    const kind = isWildcard(host) ? WILDCARD_HOSTS : EXACT_HOSTS;
    this.#raise(kind === WILDCARD_HOSTS ? trieHeader.wildcardCharsMax : trieHeader.exactCharsMax, text.length);
    const at = this.#writeNode(root, text, kind, 0);
    this.#enterChild(kind, text, at);
    return at;
  }

  #writeNode(node: TrieNode, text: string | undefined, parent: number, depth: number): number {
    const words = this.words;
    const at = this.end;
    this.end += wordsOf(node, text);
    words[at + NODE_PARENT] = parent;
    words[at + NODE_TEXT_CHARS] = text === undefined ? -1 : text.length;
    // The parent of a root is no node.
    const paramsAbove = depth === 0 ? 0 : (words[parent + NODE_PARAM_COUNT] as number);
    words[at + NODE_PARAM_COUNT] = paramsAbove + (text === undefined ? 1 : 0);
    words[at + NODE_END_MASK] = maskOf(node.ends);
    words[at + NODE_REST_MASK] = maskOf(node.rests);
    let cursor = at + TRIE_NODE_WORDS;
    for (let word = 0; word < textWords(text); word++) words[cursor++] = textWord(text ?? '', word);
    for (const routes of [node.ends, node.rests]) {
      const byBit = [...(routes ?? [])].sort(([a], [b]) => a - b);
      for (const [, route] of byBit) words[cursor++] = route.routeIndex;
    }
    this.#raise(trieHeader.depthMax, depth);
    this.#raise(trieHeader.textCharsMax, text?.length ?? 0);

    words[at + NODE_LONGEST_LITERAL] = -1;
    const literals = [...(node.literals ?? [])].sort(([a], [b]) => compare(a, b));
    for (const [childText, child] of literals) {
      this.#raise(at + NODE_LONGEST_LITERAL, childText.length);
      this.#enterChild(at, childText, this.#writeNode(child, childText, at, depth + 1));
    }
    if (node.param !== undefined) {
      words[at + NODE_PARAM_CHILD] = this.#writeNode(node.param, undefined, at, depth + 1);
    }
    return at;
  }

  #enterChild(parent: number, text: string, child: number): void {
    let hash = HASH_SEED;
    for (let word = 0; word < textWords(text); word++) hash = hashWord(hash, textWord(text, word));
    const key = childKey(parent, hash);
    let slot = key & this.#slotMask;
    while (this.words[slotAt(slot) + 1] !== 0) slot = (slot + 1) & this.#slotMask;
    this.words[slotAt(slot)] = key;
    this.words[slotAt(slot) + 1] = child;
  }

  #raise(at: number, value: number): void {
    if ((this.words[at] as number) < value) this.words[at] = value;
  }
}

function slotAt(slot: number): number {
  return TRIE_HEADER_WORDS + slot * TRIE_SLOT_WORDS;
}

function textOfHost(host: string): string {
  return isWildcard(host) ? host.slice(2) : host;
}

function textWords(text: string | undefined): number {
  return text === undefined ? 0 : (text.length + 3) >> 2;
}

/** Four characters, the first in the lowest byte; zeros past the end. */
function textWord(text: string, word: number): number {
  let value = 0;
  for (let byte = 0; byte < 4; byte++) {
    const code = text.charCodeAt(word * 4 + byte);
    if (!Number.isNaN(code)) value |= code << (byte * 8);
  }
  return value;
}

function maskOf(routes: RoutesByBit | undefined): number {
  let mask = 0;
  for (const bit of routes?.keys() ?? []) mask |= bit;
  return mask;
}

/** By code units, the same everywhere: localeCompare depends on the machine. */
function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
