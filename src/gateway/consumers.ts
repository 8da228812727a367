// Who a credential belongs to. Keys lie in the arena as SHA-256 only; a key that was verified is remembered, so that its
// next request costs a Map lookup (30 ns) instead of a digest (1 µs).

import { createHash } from 'node:crypto';
import { unpack } from 'msgpackr';
import type { Arena } from '../shm/arena.ts';
import type { ConsumerPlan } from './snapshot.ts';

// Longer ones cannot be configured; they are not worth a digest.
const KEY_CHARS_MAX = 512;
// 10,000 keys of at most 512 characters: 10 MB per worker at the worst. Only valid keys get in, so a flood of bad ones
// cannot push them out.
const VERIFIED_MAX = 10_000;

export class Consumers {
  readonly #arena: Arena;
  readonly #consumers: (ConsumerPlan | undefined)[];
  readonly #verified = new Map<string, ConsumerPlan>();

  constructor(arena: Arena) {
    this.#arena = arena;
    this.#consumers = new Array<ConsumerPlan | undefined>(arena.get('consumerCount')).fill(undefined);
  }

  /** @hot */
  byApiKey(key: string): ConsumerPlan | undefined {
    const known = this.#verified.get(key);
    if (known !== undefined) return known;
    if (key.length > KEY_CHARS_MAX) return undefined;
    const index = this.#arena.findKey(createHash('sha256').update(key, 'latin1').digest());
    if (index < 0) return undefined;
    const consumer = this.#consumer(index);
    if (this.#verified.size >= VERIFIED_MAX) this.#verified.clear();
    this.#verified.set(key, consumer);
    return consumer;
  }

  #consumer(index: number): ConsumerPlan {
    let consumer = this.#consumers[index];
    if (consumer === undefined) {
      consumer = unpack(this.#arena.consumerPlan(index)) as ConsumerPlan;
      this.#consumers[index] = consumer;
    }
    return consumer;
  }
}
