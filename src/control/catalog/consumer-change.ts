// A change of one consumer: what it is made of, and why it may not be made.

import type { TakenField } from './consumer-db.ts';
import type { StoredConsumer } from './stored-consumer.ts';

/** Why a change was not made. */
export interface ChangeRefusal {
  /** missing: what it is about is not there; conflict: something else is in its way; invalid: it makes no sense; store: ask again later. */
  readonly kind: 'missing' | 'conflict' | 'invalid' | 'store';
  /** A sentence without a secret. */
  readonly message: string;
}

/** @param before  undefined: there is none @returns what it is to be, or why not */
export type MakeChange = (
  before: StoredConsumer | undefined,
) => Omit<StoredConsumer, 'rev'> | { readonly refusal: ChangeRefusal };

export interface ChangedConsumer {
  readonly before: StoredConsumer | undefined;
  readonly after: StoredConsumer;
}

export type ChangeResult = ChangedConsumer | { readonly refusal: ChangeRefusal };

export function refusal(kind: ChangeRefusal['kind'], message: string): { readonly refusal: ChangeRefusal } {
  return { refusal: { kind, message } };
}

export function takenRefusal({ field, keyId, owner }: TakenField): { readonly refusal: ChangeRefusal } {
  const whose = `of consumer ${owner}`;
  return refusal('conflict', field === 'id' ? `there is a key ${keyId} ${whose}` : `a key ${whose} has this secret`);
}
