// A consumer as the store keeps it: plain data, for MessagePack. Secrets are in it as SHA-256, or sealed.

import { credentialDigest, nameDigest } from '../../base/name-digest.ts';
import type { KeyUse } from '../config/consumer-config.ts';

export interface StoredConsumer {
  readonly name: string;
  /** Of the change that made it what it is: of two records of a consumer the one with the higher counts. */
  readonly rev: number;
  /** It was removed: kept for a while, so that no copy brings it back. */
  readonly isGone?: true;
  /** Whether it is the store's; else sluice.yaml has the consumer, and the store only some of its keys. */
  readonly isOwn: boolean;
  readonly plan?: string;
  /** 0 to 15. */
  readonly priority?: number;
  readonly claims?: Readonly<Record<string, string>>;
  readonly groups?: readonly string[];
  /** Names of documents of sluice.yaml. */
  readonly permissions?: readonly string[];
  readonly keys: readonly StoredKey[];
  /** Milliseconds since 1970. */
  readonly changedMs: number;
}

export interface StoredKey {
  readonly id: string;
  readonly uses: readonly KeyUse[];
  /** SHA-256 of the secret, 64 hexadecimal digits. */
  readonly sha256: string;
  /** The secret, of a key that signs: sealed for storedPurpose(id). */
  readonly sealed?: Uint8Array;
  /** Milliseconds since 1970. */
  readonly createdMs: number;
  readonly fromMs?: number;
  readonly untilMs?: number;
  readonly isDisabled?: true;
  /** Of what the request that made it said that it is; it makes no second one. */
  readonly requestSha256?: string;
}

/** Until when a credential counts that counted for longer before; 0: no more. */
export type CurbedCredential = readonly [digest: Uint8Array, untilMs: number];

/** What a secret in the store is sealed for. */
export function storedPurpose(keyId: string): string {
  return `stored\0${keyId}`;
}

/** What a change takes away from those who call. @param after  undefined: the consumer is gone */
export function curbsBetween(
  before: StoredConsumer | undefined,
  after: StoredConsumer | undefined,
): readonly CurbedCredential[] {
  if (before === undefined || before.isGone === true) return [];
  const isGone = after === undefined || after.isGone === true;
  const kept = new Map(isGone ? [] : after.keys.map((key) => [`${key.id} ${key.sha256}`, key]));
  const curbs = before.keys.flatMap((key) => {
    const next = kept.get(`${key.id} ${key.sha256}`);
    return key.uses.flatMap((use): CurbedCredential[] => {
      const untilMs = next?.uses.includes(use) ? lastMoment(next) : 0;
      return untilMs < lastMoment(key) ? [[digestOf(key, use), untilMs]] : [];
    });
  });
  if (isGone && before.isOwn) curbs.push([nameDigest(before.name), 0]);
  return curbs;
}

function digestOf(key: StoredKey, use: KeyUse): Uint8Array {
  return use === 'api-key' ? Buffer.from(key.sha256, 'hex') : credentialDigest(use, key.id);
}

function lastMoment({ isDisabled, untilMs = Number.POSITIVE_INFINITY }: StoredKey): number {
  return isDisabled === true ? 0 : untilMs;
}
