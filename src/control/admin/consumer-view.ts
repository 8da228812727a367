// Consumers as the admin port shows them: those of sluice.yaml and those of the store, by name.

import type { KeyFacts } from '../../gateway/consumer-plan.ts';
import { showKey } from '../catalog/key-changes.ts';
import type { KeyDesk } from '../catalog/key-desk.ts';
import type { StoredConsumer } from '../catalog/stored-consumer.ts';
import type { KnownConsumer } from '../catalog/written-consumers.ts';

/** One that the store, the snapshot or both have. */
interface ConsumerParts {
  readonly name: string;
  readonly record: StoredConsumer | undefined;
  readonly known: KnownConsumer | undefined;
}

/** @returns undefined: nobody is called so */
export function showConsumer(desk: KeyDesk, name: string) {
  const parts = partsOf(desk, name);
  return parts && { ...showSettings(parts), keys: showKeys(parts) };
}

/** @param after  a name, '' for the first @returns a page, in the order of their names */
export function listConsumers(desk: KeyDesk, after: string, count: number) {
  const records = new Map(desk.catalog.list(after, count).map((record) => [record.name, record]));
  const known = new Map(desk.written.list(after, count).map((consumer) => [consumer.plan.name, consumer]));
  const names = [...new Set([...records.keys(), ...known.keys()])].sort().slice(0, count);
  return names.flatMap((name) => {
    // A page of the one may end before one of the other.
    const parts = partsOf(desk, name);
    return parts === undefined ? [] : [{ ...showSettings(parts), keyCount: showKeys(parts).length }];
  });
}

/** A removed one may be in the snapshot for a moment more. */
function partsOf(desk: KeyDesk, name: string): ConsumerParts | undefined {
  const record = desk.catalog.get(name);
  const found = desk.written.find(name);
  const known = found?.isWritten === true || record !== undefined ? found : undefined;
  return record === undefined && known === undefined ? undefined : { name, record, known };
}

function showSettings({ name, record, known }: ConsumerParts) {
  const isWritten = known?.isWritten === true;
  // Of those of sluice.yaml the snapshot has their groups' permissions among them, by number.
  const settings = isWritten ? { ...known.plan, plan: known.planName, permissions: undefined } : record;
  const { plan, priority, groups, permissions, claims } = settings ?? {};
  const source = isWritten ? (record === undefined ? 'file' : 'file and store') : 'store';
  return {
    ...{ name, source },
    ...(plan !== undefined && { plan }),
    ...(priority !== undefined && { priority }),
    ...(groups !== undefined && { groups }),
    ...(permissions !== undefined && { permissions }),
    ...(claims !== undefined && { claims }),
  };
}

function showKeys({ name, record, known }: ConsumerParts) {
  const stored = (record?.keys ?? []).map(showKey);
  const ids = new Set(stored.map(({ id }) => id));
  const { keyIds = [], keyFacts } = known?.isWritten === true ? known.plan : {};
  const uses = new Map<string, string[]>();
  for (const [place, id] of keyIds.entries()) uses.set(id, [...(uses.get(id) ?? []), useOf(id, keyFacts?.[place])]);
  const written = new Map(
    keyIds.flatMap((id, place) => {
      if (ids.has(id) || id === `token:${name}`) return [];
      const { fromMs, untilMs } = keyFacts?.[place] ?? {};
      const shown = {
        ...{ id, use: uses.get(id), source: 'file' },
        ...(fromMs !== undefined && { notBefore: new Date(fromMs).toISOString() }),
        ...(untilMs !== undefined && { expires: new Date(untilMs).toISOString() }),
      };
      return [[id, shown] as const];
    }),
  );
  return [...written.values(), ...stored];
}

/** What a credential of sluice.yaml is for: no key that is written has a colon in its id (compile-consumers.ts). */
function useOf(id: string, facts: KeyFacts | null | undefined): string {
  const colon = id.indexOf(':');
  if (colon >= 0) return id.slice(0, colon);
  if (facts?.publicKey !== undefined) return 'http-signature';
  return facts?.sealed === undefined ? 'api-key' : 'hmac';
}
