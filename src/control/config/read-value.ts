// The tree of a YAML document → plain values, in one pass: ${NAME} and ${file:PATH} filled in, aliases followed, repeated keys refused.
//
// Maps become objects without a prototype, so that no key can be mistaken for an inherited property.

import {
  type Alias,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  type ParsedNode,
  type Scalar,
  type YAMLMap,
} from 'yaml';
import type { ConfigFiles } from './config-files.ts';
import { type Environment, interpolate } from './interpolate.ts';

// An alias may stand for many nodes, and they for more aliases: bound what all of them together stand for. 10,000 routes
// that share a list of policies of 20 nodes are 200,000.
const ALIASED_NODES_MAX = 1_000_000;

export type Path = readonly (string | number)[];

export interface ValueIssue {
  readonly path: Path;
  readonly offset: number;
  readonly message: string;
}

export interface ReadValue {
  readonly value: unknown;
  readonly issues: readonly ValueIssue[];
  /** What each alias stands for. */
  readonly targets: ReadonlyMap<Alias, ParsedNode>;
  /** Nodes that already have an issue of their own: nothing more is to be said about them. */
  readonly broken: ReadonlySet<Node>;
  /** Where ${NAME} was filled in: what stands there is kept out of messages. */
  readonly filledIn: readonly Path[];
}

export function readValue(root: ParsedNode | null, env: Environment, files: ConfigFiles): ReadValue {
  const reader = new ValueReader(env, files);
  const value = reader.read(root, []);
  const { issues, targets, broken, filledIn } = reader;
  return { value, issues, targets, broken, filledIn };
}

class ValueReader {
  readonly issues: ValueIssue[] = [];
  readonly targets = new Map<Alias, ParsedNode>();
  readonly broken = new Set<Node>();
  readonly filledIn: Path[] = [];
  readonly #env: Environment;
  readonly #files: ConfigFiles;
  readonly #anchors = new Map<string, ParsedNode>();
  /** Nodes whose reading has begun and not ended: an alias to one of them would never end. */
  readonly #open = new Set<Node>();
  #aliasDepth = 0;
  #aliasedNodes = 0;

  constructor(env: Environment, files: ConfigFiles) {
    this.#env = env;
    this.#files = files;
  }

  read(node: ParsedNode | null, path: Path): unknown {
    if (node === null) return null;
    if (this.#aliasDepth > 0) this.#aliasedNodes++;
    if (isAlias(node)) return this.#readAlias(node, path);
    // The anchor counts from here on; its own node may not use it.
    if (node.anchor !== undefined && this.#aliasDepth === 0) this.#anchors.set(node.anchor, node);
    this.#open.add(node);
    const value = this.#readNode(node, path);
    this.#open.delete(node);
    return value;
  }

  #readNode(node: ParsedNode, path: Path): unknown {
    if (isScalar(node)) return this.#readScalar(node, path);
    if (isSeq(node)) return node.items.map((item, index) => this.read(item as ParsedNode, [...path, index]));
    if (isMap(node)) return this.#readMap(node as YAMLMap.Parsed, path);
    return null;
  }

  #readScalar(node: Scalar, path: Path): unknown {
    if (typeof node.value !== 'string' || !node.value.includes('${')) return node.value;
    const { text, problems, hasReference } = interpolate(node.value, this.#env, this.#files);
    if (hasReference) this.filledIn.push(path);
    for (const problem of problems) this.#report(node, path, problem);
    return text;
  }

  #readMap(map: YAMLMap.Parsed, path: Path): unknown {
    const value = Object.create(null) as Record<string, unknown>;
    for (const pair of map.items) {
      const key = keyOf(pair.key);
      const keyPath = [...path, key];
      if (key in value) this.#report(pair.key, keyPath, 'this key stands twice');
      else value[key] = this.read(pair.value, keyPath);
    }
    return value;
  }

  #readAlias(alias: Alias, path: Path): unknown {
    // An alias inside an alias was met before: its anchor may have been given to another node since.
    const target = this.targets.get(alias) ?? this.#anchors.get(alias.source);
    if (target === undefined) {
      this.#report(alias, path, 'no anchor of this name stands before this alias');
      return null;
    }
    if (this.#open.has(target)) {
      this.#report(alias, path, 'this alias stands for a value that contains it');
      return null;
    }
    if (this.#aliasedNodes > ALIASED_NODES_MAX) {
      this.#report(alias, path, 'the aliases of this file stand for too many values');
      return null;
    }
    this.targets.set(alias, target);
    this.#aliasDepth++;
    const value = this.read(target, path);
    this.#aliasDepth--;
    return value;
  }

  /** Once for each node, however many aliases lead to it. */
  #report(node: Node, path: Path, message: string): void {
    if (this.broken.has(node)) return;
    this.broken.add(node);
    this.issues.push({ path, offset: node.range?.[0] ?? 0, message });
  }
}

/** With stringKeys every key is a text; one that is not was refused before. */
export function keyOf(key: Node): string {
  return isScalar(key) ? String(key.value) : '';
}
