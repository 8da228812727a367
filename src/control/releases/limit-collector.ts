// Limits of a snapshot, each once: one that stands at a service is shared by its routes.

import type { LimitDefinition } from '../../gateway/snapshot.ts';

export class LimitCollector {
  readonly definitions: LimitDefinition[] = [];
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
