// Documents of permissions → the snapshot, where a route asks for them.

import type { ConsumerPlan } from '../../gateway/consumer-plan.ts';
import type { GatewayPlan } from '../../gateway/snapshot.ts';
import type { Config } from '../config/config.ts';
import type { ConsumerConfig } from '../config/consumer-config.ts';

export class PermissionCompiler {
  readonly #documents: NonNullable<Config['permissions']>;
  readonly #isAsked: boolean;
  readonly #indexes: ReadonlyMap<string, number>;
  /** Names of documents, by group. */
  readonly #groups: ReadonlyMap<string, readonly string[]>;

  constructor({ permissions = [], groups = [], services }: Config) {
    this.#documents = permissions;
    this.#indexes = new Map(permissions.map(({ name }, index) => [name, index]));
    this.#groups = new Map(groups.map((group) => [group.name, group.permissions]));
    this.#isAsked = services.some((service) =>
      [service, ...service.routes].some(({ policies }) => policies.some(({ policy }) => policy === 'permissions')),
    );
  }

  gateway(): Pick<GatewayPlan, 'permissions'> {
    return this.#isAsked ? { permissions: this.#documents } : {};
  }

  /** Its own documents and its groups', each once. */
  consumer({ permissions = [], groups = [] }: ConsumerConfig): Pick<ConsumerPlan, 'permissions'> {
    if (!this.#isAsked) return {};
    const names = new Set([...permissions, ...groups.flatMap((group) => this.#groups.get(group) ?? [])]);
    if (names.size === 0) return {};
    return { permissions: [...names].map((name) => this.#indexes.get(name) as number) };
  }
}
