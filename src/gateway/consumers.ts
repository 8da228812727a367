// Who a credential belongs to. Keys lie in the arena as SHA-256 only; a key that was verified is remembered, so that its
// next request costs a Map lookup (30 ns) instead of a digest (1 µs).

import { createHash } from 'node:crypto';
import { unpack } from 'msgpackr';
import type { CallerIndex } from '../base/ids.ts';
import { credentialDigest, nameDigest } from '../base/name-digest.ts';
import type { Arena } from '../shm/arena.ts';
import type { ConsumerPlan, KeyFacts } from './consumer-plan.ts';

// Longer ones cannot be configured; they are not worth a digest.
const KEY_CHARS_MAX = 512;
const NAME_CHARS_MAX = 128;
const CREDENTIAL_CHARS_MAX = 1_024;
// 10,000 keys of at most 512 characters: 10 MB per worker at the worst. Only valid keys get in, so a flood of bad ones
// cannot push them out.
const VERIFIED_MAX = 10_000;

/** A consumer who calls with one of its keys. */
export interface Caller extends ConsumerPlan {
  /** Of the key. */
  readonly caller: CallerIndex;
  readonly keyId: string;
  /** Of the key; undefined: there is nothing to know. */
  readonly facts: KeyFacts | undefined;
  /** Of its token; absent: it came with none. */
  readonly scopes?: readonly string[];
  /** What the upstream is told of it besides its name, as its token says. */
  readonly headerLines?: string;
}

/** Whether the key that the caller presented counts now. @param nowMs  since 1970 @hot */
export function isInForce({ fromMs = 0, untilMs = Number.POSITIVE_INFINITY }: KeyFacts, nowMs: number): boolean {
  return nowMs >= fromMs && nowMs < untilMs;
}

export class Consumers {
  readonly #arena: Arena;
  readonly #consumers: (ConsumerPlan | undefined)[];
  readonly #verified = new Map<string, Caller>();
  /** What counts no longer, or not for so long, by the digest's bytes as latin1 → until when; the snapshot does not know it. */
  readonly #curbs = new Map<string, number>();

  constructor(arena: Arena) {
    this.#arena = arena;
    this.#consumers = new Array<ConsumerPlan | undefined>(arena.get('consumerCount')).fill(undefined);
  }

  /**
   * A credential counts no longer than this, from now on.
   * @param digest  what finds it, 32 bytes
   * @param untilMs  since 1970; 0: it counts no more
   */
  curb(digest: Uint8Array, untilMs: number): void {
    const name = Buffer.from(digest).toString('latin1');
    this.#curbs.set(name, Math.min(untilMs, this.#curbs.get(name) ?? untilMs));
    // Which of them it is, is not known: each costs a digest once more.
    this.#verified.clear();
  }

  /** Whether it counts now is the caller's to ask. @hot */
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

  /**
   * By what a method looks a credential up by. Costs a digest.
   * @param kind  the method's
   */
  byCredential(kind: string, text: string): Caller | undefined {
    return text.length > CREDENTIAL_CHARS_MAX ? undefined : this.#find(credentialDigest(kind, text));
  }

  #find(digest: Uint8Array): Caller | undefined {
    const index = this.#arena.findKey(digest);
    if (index < 0) return undefined;
    const curbMs = this.#curbs.size === 0 ? undefined : this.#curbs.get(Buffer.from(digest).toString('latin1'));
    if (curbMs === 0) return undefined;
    const plan = this.#consumer(index);
    const place = this.#arena.findKeyOrdinal(digest) - plan.firstKey;
    const facts = plan.keyFacts?.[place] ?? undefined;
    return {
      ...plan,
      caller: this.#arena.findCaller(digest) as CallerIndex,
      keyId: plan.keyIds[place] ?? '',
      facts: curbMs === undefined ? facts : { ...facts, untilMs: Math.min(curbMs, facts?.untilMs ?? curbMs) },
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
