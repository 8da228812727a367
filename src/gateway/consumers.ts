// Who a credential belongs to. Keys lie in the arena as SHA-256 only; a key that was verified is remembered, so that its
// next request costs a Map lookup (30 ns) instead of a digest (1 µs).

import { createHash } from 'node:crypto';
import { unpack } from 'msgpackr';
import type { CallerIndex } from '../base/ids.ts';
import { nameDigest } from '../base/name-digest.ts';
import type { Arena } from '../shm/arena.ts';
import type { ConsumerPlan } from './snapshot.ts';

// Longer ones cannot be configured; they are not worth a digest.
const KEY_CHARS_MAX = 512;
const NAME_CHARS_MAX = 128;
// 10,000 keys of at most 512 characters: 10 MB per worker at the worst. Only valid keys get in, so a flood of bad ones
// cannot push them out.
const VERIFIED_MAX = 10_000;

/** A consumer who calls with one of its keys. */
export interface Caller extends ConsumerPlan {
  /** Of the key. */
  readonly caller: CallerIndex;
  readonly keyId: string;
  /** What the upstream is told of it besides its name, as its token says. */
  readonly headerLines?: string;
}

export class Consumers {
  readonly #arena: Arena;
  readonly #consumers: (ConsumerPlan | undefined)[];
  readonly #verified = new Map<string, Caller>();

  constructor(arena: Arena) {
    this.#arena = arena;
    this.#consumers = new Array<ConsumerPlan | undefined>(arena.get('consumerCount')).fill(undefined);
  }

  /** @hot */
  byApiKey(key: string): Caller | undefined {
    const known = this.#verified.get(key);
    if (known !== undefined) return known;
    if (key.length > KEY_CHARS_MAX) return undefined;
    const consumer = this.#find(createHash('sha256').update(key, 'latin1').digest());
    if (consumer === undefined) return undefined;
    if (this.#verified.size >= VERIFIED_MAX) this.#verified.clear();
    this.#verified.set(key, consumer);
    return consumer;
  }

  /** Of a configuration that finds consumers so (CompileContext.needConsumerNames). Costs a digest. */
  byName(name: string): Caller | undefined {
    return name.length > NAME_CHARS_MAX ? undefined : this.#find(nameDigest(name));
  }

  #find(digest: Uint8Array): Caller | undefined {
    const index = this.#arena.findKey(digest);
    if (index < 0) return undefined;
    const plan = this.#consumer(index);
    return {
      ...plan,
      caller: this.#arena.findCaller(digest) as CallerIndex,
      keyId: plan.keyIds[this.#arena.findKeyOrdinal(digest) - plan.firstKey] ?? '',
    };
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
