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

  /** With what each group's is: tokens may say that their bearer is in one. */
  gateway(): Pick<GatewayPlan, 'permissions' | 'groupPermissions'> {
    if (!this.#isAsked) return {};
    return {
      permissions: this.#documents,
      groupPermissions: [...this.#groups].map(([group, names]) => [group, this.#indexesOf(names)] as const),
    };
  }

  /** Its own documents and its groups', each once. */
  consumer({ permissions = [], groups = [] }: ConsumerConfig): Pick<ConsumerPlan, 'permissions'> {
    if (!this.#isAsked) return {};
    const names = new Set([...permissions, ...groups.flatMap((group) => this.#groups.get(group) ?? [])]);
    if (names.size === 0) return {};
    return { permissions: this.#indexesOf([...names]) };
  }

  #indexesOf(names: readonly string[]): readonly number[] {
    return names.map((name) => this.#indexes.get(name) as number);
  }
}
