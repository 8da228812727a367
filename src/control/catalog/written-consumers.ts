// What the published snapshot knows of consumers: above all those of sluice.yaml, which the store does not have. They are read from the
// snapshot's bytes as they are asked for: there may be 50,000, and this is the main thread.

import { unpack } from 'msgpackr';
import type { ConsumerPlan } from '../../gateway/consumer-plan.ts';
import { Arena } from '../../shm/arena.ts';
import type { SnapshotSummary } from '../releases/compile-snapshot.ts';

export interface PublishedConsumers {
  readonly buffer: SharedArrayBuffer;
  readonly summary: SnapshotSummary;
}

export interface KnownConsumer {
  readonly plan: ConsumerPlan;
  /** Of its plan; undefined: it has none. */
  readonly planName: string | undefined;
  readonly isWritten: boolean;
}

export class WrittenConsumers {
  readonly #published: () => PublishedConsumers | undefined;

  constructor(published: () => PublishedConsumers | undefined) {
    this.#published = published;
  }

  hasPlan(name: string): boolean {
    return this.#published()?.summary.planNames.includes(name) === true;
  }

  /** Whether sluice.yaml has a document of permissions that is called so. */
  hasPermissions(name: string): boolean {
    return this.#published()?.summary.permissionNames.includes(name) === true;
  }

  /** Whether sluice.yaml has it. */
  isWritten(name: string): boolean {
    return this.find(name)?.isWritten === true;
  }

  find(name: string): KnownConsumer | undefined {
    const { place, found } = this.#search(name);
    return found ? this.#at(place) : undefined;
  }

  /** In the order of their names. @param after  a name, '' for the first */
  list(after: string, count: number): readonly KnownConsumer[] {
    const { place, found } = this.#search(after);
    const first = found ? place + 1 : place;
    const total = this.#published()?.summary.consumerOrder.length ?? 0;
    return Array.from({ length: Math.max(0, Math.min(count, total - first)) }, (_, at) => this.#at(first + at));
  }

  /** Whether the snapshot has a key of this id or secret. @param sha256  64 hexadecimal digits */
  twinOf(id: string, sha256: string): 'id' | 'secret' | undefined {
    const published = this.#published();
    if (published === undefined) return undefined;
    if (published.summary.callerNames.some(([, key]) => key === id)) return 'id';
    return new Arena(published.buffer).findKey(Buffer.from(sha256, 'hex')) < 0 ? undefined : 'secret';
  }

  /** Where it is in the order of names, or would be. */
  #search(name: string): { readonly place: number; readonly found: boolean } {
    let low = 0;
    let high = this.#published()?.summary.consumerOrder.length ?? 0;
    while (low < high) {
      const middle = (low + high) >> 1;
      const here = this.#at(middle).plan.name;
      if (here === name) return { place: middle, found: true };
      if (here < name) low = middle + 1;
      else high = middle;
    }
    return { place: low, found: false };
  }

  #at(place: number): KnownConsumer {
    const { buffer, summary } = this.#published() as PublishedConsumers;
    const index = summary.consumerOrder[place] ?? 0;
    const plan = unpack(new Arena(buffer).consumerPlan(index)) as ConsumerPlan;
    const planName = plan.plan === undefined ? undefined : summary.planNames[plan.plan];
    return { plan, planName, isWritten: index < summary.writtenCount };
  }
}
