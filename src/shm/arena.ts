// An arena: one snapshot's bytes. Written by the task worker that compiled it (and, the index tables, by the main
// thread), then read-only for every gateway worker until no one pins it, then used again.
//
//   offset  type  field           unit     meaning
//   -----------------------------------------------------------------------------------------------------------------
//   0       u32   magic           -        0x51C1CE04
//   4       u32   epoch           -        number of the snapshot
//   8       u32   usedBytes       bytes    of the arena
//   12      u32   gatewayAt       bytes    offset of the packed GatewayPlan
//   16      u32   gatewayBytes    bytes
//   20      u32   trieAt          bytes    offset of the route trie (trie-layout.ts)
//   24      u32   trieBytes       bytes
//   28      u32   routeCount      -
//   32      u32   routesAt        bytes    offset of routeCount × { planAt u32, planBytes u32 }: packed RoutePlans
//   36      u32   seriesAt        bytes    offset of (routeCount + rules) × u32: SeriesIndex of each     (main thread)
//   40      u32   limitCount      -
//   44      u32   limitsAt        bytes    offset of limitCount × u32: LimitIndex of each limit         (main thread)
//   48      u32   targetCount     -
//   52      u32   targetsAt       bytes    offset of targetCount × u32: TargetIndex, upstreams in order (main thread)
//   56      u32   consumerCount   -
//   60      u32   consumersAt     bytes    offset of consumerCount × { planAt u32, planBytes u32 }: packed ConsumerPlans
//   64      u32   keyCapacity     slots    power of two, at least twice the number of keys, or 0
//   68      u32   keysAt          bytes    offset of keyCapacity × { digest u32 × 8, consumer + 1 u32, keyOrdinal u32 }
//   72      u32   upstreamCount   -
//   76      u32   upstreamsAt     bytes    offset of upstreamCount × u32: UpstreamIndex, in order               (main thread)
//   80      u32   loadCount       -
//   84      u32   loadsAt         bytes    offset of loadCount × u32: LoadIndex of each upstream that has a limit (main thread)
//   88      u32   keyCount        -
//   92      u32   callersAt       bytes    offset of keyCount × u32: CallerIndex, by the keys' ordinals         (main thread)
//
// Invariants: offsets are multiples of 4; everything lies below usedBytes. Keys are found by linear probing from digest
// word 0 (SHA-256, big-endian words) modulo keyCapacity; consumer + 1 = 0 marks a free slot. Rules that steer have their series
// behind the routes', at the index that their plan says.
// Limits: 1 GiB per arena.

import { assert } from '../base/assert.ts';

export const ARENA_MAGIC = 0x51c1ce04;
export const ARENA_HEADER_BYTES = 128;
export const KEY_SLOT_WORDS = 10;
const ARENA_BYTES_MAX = 2 ** 30;

export const arenaFields = {
  magic: 0,
  epoch: 4,
  usedBytes: 8,
  gatewayAt: 12,
  gatewayBytes: 16,
  trieAt: 20,
  trieBytes: 24,
  routeCount: 28,
  routesAt: 32,
  seriesAt: 36,
  limitCount: 40,
  limitsAt: 44,
  targetCount: 48,
  targetsAt: 52,
  consumerCount: 56,
  consumersAt: 60,
  keyCapacity: 64,
  keysAt: 68,
  upstreamCount: 72,
  upstreamsAt: 76,
  loadCount: 80,
  loadsAt: 84,
  keyCount: 88,
  callersAt: 92,
} as const;
export type ArenaField = keyof typeof arenaFields;

/** The parts of a snapshot, ready to be laid out. */
export interface ArenaParts {
  readonly epoch: number;
  readonly gateway: Uint8Array;
  readonly trie: Int32Array;
  readonly routes: readonly Uint8Array[];
  /** Rules that steer: each has a series, as each route has. */
  readonly ruleCount: number;
  readonly limitCount: number;
  readonly targetCount: number;
  readonly upstreamCount: number;
  /** Upstreams that have a limit. */
  readonly loadCount: number;
  readonly consumers: readonly Uint8Array[];
  /** SHA-256 of each key with the index of its consumer; their ordinals are 0 to keys.length - 1, each once. */
  readonly keys: readonly { readonly digest: Uint8Array; readonly consumer: number; readonly ordinal: number }[];
}

/** Read access to an arena, and write access to its index tables. */
export class Arena {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Uint32Array;

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.#words = new Uint32Array(buffer);
    assert(this.#words[0] === ARENA_MAGIC, 'the buffer is an arena');
  }

  get(field: ArenaField): number {
    return this.#words[arenaFields[field] >> 2] ?? 0;
  }

  /** The route trie, in place. */
  trieWords(): Int32Array {
    return new Int32Array(this.buffer, this.get('trieAt'), this.get('trieBytes') >> 2);
  }

  /** A copy (decoders do not take shared memory) of the packed GatewayPlan. */
  gatewayPlan(): Buffer {
    return this.#copy(this.get('gatewayAt'), this.get('gatewayBytes'));
  }

  routePlan(route: number): Buffer {
    return this.#packed('routesAt', route);
  }

  consumerPlan(consumer: number): Buffer {
    return this.#packed('consumersAt', consumer);
  }

  seriesOf(route: number): number {
    return this.#words[(this.get('seriesAt') >> 2) + route] ?? 0;
  }

  seriesOfRule(rule: number): number {
    return this.seriesOf(this.get('routeCount') + rule);
  }

  limitOf(limit: number): number {
    return this.#words[(this.get('limitsAt') >> 2) + limit] ?? 0;
  }

  targetOf(target: number): number {
    return this.#words[(this.get('targetsAt') >> 2) + target] ?? 0;
  }

  upstreamOf(upstream: number): number {
    return this.#words[(this.get('upstreamsAt') >> 2) + upstream] ?? 0;
  }

  loadOf(load: number): number {
    return this.#words[(this.get('loadsAt') >> 2) + load] ?? 0;
  }

  /** For the main thread, before the arena is posted. */
  writeIndexes(
    table: 'seriesAt' | 'limitsAt' | 'targetsAt' | 'upstreamsAt' | 'loadsAt' | 'callersAt',
    indexes: ArrayLike<number>,
  ): void {
    this.#words.set(indexes, this.get(table) >> 2);
  }

  /** @returns the index of the consumer whose key has this SHA-256, or -1 */
  findKey(digest: Uint8Array): number {
    const slot = this.#findKeySlot(digest);
    return slot < 0 ? -1 : (this.#words[slot + 8] ?? 0) - 1;
  }

  /** @returns the ordinal of the key that has this SHA-256, or -1 */
  findKeyOrdinal(digest: Uint8Array): number {
    const slot = this.#findKeySlot(digest);
    return slot < 0 ? -1 : (this.#words[slot + 9] ?? 0);
  }

  /** @returns the CallerIndex of the key that has this SHA-256, or -1 */
  findCaller(digest: Uint8Array): number {
    const ordinal = this.findKeyOrdinal(digest);
    return ordinal < 0 ? -1 : (this.#words[(this.get('callersAt') >> 2) + ordinal] ?? 0);
  }

  /** @returns the first word of its slot, or -1 */
  #findKeySlot(digest: Uint8Array): number {
    const capacity = this.get('keyCapacity');
    if (capacity === 0) return -1;
    const view = new DataView(digest.buffer, digest.byteOffset, 32);
    const keysAt = this.get('keysAt') >> 2;
    for (let probe = view.getUint32(0) & (capacity - 1); ; probe = (probe + 1) & (capacity - 1)) {
      const at = keysAt + probe * KEY_SLOT_WORDS;
      const consumerPlusOne = this.#words[at + 8] ?? 0;
      if (consumerPlusOne === 0) return -1;
      let differs = 0;
      for (let word = 0; word < 8; word++) differs |= (this.#words[at + word] ?? 0) ^ view.getUint32(word * 4);
      if (differs === 0) return at;
    }
  }

  #packed(table: 'routesAt' | 'consumersAt', index: number): Buffer {
    const at = (this.get(table) >> 2) + index * 2;
    return this.#copy(this.#words[at] ?? 0, this.#words[at + 1] ?? 0);
  }

  #copy(at: number, bytes: number): Buffer {
    return Buffer.from(new Uint8Array(this.buffer, at, bytes));
  }
}

/**
 * Lay a snapshot out.
 * @param take  gives a shared buffer of at least so many bytes: a recycled one where there is one
 */
export function writeArena(parts: ArenaParts, take: (bytes: number) => SharedArrayBuffer): Arena {
  const layout = layOut(parts);
  assert(layout.usedBytes <= ARENA_BYTES_MAX, 'a snapshot fits in 1 GiB');
  const buffer = take(layout.usedBytes);
  const words = new Uint32Array(buffer);
  const bytes = new Uint8Array(buffer);
  bytes.fill(0, 0, ARENA_HEADER_BYTES);
  for (const field of Object.keys(arenaFields) as ArenaField[]) words[arenaFields[field] >> 2] = layout[field];
  bytes.set(parts.gateway, layout.gatewayAt);
  new Int32Array(buffer, layout.trieAt, parts.trie.length).set(parts.trie);
  const afterRoutes = writePacked(buffer, layout.routesAt, layout.packedAt, parts.routes);
  writePacked(buffer, layout.consumersAt, afterRoutes, parts.consumers);
  writeKeys(
    new Uint32Array(buffer, layout.keysAt, layout.keyCapacity * KEY_SLOT_WORDS),
    parts.keys,
    layout.keyCapacity,
  );
  return new Arena(buffer);
}

function layOut(parts: ArenaParts) {
  const keyCapacity = parts.keys.length === 0 ? 0 : 2 ** Math.ceil(Math.log2(parts.keys.length * 2));
  const packedBytes = [...parts.routes, ...parts.consumers].reduce((sum, plan) => sum + aligned(plan.length), 0);
  const gatewayAt = ARENA_HEADER_BYTES;
  const trieAt = gatewayAt + aligned(parts.gateway.length);
  const routesAt = trieAt + parts.trie.length * 4;
  const seriesAt = routesAt + parts.routes.length * 8;
  const limitsAt = seriesAt + (parts.routes.length + parts.ruleCount) * 4;
  const targetsAt = limitsAt + parts.limitCount * 4;
  const upstreamsAt = targetsAt + parts.targetCount * 4;
  const loadsAt = upstreamsAt + parts.upstreamCount * 4;
  const callersAt = loadsAt + parts.loadCount * 4;
  const consumersAt = callersAt + parts.keys.length * 4;
  const keysAt = consumersAt + parts.consumers.length * 8;
  const packedAt = keysAt + keyCapacity * KEY_SLOT_WORDS * 4;
  return {
    magic: ARENA_MAGIC,
    epoch: parts.epoch,
    usedBytes: packedAt + packedBytes,
    gatewayAt,
    gatewayBytes: parts.gateway.length,
    trieAt,
    trieBytes: parts.trie.length * 4,
    routeCount: parts.routes.length,
    routesAt,
    seriesAt,
    limitCount: parts.limitCount,
    limitsAt,
    targetCount: parts.targetCount,
    targetsAt,
    consumerCount: parts.consumers.length,
    consumersAt,
    keyCapacity,
    keysAt,
    upstreamCount: parts.upstreamCount,
    upstreamsAt,
    loadCount: parts.loadCount,
    loadsAt,
    keyCount: parts.keys.length,
    callersAt,
    packedAt,
  };
}

function writePacked(buffer: SharedArrayBuffer, tableAt: number, at: number, plans: readonly Uint8Array[]): number {
  const words = new Uint32Array(buffer);
  const bytes = new Uint8Array(buffer);
  let next = at;
  plans.forEach((plan, index) => {
    words[(tableAt >> 2) + index * 2] = next;
    words[(tableAt >> 2) + index * 2 + 1] = plan.length;
    bytes.set(plan, next);
    next += aligned(plan.length);
  });
  return next;
}

function writeKeys(words: Uint32Array, keys: ArenaParts['keys'], capacity: number): void {
  words.fill(0);
  for (const { digest, consumer, ordinal } of keys) {
    const view = new DataView(digest.buffer, digest.byteOffset, 32);
    let probe = view.getUint32(0) & (capacity - 1);
    while (words[probe * KEY_SLOT_WORDS + 8] !== 0) probe = (probe + 1) & (capacity - 1);
    const at = probe * KEY_SLOT_WORDS;
    for (let word = 0; word < 8; word++) words[at + word] = view.getUint32(word * 4);
    words[at + 8] = consumer + 1;
    words[at + 9] = ordinal;
  }
}

function aligned(bytes: number): number {
  return (bytes + 3) & ~3;
}
