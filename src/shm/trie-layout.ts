// The route trie: which route answers to host, path and method. Written by compileTrie in a task worker, copied into an
// arena as it is, then read-only for all threads. Offsets count words of 4 bytes (little-endian) from the trie's own
// start, so that it can be copied anywhere.
//
//   offset           type  field            unit     meaning
//   ---------------------------------------------------------------------------------------------------------------
//   0                u32   magic            -        0x51C1CE08
//   1                u32   wordCount        words    of the whole trie
//   2                u32   slotMask         slots    size of the child table, a power of two, less one
//   3                u32   anyHostTrie      offset   root for every host, 0: none
//   4                u32   exactCharsMax    chars    of the longest text of an exact host, 0: none
//   5                u32   wildcardCharsMax chars    of the longest text of a wildcard host (without '*.'), 0: none
//   6                u32   depthMax         levels   of the deepest node; a root has 0
//   7                u32   textCharsMax     chars    of the longest text of a segment or host
//   8                u32   visitsMax        nodes    that the worst path of the worst host makes a reader visit
//   9                u32   nodeCount        nodes    roots included
//   10               -     reserved         -        0, up to 16
//   16 + 2·s + 0     u32   slot s: key      -        childKey(parent, hash of the child's text)
//   16 + 2·s + 1     u32   slot s: child    offset   of the node, 0: the slot is free
//   n + 0            u32   node n: parent   offset   or, for a root, EXACT_HOSTS, WILDCARD_HOSTS or 0 (any host)
//   n + 1            i32   textChars        chars    of its segment or host; -1: a parameter
//   n + 2            i32   longestLiteral   chars    of the longest text of its literal children; -1: it has none
//   n + 3            u32   paramChild       offset   0: none
//   n + 4            u32   endMask          methods  of the routes that end here
//   n + 5            u32   restMask         methods  of the routes whose {rest*} begins after the slash that follows here
//   n + 6            u32   nextTrie         offset   root to try when this root's trie has no answer, 0: none; 0 off roots
//   n + 7            u32   paramCount       nodes    that are parameters, from the root to this one
//   n + 8            u8    text             chars    ASCII, zero up to the next word: textWords = ⌈textChars ÷ 4⌉
//   e = n + 8 + textWords  u32  endRoutes   index    of a route per bit of endMask, from the lowest bit on
//   e + bits of endMask    u32  restRoutes  index    of a route per bit of restMask, from the lowest bit on
//
// A method mask has bit i for method i (src/gateway/router/methods.ts) and bit 30 for ANY.
// A path is cut at each '/' from offset 1 on; a slash at its end makes a last, empty segment, which is a literal like any
// other. Level d of a trie stands for the first d segments.
// A text is hashed as it lies there, word by word, the last one filled up with zeros: hashWord from HASH_SEED on.
//
// Invariants: a literal child and a root for hosts are in the child table, at the first free slot from key & slotMask on,
// wrapping; a key may be there twice, so a reader compares parent and text. At least half of the slots are free. Routes
// end in '…/' through a child with the empty text. nextTrie leads from a host to its longest wildcard, on to shorter
// ones, then to anyHostTrie. Nodes lie in the order of a walk that takes parents before children, so that a path's nodes
// are near each other. The same routes give the same bytes, in whatever order they came.
// Limits: 64 segments to a path, so that depthMax ≤ 64; visitsMax ≤ 256; 2³¹ words.

export const TRIE_MAGIC = 0x51c1ce08;
export const TRIE_SEGMENTS_MAX = 64;
// 256 nodes take 6 µs, a third of what a proxied request costs; 10,000 routes as APIs have them need some 10.
export const TRIE_VISITS_MAX = 256;

export const TRIE_HEADER_WORDS = 16;
export const TRIE_SLOT_WORDS = 2;
export const TRIE_NODE_WORDS = 8;

/** Offsets of the header's fields. */
export const trieHeader = {
  magic: 0,
  wordCount: 1,
  slotMask: 2,
  anyHostTrie: 3,
  exactCharsMax: 4,
  wildcardCharsMax: 5,
  depthMax: 6,
  textCharsMax: 7,
  visitsMax: 8,
  nodeCount: 9,
} as const;

// Offsets in a node: constants of their own, because they are read on the request path.
export const NODE_PARENT = 0;
export const NODE_TEXT_CHARS = 1;
export const NODE_LONGEST_LITERAL = 2;
export const NODE_PARAM_CHILD = 3;
export const NODE_END_MASK = 4;
export const NODE_REST_MASK = 5;
export const NODE_NEXT_TRIE = 6;
export const NODE_PARAM_COUNT = 7;

// Parents of roots. Nodes begin after header and table, so that no node has such an offset.
export const ANY_HOST = 0;
export const EXACT_HOSTS = 1;
export const WILDCARD_HOSTS = 2;

/** The bit of routes for every method. */
export const ANY_METHOD = 1 << 30;

export const HASH_SEED = 0x811c9dc5 | 0;

/** Take four characters into a hash. The shift brings differences in a word's high bytes down: they would stay there. */
export function hashWord(hash: number, word: number): number {
  const mixed = Math.imul(hash ^ word, 0x9e3779b1);
  return mixed ^ (mixed >>> 15);
}

/** The key of a child in the table. */
export function childKey(parent: number, hash: number): number {
  const mixed = Math.imul(hash ^ Math.imul(parent, 0x85ebca6b), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
