// Limits of a snapshot, each once: one that stands at a service is shared by its routes.

import type { ClusterLimitDefinition } from '../../gateway/limiter/cluster-limit.ts';
import type { LimitDefinition } from '../../gateway/snapshot.ts';

export class LimitCollector {
  readonly definitions: LimitDefinition[] = [];
  /** Of all instances together, by id. */
  readonly cluster = new Map<string, ClusterLimitDefinition>();
  readonly #byId = new Map<string, number>();

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
