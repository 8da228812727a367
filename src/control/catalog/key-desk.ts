// Changes of consumers and keys as an operator asks for them: checked against what sluice.yaml has, written down, made, and in force
// when they are answered.

import { randomBytes } from 'node:crypto';
import type { ConsumerCatalog } from './consumer-catalog.ts';
import {
  type ChangedConsumer,
  type ChangeRefusal,
  type ChangeResult,
  type MakeChange,
  refusal,
} from './consumer-change.ts';
import { showKey } from './key-changes.ts';
import type { KeyRing } from './key-ring.ts';
import { isMistyped, newSecret, secretDigest } from './key-secret.ts';
import type { StoredConsumer, StoredKey } from './stored-consumer.ts';
import type { WrittenConsumers } from './written-consumers.ts';

/** As the audit log takes it (src/control/audit). */
export interface AuditedDeed {
  readonly operator: string;
  readonly address: string;
  readonly action: string;
  readonly resource: string;
  readonly before?: unknown;
  readonly after?: unknown;
}

export interface ChangeAudit {
  /**
   * Write down, then do. What throws is written down as failed, and thrown on.
   * @throws before anything is done when it cannot be written down
   */
  change<T>(deed: AuditedDeed, apply: () => Promise<T>): Promise<T>;
}

export interface KeyDeskOptions {
  readonly catalog: ConsumerCatalog;
  readonly written: WrittenConsumers;
  readonly ring: () => KeyRing;
  readonly audit: ChangeAudit;
  /** Milliseconds since 1970. */
  readonly wallMs: () => number;
}

export interface KeyOrder {
  readonly id?: string | undefined;
  readonly uses: readonly StoredKey['uses'][number][];
  readonly secret?: string | undefined;
  readonly fromMs?: number | undefined;
  readonly untilMs?: number | undefined;
  readonly requestSha256?: string | undefined;
}

/** A key that is to be, with its secret, for whoever asked for it. */
export interface MadeKey {
  readonly key: StoredKey;
  /** '' when it was given. */
  readonly shownSecret: string;
}

const ID_BYTES = 6;
const ID_CHARS_MAX = 128;
// How long an answer waits for a compilation.
const IN_FORCE_MS = 10_000;

class Refused extends Error {
  readonly refusal: ChangeRefusal;

  constructor(why: ChangeRefusal) {
    super(why.message);
    this.refusal = why;
  }
}

export class KeyDesk {
  readonly #options: KeyDeskOptions;

  constructor(options: KeyDeskOptions) {
    this.#options = options;
  }

  get catalog(): ConsumerCatalog {
    return this.#options.catalog;
  }

  get written(): WrittenConsumers {
    return this.#options.written;
  }

  get nowMs(): number {
    return this.#options.wallMs();
  }

  /** @returns whether everything that was changed until now is in force on this instance */
  inForce(): Promise<boolean> {
    return this.#options.catalog.inForce(IN_FORCE_MS);
  }

  /**
   * @param make  the same whenever it is called
   * @returns the change, which is durable, or why it was not made
   * @throws when it cannot be written down, or it is not known whether it was made
   */
  async change(name: string, deed: Omit<AuditedDeed, 'before' | 'after'>, make: MakeChange): Promise<ChangeResult> {
    const { catalog, audit } = this.#options;
    const before = catalog.get(name);
    const planned = make(before);
    if ('refusal' in planned) return planned;
    const told = {
      ...deed,
      before: before && showRecord(before),
      after: planned.isGone ? undefined : showRecord(planned),
    };
    try {
      return await audit.change(told, async (): Promise<ChangedConsumer> => {
        const result = await catalog.change(name, make);
        if ('refusal' in result) throw new Refused(result.refusal);
        return result;
      });
    } catch (error) {
      if (error instanceof Refused) return { refusal: error.refusal };
      throw error;
    }
  }

  /** @returns the key; or why it cannot be */
  async makeKey(consumer: string, order: KeyOrder): Promise<MadeKey | { readonly refusal: ChangeRefusal }> {
    const ring = this.#options.ring();
    const isSigning = order.uses.includes('hmac');
    if (isSigning && !ring.canSeal) {
      return refusal('conflict', 'gateway.encryptionKey is not set: secrets of keys for hmac could not be kept');
    }
    if (order.secret !== undefined && isMistyped(order.secret)) {
      return refusal('invalid', 'the secret begins as one that the gateway made, and is not whole');
    }
    const secret = order.secret ?? newSecret();
    const id = order.id ?? newId(consumer);
    const sha256 = secretDigest(secret);
    const twin = await this.#writtenTwin(id, sha256);
    if (twin !== undefined)
      return refusal('conflict', twin === 'id' ? `there is a key ${id} already` : 'another key has this secret');
    const { fromMs, untilMs, requestSha256 } = order;
    const key: StoredKey = {
      ...{ id, uses: [...new Set(order.uses)], sha256, createdMs: this.nowMs },
      ...(isSigning && { sealed: ring.seal(secret, id) }),
      ...(fromMs !== undefined && { fromMs }),
      ...(untilMs !== undefined && { untilMs }),
      ...(requestSha256 !== undefined && { requestSha256 }),
    };
    return { key, shownSecret: order.secret === undefined ? secret : '' };
  }

  /** Encrypt secrets with the newest key that were encrypted with older ones. @returns how many there are, and how many were */
  async reseal(
    deed: Omit<AuditedDeed, 'before' | 'after'>,
  ): Promise<{ sealed: number; resealed: number; lost: number }> {
    const ring = this.#options.ring();
    const counts = { sealed: 0, resealed: 0, lost: 0 };
    let after = '';
    for (;;) {
      const [record] = this.#options.catalog.list(after, 1);
      if (record === undefined) return counts;
      after = record.name;
      const sealed = record.keys.filter((key) => key.sealed !== undefined);
      const old = sealed.filter((key) => !ring.isNewest(key.sealed as Uint8Array));
      const lost = old.filter((key) => ring.unseal(key.sealed as Uint8Array, key.id) === undefined);
      counts.sealed += sealed.length;
      counts.lost += lost.length;
      if (old.length === lost.length) continue;
      const result = await this.change(record.name, { ...deed, resource: `consumer/${record.name}` }, (before) => {
        if (before === undefined) return refusal('missing', 'it was removed meanwhile');
        return { ...before, changedMs: this.nowMs, keys: before.keys.map((key) => resealed(ring, key)) };
      });
      if (!('refusal' in result)) counts.resealed += old.length - lost.length;
    }
  }

  /** What was revoked a moment ago is in the snapshot still: a snapshot of now decides. */
  async #writtenTwin(id: string, sha256: string): Promise<'id' | 'secret' | undefined> {
    const { written } = this.#options;
    if (written.twinOf(id, sha256) === undefined) return undefined;
    await this.inForce();
    return written.twinOf(id, sha256);
  }
}

/** For the audit log: settings, and keys without their secrets and digests. */
function showRecord({ plan, priority, claims, groups, permissions, keys }: Omit<StoredConsumer, 'rev'>) {
  return { plan, priority, claims, groups, permissions, keys: keys.map(showKey) };
}

function resealed(ring: KeyRing, key: StoredKey): StoredKey {
  const secret = key.sealed && !ring.isNewest(key.sealed) ? ring.unseal(key.sealed, key.id) : undefined;
  return secret === undefined ? key : { ...key, sealed: ring.seal(secret, key.id) };
}

/** alice-3f9a1c04be77, so that logs say whose it is. */
function newId(consumer: string): string {
  const random = randomBytes(ID_BYTES).toString('hex');
  return consumer.length + 1 + random.length <= ID_CHARS_MAX ? `${consumer}-${random}` : `key-${random}`;
}
