// The section `consumers`. A key says by itself who is calling, so that no two may be alike.

import { identity } from '../../gateway/units/config.ts';
import type { ClientCertificateConfig, ConsumerConfig, PasswordConfig } from './consumer-config.ts';
import { consumerSchema } from './consumer-schema.ts';
import { readNamed } from './read-named.ts';
import { checkPermissionNames } from './read-permissions.ts';
import { checkPlanName } from './read-plans.ts';
import { printPath, type Report } from './report.ts';

/** @returns the consumers that are valid */
export function readConsumers(
  raw: unknown,
  plans: ReadonlySet<string>,
  permissions: ReadonlySet<string>,
  report: Report,
): ConsumerConfig[] {
  const consumers: ConsumerConfig[] = [];
  const readEntry = (name: string, value: unknown, path: readonly (string | number)[]): void => {
    const parsed = consumerSchema.safeParse(value);
    if (parsed.success) {
      consumers.push({ name, ...parsed.data });
      if (parsed.data.plan !== undefined) checkPlanName(parsed.data.plan, [...path, 'plan'], plans, report);
      checkPermissionNames(parsed.data.permissions, path, permissions, report);
    } else report.addZod(path, parsed.error, value);
  };
  readNamed(raw, ['consumers'], report, readEntry, identity());
  refuseTwins(consumers, report);
  refuseTwinsAmong(consumers, 'passwords', [['username', ({ username }: PasswordConfig) => username]], report);
  refuseTwinsAmong(
    consumers,
    'certificates',
    [
      ['id', ({ id }: ClientCertificateConfig) => id],
      ['subject or name', ({ says }: ClientCertificateConfig) => says],
    ],
    report,
  );
  return consumers;
}

function refuseTwins(consumers: readonly ConsumerConfig[], report: Report): void {
  const places = new Map<string, string>();
  for (const { name, keys } of consumers) {
    for (const [index, key] of keys.entries()) {
      const path = ['consumers', name, 'keys', index];
      for (const [field, value] of [
        ['id', key.id],
        ['secret', key.sha256],
      ] as const) {
        // Of a public key there is no secret.
        if (value === '') continue;
        // The two cannot be mistaken for each other: the field stands in front.
        const earlier = places.get(`${field} ${value}`);
        if (earlier === undefined) places.set(`${field} ${value}`, printPath(path));
        else report.add([...path, field], { message: `has the same ${field} as ${earlier}` });
      }
    }
  }
}

/** A user, and what a certificate says, is one consumer's. */
function refuseTwinsAmong(
  consumers: readonly ConsumerConfig[],
  list: 'passwords' | 'certificates',
  fields: readonly (readonly [field: string, read: (item: never) => string])[],
  report: Report,
): void {
  const places = new Map<string, string>();
  for (const consumer of consumers) {
    for (const [index, item] of (consumer[list] ?? []).entries()) {
      const path = ['consumers', consumer.name, list, index];
      for (const [field, read] of fields) {
        const key = `${field} ${read(item as never)}`;
        const earlier = places.get(key);
        if (earlier === undefined) places.set(key, printPath(path));
        else report.add(path, { message: `has the same ${field} as ${earlier}` });
      }
    }
  }
}
