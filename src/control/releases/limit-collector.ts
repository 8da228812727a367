// Limits of a snapshot, each once: one that stands at a service is shared by its routes.

import type { ClusterLimitDefinition } from '../../gateway/limiter/cluster-limit.ts';
import type { LimitDefinition } from '../../gateway/snapshot.ts';

export class LimitCollector {
  readonly definitions: LimitDefinition[] = [];
  readonly #cluster = new Map<string, ClusterLimitDefinition>();
  readonly #byId = new Map<string, number>();

  /** Of all instances together. */
  get cluster(): readonly ClusterLimitDefinition[] {
    return [...this.#cluster.values()];
  }

  addCluster(definition: ClusterLimitDefinition): void {
    this.#cluster.set(`${definition.idLow} ${definition.idHigh}`, definition);
  }

  /** @returns its index */
  add(definition: LimitDefinition): number {
    const id = `${definition.idLow} ${definition.idHigh}`;
    const known = this.#byId.get(id);
    if (known !== undefined) return known;
    const index = this.definitions.push(definition) - 1;
    this.#byId.set(id, index);
    return index;
  }
}
