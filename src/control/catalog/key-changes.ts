// Changes of a consumer and its keys: pure, the time passed in. Each says what the consumer is to be, or why not.

import { KEYS_MAX } from '../config/consumer-rules.ts';
import { type ChangeRefusal, type MakeChange, refusal } from './consumer-change.ts';
import type { StoredConsumer, StoredKey } from './stored-consumer.ts';

export interface ConsumerSettings {
  readonly plan?: string | undefined;
  readonly priority?: number | undefined;
  readonly claims?: Readonly<Record<string, string>> | undefined;
  readonly groups?: readonly string[] | undefined;
  readonly permissions?: readonly string[] | undefined;
}

/** null: it is to be no more. */
export type ConsumerPatch = { readonly [Name in keyof ConsumerSettings]?: ConsumerSettings[Name] | null };

export interface KeyPatch {
  readonly fromMs?: number | null | undefined;
  readonly untilMs?: number | null | undefined;
  readonly isDisabled?: boolean | undefined;
}

type NextConsumer = Omit<StoredConsumer, 'rev'>;

/** Whatever it was, it is this now; its keys stay. */
export function setConsumer(name: string, settings: ConsumerSettings, nowMs: number): MakeChange {
  return (before) => ({ name, isOwn: true, keys: before?.keys ?? [], changedMs: nowMs, ...present(settings) });
}

export function patchConsumer(name: string, patch: ConsumerPatch, nowMs: number): MakeChange {
  return (before) => {
    if (before?.isOwn !== true) return noConsumer(name);
    const { plan, priority, claims, groups, permissions } = before;
    const merged = { plan, priority, claims, groups, permissions, ...patch };
    return { name, isOwn: true, keys: before.keys, changedMs: nowMs, ...present(merged) };
  };
}

export function removeConsumer(name: string, nowMs: number): MakeChange {
  return (before) => {
    if (before === undefined) return noConsumer(name);
    return { name, isGone: true, isOwn: before.isOwn, keys: [], changedMs: nowMs };
  };
}

/** @param isWritten  sluice.yaml has the consumer */
export function addKey(name: string, key: StoredKey, isWritten: boolean): MakeChange {
  return (before) => {
    if (before === undefined && !isWritten) return noConsumer(name);
    if ((before?.keys.length ?? 0) >= KEYS_MAX) return refusal('conflict', `a consumer has at most ${KEYS_MAX} keys`);
    const twin = key.requestSha256 && before?.keys.find(({ requestSha256 }) => requestSha256 === key.requestSha256);
    if (twin) return repeated(twin);
    return withKeys(
      before ?? { name, isOwn: false, keys: [], changedMs: 0 },
      [...(before?.keys ?? []), key],
      key.createdMs,
    );
  };
}

export function removeKey(name: string, id: string, nowMs: number): MakeChange {
  return changeKey(name, id, nowMs, () => []);
}

export function patchKey(name: string, id: string, patch: KeyPatch, nowMs: number): MakeChange {
  return changeKey(name, id, nowMs, (key) => {
    const { fromMs: _from, untilMs: _until, isDisabled: _disabled, ...fixed } = key;
    const fromMs = patch.fromMs === undefined ? key.fromMs : (patch.fromMs ?? undefined);
    const untilMs = patch.untilMs === undefined ? key.untilMs : (patch.untilMs ?? undefined);
    if (fromMs !== undefined && untilMs !== undefined && fromMs >= untilMs) {
      return refusal('invalid', 'expires is not after notBefore');
    }
    const isDisabled = patch.isDisabled ?? key.isDisabled === true;
    return [{ ...fixed, ...present({ fromMs, untilMs }), ...(isDisabled && { isDisabled: true as const }) }];
  });
}

/** The old one counts for the overlap beside the new one. @param made  the new one, of the same uses */
export function rotateKey(name: string, id: string, overlapMs: number, made: StoredKey, nowMs: number): MakeChange {
  return (before) => {
    const twin = made.requestSha256 && before?.keys.find(({ requestSha256 }) => requestSha256 === made.requestSha256);
    if (twin) return repeated(twin);
    return changeKey(name, id, nowMs, (old) => {
      if (old.isDisabled === true) return refusal('conflict', `key ${id} is disabled`);
      const untilMs = Math.min(old.untilMs ?? Number.POSITIVE_INFINITY, nowMs + overlapMs);
      const kept = overlapMs === 0 ? [] : [{ ...old, untilMs }];
      return [...kept, made];
    })(before);
  };
}

/** What can be told of a key to whoever may look: nothing that is secret. */
export function showKey({ id, uses, createdMs, fromMs, untilMs, isDisabled }: StoredKey) {
  return {
    ...{ id, use: uses, source: 'store', created: printTime(createdMs) },
    ...(fromMs !== undefined && { notBefore: printTime(fromMs) }),
    ...(untilMs !== undefined && { expires: printTime(untilMs) }),
    ...(isDisabled === true && { disabled: true }),
  };
}

export function printTime(ms: number): string {
  return new Date(ms).toISOString();
}

function changeKey(
  name: string,
  id: string,
  nowMs: number,
  change: (key: StoredKey) => readonly StoredKey[] | { readonly refusal: ChangeRefusal },
): MakeChange {
  return (before) => {
    const key = before?.keys.find((each) => each.id === id);
    if (before === undefined || key === undefined) {
      return refusal('missing', `consumer ${name} has no key ${id} that was made at run time`);
    }
    const changed = change(key);
    if ('refusal' in changed) return changed;
    return withKeys(
      before,
      before.keys.flatMap((each) => (each === key ? changed : [each])),
      nowMs,
    );
  };
}

/** A consumer of sluice.yaml that has no key here any more is none of the store's. */
function withKeys(before: NextConsumer, keys: readonly StoredKey[], nowMs: number): NextConsumer {
  const { name, isOwn, plan, priority, claims, groups, permissions } = before;
  const isGone = !isOwn && keys.length === 0;
  return {
    name,
    isOwn,
    keys,
    changedMs: nowMs,
    ...(isGone && { isGone }),
    ...present({ plan, priority, claims, groups, permissions }),
  };
}

type Present<T> = { -readonly [Name in keyof T]?: NonNullable<T[Name]> };

function present<T extends object>(values: T): Present<T> {
  return Object.fromEntries(
    Object.entries(values).filter(([, value]) => value !== undefined && value !== null),
  ) as Present<T>;
}

function noConsumer(name: string) {
  return refusal('missing', `there is no consumer ${name} that was made at run time`);
}

function repeated({ id }: StoredKey) {
  return refusal('conflict', `this was done already: it made key ${id}, whose secret was shown to the first request`);
}
