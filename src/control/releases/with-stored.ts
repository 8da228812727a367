// The consumers and keys of the store are an input of the compiler, as the file is: what changes in them is another snapshot. Of a
// consumer that stands in both, what the file says holds, and the store adds its keys.

import { err, ok, type Result } from '../../base/result.ts';
import { KeyRing } from '../catalog/key-ring.ts';
import type { StoredConsumer, StoredKey } from '../catalog/stored-consumer.ts';
import type { Config } from '../config/config.ts';
import type { ConsumerConfig, KeyConfig } from '../config/consumer-config.ts';

export interface StoredConsumers {
  /** Of the records, or an earlier one. */
  readonly version: number;
  readonly records: readonly StoredConsumer[];
}

export interface MergedConfig {
  readonly config: Config;
  readonly warnings: readonly string[];
}

// Of a thousand that are wrong alike, the first ones say it all.
const PROBLEMS_MAX = 10;

/**
 * @param isStrict  what cannot be taken is a problem, for a configuration that is new; else it is left out, with a warning, so that
 * one record does not hold up all others
 */
export function withStored(
  config: Config,
  stored: StoredConsumers,
  isStrict: boolean,
): Result<MergedConfig, readonly string[]> {
  if (stored.records.length === 0) return ok({ config, warnings: [] });
  const merge = new Merge(config);
  for (const record of stored.records) if (record.isGone !== true) merge.add(record);
  const { problems, warnings } = merge;
  if (isStrict && problems.length > 0) return err(cut(problems));
  return ok({ config: { ...config, consumers: merge.consumers() }, warnings: cut([...problems, ...warnings]) });
}

class Merge {
  readonly problems: string[] = [];
  readonly warnings: string[] = [];
  readonly #byName: Map<string, ConsumerConfig>;
  readonly #ids = new Set<string>();
  readonly #secrets = new Set<string>();
  readonly #plans: ReadonlySet<string>;
  readonly #permissions: ReadonlySet<string>;
  readonly #ring: KeyRing;

  constructor(config: Config) {
    this.#byName = new Map(config.consumers.map((consumer) => [consumer.name, consumer]));
    for (const { keys } of config.consumers) {
      for (const { id, sha256 } of keys) {
        this.#ids.add(id);
        this.#secrets.add(sha256);
      }
    }
    this.#plans = new Set(config.plans.map(({ name }) => name));
    this.#permissions = new Set((config.permissions ?? []).map(({ name }) => name));
    this.#ring = new KeyRing(config.gateway.encryptionKeys);
  }

  consumers(): readonly ConsumerConfig[] {
    return [...this.#byName.values()];
  }

  add(record: StoredConsumer): void {
    const { name, plan, priority, claims, groups, permissions = [] } = record;
    const written = this.#byName.get(name);
    if (written === undefined && !record.isOwn) {
      this.warnings.push(`consumer ${name}: sluice.yaml has it no more, and its keys in the store count for nothing`);
      return;
    }
    if (written === undefined && plan !== undefined && !this.#plans.has(plan)) {
      this.problems.push(`consumer ${name} of the store: its plan ${plan} is not there`);
      return;
    }
    const missing =
      written === undefined ? permissions.find((document) => !this.#permissions.has(document)) : undefined;
    // Without one that denies, it might do what it may not.
    if (missing !== undefined) {
      this.problems.push(`consumer ${name} of the store: its permissions ${missing} are not there`);
      return;
    }
    const keys = record.keys.flatMap((key) => this.#key(name, key));
    if (written !== undefined) {
      this.#byName.set(name, { ...written, keys: [...written.keys, ...keys] });
      return;
    }
    this.#byName.set(name, {
      name,
      keys,
      ...(plan !== undefined && { plan }),
      ...(priority !== undefined && { priority }),
      ...(claims !== undefined && { claims }),
      ...(groups !== undefined && { groups }),
      ...(permissions.length > 0 && { permissions }),
    });
  }

  #key(consumer: string, key: StoredKey): readonly KeyConfig[] {
    const { id, uses, sha256, sealed, fromMs, untilMs } = key;
    if (key.isDisabled === true) return [];
    if (this.#ids.has(id) || this.#secrets.has(sha256)) {
      const what = this.#ids.has(id) ? 'id' : 'secret';
      this.warnings.push(
        `key ${id} of consumer ${consumer} in the store is left out: sluice.yaml has one with its ${what}`,
      );
      return [];
    }
    const secret = sealed && this.#ring.unseal(sealed, id);
    if (sealed !== undefined && secret === undefined) {
      this.problems.push(
        `gateway.encryptionKey: key ${id} of consumer ${consumer} in the store was encrypted with another key; name that one, too`,
      );
      return [];
    }
    return [
      {
        ...{ id, uses, sha256 },
        ...(secret !== undefined && { secret }),
        ...(fromMs !== undefined && { fromMs }),
        ...(untilMs !== undefined && { untilMs }),
      },
    ];
  }
}

function cut(lines: readonly string[]): readonly string[] {
  if (lines.length <= PROBLEMS_MAX) return lines;
  return [...lines.slice(0, PROBLEMS_MAX), `and ${lines.length - PROBLEMS_MAX} more of this kind`];
}
