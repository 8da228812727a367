// Where in the file a value stands, and how it is shown in a message.

import { isAlias, isMap, isScalar, isSeq, type Node, type ParsedNode, type YAMLMap } from 'yaml';
import type { YamlTree } from './parse-yaml.ts';
import { keyOf, type Path, type ReadValue } from './read-value.ts';

const SHOWN_CHARS_MAX = 40;
// In a path: whatever stands there.
const ANY = '*';
// Everything below it may be a secret, or a secret at the wrong place.
const SECRET_SECTIONS: readonly Path[] = [
  ['consumers'],
  ['gateway', 'alerts', 'secret'],
  ['gateway', 'alerts', 'webhook'],
  ['gateway', 'encryptionKey'],
  ['gateway', 'explain', 'secret'],
  ['gateway', 'listen', 'tls', 'key'],
  ['gateway', 'listen', 'tls', 'sni', ANY, 'key'],
  ['gateway', 'listen', ANY, 'tls', 'key'],
  ['gateway', 'listen', ANY, 'tls', 'sni', ANY, 'key'],
  ['gateway', 'redis'],
  ['gateway', 'tracing', 'headers'],
  ['services', ANY, 'policies', ANY, 'auth', ANY, ANY, 'jwt', 'keys'],
  ['services', ANY, 'policies', ANY, 'auth', ANY, ANY, 'jwt', 'secret'],
  ['services', ANY, 'routes', ANY, 'policies', ANY, 'auth', ANY, ANY, 'jwt', 'keys'],
  ['services', ANY, 'routes', ANY, 'policies', ANY, 'auth', ANY, ANY, 'jwt', 'secret'],
  ['upstreams', ANY, 'tls', 'key'],
];
const PEM = '-----BEGIN ';
// A user name and password in a URL; a password may hold a slash where it should not.
const USER_INFO = /\/\/.*@/s;

export interface Position {
  readonly line: number;
  readonly column: number;
}

interface Entry {
  readonly key: Node;
  readonly value: ParsedNode | null;
}

export class SourceFile {
  readonly #tree: YamlTree;
  readonly #read: ReadValue;
  /** Entries by key, made for the maps that messages speak of. */
  readonly #entries = new WeakMap<Node, ReadonlyMap<string, Entry>>();
  #filledIn: ReadonlySet<string> | undefined;

  constructor(tree: YamlTree, read: ReadValue) {
    this.#tree = tree;
    this.#read = read;
  }

  positionAt(offset: number): Position {
    const { line, col } = this.#tree.lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  }

  /** The value at this path; for one that is missing, the key of what it is missing from. */
  positionOf(path: Path): Position {
    const found = this.#find(path);
    return this.positionAt((found.value ?? found.key ?? this.#tree.root)?.range?.[0] ?? 0);
  }

  /** The key at the end of this path, or where positionOf points when there is none. */
  positionOfKey(path: Path): Position {
    const { key, isWhole } = this.#find(path);
    return isWhole && key !== undefined ? this.positionAt(key.range?.[0] ?? 0) : this.positionOf(path);
  }

  /** Whether something on the way there has an issue of its own already. */
  isBroken(path: Path): boolean {
    return this.#find(path).isBroken;
  }

  /** As it stands in the file, shortened; undefined when it is not there. */
  show(path: Path): string | undefined {
    const { node, isWhole } = this.#find(path);
    if (!isWhole) return undefined;
    if (node === null) return 'nothing';
    if (isMap(node)) return 'a map';
    if (isSeq(node)) return 'a list';
    // What an alias stands for may be a secret from elsewhere.
    if (isAlias(node)) return 'an alias';
    if (!isScalar(node)) return undefined;
    if (node.value === null) return 'nothing';
    if (isSecret(path)) return typeof node.value === 'string' ? 'text' : `a ${typeof node.value}`;
    return typeof node.value === 'string' ? showText(node.value) : shorten(node.source ?? String(node.value));
  }

  /** A word that the reader knows, so that it is no secret, as it stands in the file. */
  showWord(path: Path): string {
    const { node } = this.#find(path);
    return isScalar(node) && typeof node.value === 'string' ? shorten(node.value) : 'this';
  }

  /** Whether the value there came from the environment, in part or whole. */
  isFilledIn(path: Path): boolean {
    this.#filledIn ??= new Set(this.#read.filledIn.map((filled) => JSON.stringify(filled)));
    return this.#filledIn.has(JSON.stringify(path));
  }

  /** Whether the value at any such place came from the environment. */
  isAnyFilledIn(isAt: (path: Path) => boolean): boolean {
    return this.#read.filledIn.some(isAt);
  }

  #find(path: Path): Found {
    let node: ParsedNode | null = this.#tree.root;
    let key: Node | undefined;
    let isBroken = node !== null && this.#read.broken.has(node);
    for (const step of path) {
      const entry = this.#step(node, step);
      if (entry === undefined)
        return { node: null, key, value: key === undefined ? node : null, isWhole: false, isBroken };
      key = entry.key;
      node = entry.value;
      isBroken ||= this.#read.broken.has(key) || (node !== null && this.#read.broken.has(node));
    }
    return { node, key, value: hasText(node) ? node : null, isWhole: true, isBroken };
  }

  #step(from: ParsedNode | null, step: string | number): Entry | undefined {
    const node = from !== null && isAlias(from) ? (this.#read.targets.get(from) ?? null) : from;
    if (isSeq(node)) {
      const item = node.items[Number(step)] as ParsedNode | undefined;
      return item === undefined ? undefined : { key: item, value: item };
    }
    return isMap(node) ? this.#entriesOf(node as YAMLMap.Parsed).get(String(step)) : undefined;
  }

  #entriesOf(map: YAMLMap.Parsed): ReadonlyMap<string, Entry> {
    let entries = this.#entries.get(map);
    if (entries === undefined) {
      // Of a repeated key the first counts, as in readValue: set from the last to the first.
      entries = new Map(map.items.toReversed().map((pair) => [keyOf(pair.key), { key: pair.key, value: pair.value }]));
      this.#entries.set(map, entries);
    }
    return entries;
  }
}

interface Found {
  readonly node: ParsedNode | null;
  readonly key: Node | undefined;
  /** What to point at, when it takes room in the file. */
  readonly value: ParsedNode | null;
  readonly isWhole: boolean;
  readonly isBroken: boolean;
}

/** An empty value lies after the colon, often on the next line: its key is the better place. */
function hasText(node: ParsedNode | null): boolean {
  return node !== null && (!isScalar(node) || node.range[1] > node.range[0]);
}

function isSecret(path: Path): boolean {
  return SECRET_SECTIONS.some((section) =>
    section.every((step, index) => path[index] === step || (step === ANY && index < path.length)),
  );
}

function showText(text: string): string {
  // Written where the name of a file belongs.
  if (text.includes(PEM)) return 'PEM text';
  return JSON.stringify(shorten(text.replace(USER_INFO, '//***@')));
}

function shorten(text: string): string {
  return text.length <= SHOWN_CHARS_MAX ? text : `${text.slice(0, SHOWN_CHARS_MAX)}…`;
}
