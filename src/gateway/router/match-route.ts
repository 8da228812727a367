// Host, path and method in, a route out. Reads the route trie (src/shm/trie-layout.ts) in place.
//
// The search goes down: the literal child where there is one, else the parameter's. When it can go no further it climbs,
// and at each level takes what is left there: the parameter after the literal, the {rest*} after the parameter. A node is
// known by its parent, and stands for one level, so that nothing has to be remembered on the way down; each node is
// visited at most once, and compileTrie has counted the worst case.

import { assert } from '../../base/assert.ts';
import type { RouteIndex } from '../../base/ids.ts';
import {
  ANY_METHOD,
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
  TRIE_SEGMENTS_MAX,
  TRIE_SLOT_WORDS,
  trieHeader,
  WILDCARD_HOSTS,
} from '../../shm/trie-layout.ts';
import { ADMIT, errors, type Verdict } from '../pipeline/errors.ts';
import { METHOD_GET, METHOD_HEAD, METHODS_MASK } from './methods.ts';

const SLASH = 0x2f;
const NO_ROUTE_INDEX = -1 as RouteIndex;
const GET_BIT = 1 << METHOD_GET;
const HEAD_BIT = 1 << METHOD_HEAD;

/** What a match found. Made once, filled by each match. */
export class RouteMatch {
  /** -1 when there is none. */
  route: RouteIndex = NO_ROUTE_INDEX;
  /** Offsets into the path of the parameters from the left, a {rest*} last. */
  readonly paramStarts = new Int32Array(TRIE_SEGMENTS_MAX);
  readonly paramEnds = new Int32Array(TRIE_SEGMENTS_MAX);
  paramCount = 0;
  /** With METHOD_NOT_ALLOWED: the methods that would be (methods.ts), else 0. */
  allowMask = 0;
  /** Trie nodes that were visited. */
  visits = 0;
}

export class RouteMatcher {
  readonly #words: Int32Array;
  readonly #slotMask: number;
  readonly #anyHostTrie: number;
  readonly #exactCharsMax: number;
  readonly #wildcardCharsMax: number;

  // The path at hand, by level; one level more is for the host.
  readonly #hostLevel: number;
  readonly #starts: Int32Array;
  /** -1: not looked for yet. */
  readonly #ends: Int32Array;
  /** 1: the text's hash and words are known. */
  readonly #isPacked: Uint8Array;
  readonly #hashes: Int32Array;
  /** The texts as the trie holds them, #strideWords to a level. */
  readonly #packed: Int32Array;
  readonly #strideWords: number;

  // The host of the match before: most connections of most gateways name the same few. Finding it costs 100 ns, comparing
  // it 10.
  #lastHost = '';
  #lastTrie: number;

  // The search at hand.
  /** The deepest level that starts, ends and isPacked are about. */
  #reached = -1;
  /** Where the route was found. */
  #depth = 0;
  #visits = 0;
  #allowed = 0;

  /**
   * @param words  a trie of compileTrie's, perhaps in shared memory
   * @throws {AssertionError} when it is something else
   */
  constructor(words: Int32Array) {
    assert(words[trieHeader.magic] === TRIE_MAGIC, 'the words are a route trie');
    assert((words[trieHeader.wordCount] as number) <= words.length, 'the route trie is whole');
    this.#words = words;
    this.#slotMask = words[trieHeader.slotMask] as number;
    this.#anyHostTrie = words[trieHeader.anyHostTrie] as number;
    this.#exactCharsMax = words[trieHeader.exactCharsMax] as number;
    this.#wildcardCharsMax = words[trieHeader.wildcardCharsMax] as number;
    this.#hostLevel = (words[trieHeader.depthMax] as number) + 1;
    const levels = this.#hostLevel + 1;
    this.#starts = new Int32Array(levels);
    this.#ends = new Int32Array(levels);
    this.#isPacked = new Uint8Array(levels);
    this.#hashes = new Int32Array(levels);
    this.#strideWords = ((words[trieHeader.textCharsMax] as number) + 3) >> 2;
    this.#packed = new Int32Array(levels * this.#strideWords);
    this.#lastTrie = this.#anyHostTrie;
  }

  /**
   * @param host  lower case, without a port; '' when there is none
   * @param path  as normalizePath gives it
   * @param methodIndex  as methodIndex() gives it; -1 is allowed nowhere, not even by ANY
   * @returns ADMIT, or the id of NO_ROUTE or METHOD_NOT_ALLOWED
   * @throws never (data plane)
   * @hot measured by npm run bench:hot
   */
  match(host: string, path: string, methodIndex: number, out: RouteMatch): Verdict {
    const accepted = acceptedMask(methodIndex);
    out.route = NO_ROUTE_INDEX;
    out.paramCount = 0;
    out.allowMask = 0;
    this.#visits = 0;
    this.#allowed = 0;
    let found = 0;
    if (path.charCodeAt(0) === SLASH) {
      if (host !== this.#lastHost) {
        this.#lastTrie = this.#findTrie(host);
        this.#lastHost = host;
      }
      let trie = this.#lastTrie;
      this.#reached = -1;
      while (trie !== 0) {
        found = this.#search(trie, path, accepted);
        if (found !== 0) break;
        trie = this.#words[trie + NODE_NEXT_TRIE] as number;
      }
    }
    out.visits = this.#visits;
    if (found !== 0) {
      this.#report(found, path, methodIndex, out);
      return ADMIT;
    }
    if (this.#allowed === 0) return errors.NO_ROUTE.id;
    out.allowMask = (this.#allowed & ANY_METHOD) !== 0 ? METHODS_MASK : this.#allowed;
    if ((out.allowMask & GET_BIT) !== 0) out.allowMask |= HEAD_BIT;
    return errors.METHOD_NOT_ALLOWED.id;
  }

  /** The trie to begin with: the host's own, else its longest wildcard's, else that for any host; 0: none. @hot */
  #findTrie(host: string): number {
    if (host.length <= this.#exactCharsMax) {
      const exact = this.#findRoot(EXACT_HOSTS, host, 0, this.#exactCharsMax);
      if (exact !== 0) return exact;
    }
    const charsMax = this.#wildcardCharsMax;
    if (charsMax === 0) return this.#anyHostTrie;
    // From the longest suffix that can be one. In a host of nothing but dots, suffixes have charsMax² / 2 characters
    // together: 450, or 2 µs, at a charsMax of 30.
    let dot = host.indexOf('.', Math.max(1, host.length - charsMax - 1));
    while (dot > 0) {
      const wildcard = this.#findRoot(WILDCARD_HOSTS, host, dot + 1, charsMax);
      if (wildcard !== 0) return wildcard;
      dot = host.indexOf('.', dot + 1);
    }
    return this.#anyHostTrie;
  }

  /** @hot */
  #findRoot(kind: number, host: string, start: number, charsMax: number): number {
    const level = this.#hostLevel;
    this.#starts[level] = start;
    this.#ends[level] = -1;
    // A host with a '/' is none: packing stops there.
    if (!this.#pack(host, level, charsMax) || this.#ends[level] !== host.length) return 0;
    return this.#findChild(kind, level);
  }

  /**
   * @param accepted  mask of methods, one of which must have a route
   * @returns the node where a route ends, or its bitwise complement when the route is a {rest*} of the node; 0: none
   * @hot
   */
  #search(root: number, path: string, accepted: number): number {
    const words = this.#words;
    const starts = this.#starts;
    let node = root;
    let depth = 0;
    for (;;) {
      this.#visits++;
      if (depth > this.#reached) this.#reach(depth);
      let child = 0;
      if ((starts[depth] as number) > path.length) {
        const mask = words[node + NODE_END_MASK] as number;
        if ((mask & accepted) !== 0) return this.#found(node, depth);
        this.#allowed |= mask;
      } else {
        child = this.#literalChild(path, node, depth);
        if (child === 0) child = this.#paramChild(path, node, depth);
      }
      while (child === 0) {
        if ((starts[depth] as number) <= path.length) {
          const mask = words[node + NODE_REST_MASK] as number;
          if ((mask & accepted) !== 0) return ~this.#found(node, depth);
          this.#allowed |= mask;
        }
        if (node === root) return 0;
        const isLiteral = (words[node + NODE_TEXT_CHARS] as number) >= 0;
        node = words[node + NODE_PARENT] as number;
        depth--;
        if (isLiteral) child = this.#paramChild(path, node, depth);
      }
      node = child;
      depth++;
    }
  }

  #found(node: number, depth: number): number {
    this.#depth = depth;
    return node;
  }

  /** The search is at a level for the first time: the segment above it has an end. @hot */
  #reach(depth: number): void {
    this.#reached = depth;
    this.#starts[depth] = depth === 0 ? 1 : (this.#ends[depth - 1] as number) + 1;
    this.#ends[depth] = -1;
    this.#isPacked[depth] = 0;
  }

  /** @hot */
  #paramChild(path: string, node: number, depth: number): number {
    const child = this.#words[node + NODE_PARAM_CHILD] as number;
    if (child === 0) return 0;
    const start = this.#starts[depth] as number;
    if ((this.#ends[depth] as number) < 0) this.#ends[depth] = endOfSegment(path, start);
    return (this.#ends[depth] as number) > start ? child : 0;
  }

  /** @hot */
  #literalChild(path: string, node: number, depth: number): number {
    const charsMax = this.#words[node + NODE_LONGEST_LITERAL] as number;
    if (charsMax < 0) return 0;
    if (this.#isPacked[depth] === 0 && !this.#pack(path, depth, charsMax)) return 0;
    return this.#findChild(node, depth);
  }

  /**
   * Hash a level's text and pack its characters, unless it is longer than any text it could be: reading a character
   * costs 3 ns, and a 36-character id beside the literal 'me' is seen to be none after 3.
   * @returns false when the text cannot be one of the trie's here
   * @hot
   */
  #pack(source: string, level: number, charsMax: number): boolean {
    const start = this.#starts[level] as number;
    if ((this.#ends[level] as number) - start > charsMax) return false;
    const packed = this.#packed;
    const limit = Math.min(source.length, start + charsMax);
    let at = level * this.#strideWords;
    let hash = HASH_SEED;
    let word = 0;
    let shift = 0;
    let seen = 0;
    let index = start;
    for (; index < limit; index++) {
      const code = source.charCodeAt(index);
      if (code === SLASH) break;
      seen |= code;
      word |= code << shift;
      shift += 8;
      if (shift === 32) {
        packed[at++] = word;
        hash = hashWord(hash, word);
        word = 0;
        shift = 0;
      }
    }
    if (index < source.length && source.charCodeAt(index) !== SLASH) return false;
    this.#ends[level] = index;
    // A normal path is ASCII. Were it not, characters would run into each other's bytes.
    if (seen >= 0x80) return false;
    if (shift !== 0) {
      packed[at] = word;
      hash = hashWord(hash, word);
    }
    this.#hashes[level] = hash;
    this.#isPacked[level] = 1;
    return true;
  }

  /** The child of a node with the text of a level, or 0. @hot */
  #findChild(parent: number, level: number): number {
    const words = this.#words;
    const key = childKey(parent, this.#hashes[level] as number);
    for (let slot = key & this.#slotMask; ; slot = (slot + 1) & this.#slotMask) {
      const at = TRIE_HEADER_WORDS + slot * TRIE_SLOT_WORDS;
      const child = words[at + 1] as number;
      if (child === 0) return 0;
      if (words[at] === key && words[child + NODE_PARENT] === parent && this.#hasText(child, level)) return child;
    }
  }

  /** @hot */
  #hasText(node: number, level: number): boolean {
    const words = this.#words;
    const packed = this.#packed;
    const chars = (this.#ends[level] as number) - (this.#starts[level] as number);
    if (words[node + NODE_TEXT_CHARS] !== chars) return false;
    const textAt = node + TRIE_NODE_WORDS;
    const packedAt = level * this.#strideWords;
    const textWords = (chars + 3) >> 2;
    for (let word = 0; word < textWords; word++) {
      if (words[textAt + word] !== packed[packedAt + word]) return false;
    }
    return true;
  }

  /** @param found  what #search returned @hot */
  #report(found: number, path: string, methodIndex: number, out: RouteMatch): void {
    const words = this.#words;
    const isRest = found < 0;
    const end = isRest ? ~found : found;
    const endMask = words[end + NODE_END_MASK] as number;
    const mask = isRest ? (words[end + NODE_REST_MASK] as number) : endMask;
    // A parameter has -1 characters, and (-1 + 3) >> 2 is 0.
    const routesAt = end + TRIE_NODE_WORDS + (((words[end + NODE_TEXT_CHARS] as number) + 3) >> 2);
    const bit = chosenBit(mask, methodIndex);
    const rank = bitCount(mask & (bit - 1)) + (isRest ? bitCount(endMask) : 0);
    out.route = words[routesAt + rank] as RouteIndex;

    let left = words[end + NODE_PARAM_COUNT] as number;
    out.paramCount = left;
    if (isRest) {
      out.paramStarts[left] = this.#starts[this.#depth] as number;
      out.paramEnds[left] = path.length;
      out.paramCount++;
    }
    // From the last to the first, which is how the nodes lead.
    for (let node = end, depth = this.#depth; left > 0; depth--) {
      if ((words[node + NODE_TEXT_CHARS] as number) < 0) {
        left--;
        out.paramStarts[left] = this.#starts[depth - 1] as number;
        out.paramEnds[left] = this.#ends[depth - 1] as number;
      }
      node = words[node + NODE_PARENT] as number;
    }
  }
}

/** The bits of routes that answer to a method: its own, GET's for HEAD, ANY's; none for an unknown method. */
function acceptedMask(methodIndex: number): number {
  if (methodIndex < 0) return 0;
  return (1 << methodIndex) | (methodIndex === METHOD_HEAD ? GET_BIT : 0) | ANY_METHOD;
}

/** Which of a node's routes answers, when one does. */
function chosenBit(mask: number, methodIndex: number): number {
  const own = 1 << methodIndex;
  if ((mask & own) !== 0) return own;
  return methodIndex === METHOD_HEAD && (mask & GET_BIT) !== 0 ? GET_BIT : ANY_METHOD;
}

function endOfSegment(path: string, start: number): number {
  const slash = path.indexOf('/', start);
  return slash < 0 ? path.length : slash;
}

function bitCount(mask: number): number {
  const pairs = mask - ((mask >>> 1) & 0x55555555);
  const fours = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333);
  return Math.imul((fours + (fours >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
