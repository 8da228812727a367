// Lists of addresses of a snapshot, each once: one that stands at a service is shared by its routes, and a file by all that name it.

import { createHash } from 'node:crypto';
import type { AddressSetPlan } from '../../gateway/policies/ip/ip-plan.ts';

export class AddressCollector {
  readonly sets: AddressSetPlan[] = [];
  readonly #bySet = new Map<AddressSetPlan, number>();
  readonly #byDigest = new Map<string, number>();

  /** @returns its index */
  add(set: AddressSetPlan): number {
    // A service's is asked for once per route: hashing it each time would take a second for a thousand routes.
    const known = this.#bySet.get(set);
    if (known !== undefined) return known;
    const digest = createHash('sha256').update(`${set.ipv4.length} `).update(set.ipv4).update(set.ipv6).digest('hex');
    const index = this.#byDigest.get(digest) ?? this.sets.push(set) - 1;
    this.#bySet.set(set, index);
    this.#byDigest.set(digest, index);
    return index;
  }
}
