// What a configuration holds, by name and digest, so that two can be compared without keeping either: who asks what a reload has
// changed is told names, and nothing of what stands under them.

import { createHash } from 'node:crypto';
import { pack, unpack } from 'msgpackr';
import type { Config } from '../config/config.ts';

/** What a reload has changed: gateway.limits, service/shop, route/shop/orders, consumer/alice, plan/gold, upstream/orders. */
export interface ConfigChanges {
  /** SHA-256 of sluice.yaml, in hexadecimal; '' for none. */
  readonly digestBefore: string;
  readonly digestAfter: string;
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly string[];
  /** What the lists have no room for. */
  readonly moreCount: number;
}

/** Plain data, packed: [digest of sluice.yaml, [name, digest of what stands there][]]. */
type Inventory = readonly [digest: string, items: readonly (readonly [string, string])[]];

const NAMES_MAX = 50;
// Of 96 bits two different things have the same digest once in 10^28.
const DIGEST_BYTES = 12;

/** @param text  of sluice.yaml */
export function packInventory(config: Config, text: string): Uint8Array {
  const items = [...itemsOf(config)].map(([name, value]) => [name, digest(value)] as const);
  const inventory: Inventory = [createHash('sha256').update(text).digest('hex'), items];
  // A copy: the packer's bytes lie in a larger buffer, all of which would be posted.
  return new Uint8Array(pack(inventory));
}

/** @param before  undefined: there was none */
export function compareInventories(before: Uint8Array | undefined, after: Uint8Array): ConfigChanges {
  const [digestBefore, itemsBefore] = before === undefined ? ['', []] : (unpack(before) as Inventory);
  const [digestAfter, itemsAfter] = unpack(after) as Inventory;
  const known = new Map(itemsBefore);
  const added: string[] = [];
  const changed: string[] = [];
  for (const [name, itsDigest] of itemsAfter) {
    const was = known.get(name);
    if (was === undefined) added.push(name);
    else if (was !== itsDigest) changed.push(name);
    known.delete(name);
  }
  const lists = { added, removed: [...known.keys()], changed };
  const cut = Object.fromEntries(Object.entries(lists).map(([list, names]) => [list, names.slice(0, NAMES_MAX)]));
  const count = Object.values(lists).reduce((sum, names) => sum + Math.max(0, names.length - NAMES_MAX), 0);
  return { digestBefore, digestAfter, ...(cut as typeof lists), moreCount: count };
}

function* itemsOf(config: Config): Iterable<readonly [string, unknown]> {
  for (const [key, value] of Object.entries(config.gateway)) yield [`gateway.${key}`, value];
  for (const { routes, ...service } of config.services) {
    yield [`service/${service.name}`, service];
    for (const route of routes) yield [`route/${service.name}/${route.name}`, route];
  }
  for (const upstream of config.upstreams) yield [`upstream/${upstream.name}`, upstream];
  for (const plan of config.plans) yield [`plan/${plan.name}`, plan];
  for (const consumer of config.consumers) yield [`consumer/${consumer.name}`, consumer];
}

function digest(value: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify(value) ?? '')
    .digest()
    .toString('base64url', 0, DIGEST_BYTES);
}
