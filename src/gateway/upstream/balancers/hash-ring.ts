// Consistent hashing with bounded loads: a key has its place on a ring, and goes to the first target from there on that has
// room. A target's keys stay its own when others come and go, and what is too much for it moves on.
//
// Nobody gets more than ⌈1.25 × its weight's part of what is under way⌉: the most popular key cannot drown its target.
// Source: Mirrokni, Thorup, Zadimoghaddam, Consistent Hashing with Bounded Loads (2016).
//
// The ring is made where configurations are compiled (control/releases/compile-ring.ts). Its hash is the same on every node, so
// that several gateways send a key to the same target; whoever knows that can choose keys that meet, and the bound is what
// keeps that from hurting. A target's slow start has no part in this.

import { SeededHash } from '../../../base/hash.ts';
import type { Exchange } from '../../pipeline/exchange.ts';
import type { HashKey, RingPlan } from '../../snapshot.ts';
import type { LiveTarget } from '../live-upstream.ts';
import type { Roster } from '../roster.ts';
import type { Balancer } from './balancer.ts';
import { hashKeyValue } from './hash-key-value.ts';

const LOAD_FACTOR = 1.25;
// "keys" and "ring".
const KEY_SEED_LOW = 0x6b657973;
const KEY_SEED_HIGH = 0x72696e67;

const keyHash = new SeededHash(KEY_SEED_LOW, KEY_SEED_HIGH);

export class HashRing implements Balancer {
  readonly #roster: Roster;
  readonly #key: HashKey;
  readonly #points: Uint32Array;
  readonly #owners: Uint8Array;
  readonly #keyless: Balancer;

  /** @param keyless  where requests go that have no such key */
  constructor(roster: Roster, plan: RingPlan, keyless: Balancer) {
    this.#roster = roster;
    this.#key = plan.key;
    // Unpacked bytes lie anywhere; words have to be aligned.
    this.#points = new Uint32Array(Uint8Array.from(plan.points).buffer);
    this.#owners = Uint8Array.from(plan.owners);
    this.#keyless = keyless;
  }

  /** @hot measured by npm run bench:hot */
  pick(x: Exchange, nowMs: number, tried: readonly LiveTarget[] | undefined): LiveTarget {
    const value = hashKeyValue(this.#key, x);
    if (value === '') return this.#keyless.pick(x, nowMs, tried);
    const roster = this.#roster;
    const points = this.#points.length;
    keyHash.hash(0, 0, value);
    const start = this.#firstPointFrom(keyHash.low >>> 0);
    let roomPerWeight = -1;
    let full: LiveTarget | undefined;
    for (let step = 0; step < points; step++) {
      const target = roster.targets[this.#owners[(start + step) % points] as number] as LiveTarget;
      if (target === full || !roster.fits(target, tried)) continue;
      const inFlight = roster.table.inFlight(target.index);
      // A target with nothing under way has room, whatever the others have.
      if (inFlight === 0) return target;
      if (roomPerWeight < 0) roomPerWeight = this.#roomPerWeight(tried);
      if (inFlight < Math.ceil(roomPerWeight * target.plan.weight)) return target;
      full = target;
    }
    return roster.anyFitting((keyHash.high >>> 0) / 2 ** 32, tried);
  }

  /**
   * How much may be under way for each unit of weight, this try included, at those that fit: one of them has room.
   * @hot reads a line for each target
   */
  #roomPerWeight(tried: readonly LiveTarget[] | undefined): number {
    const roster = this.#roster;
    const { open, openCount, targets, table } = roster;
    let weights = 0;
    let inFlight = 1;
    for (let place = 0; place < openCount; place++) {
      const target = targets[open[place] as number] as LiveTarget;
      if (!roster.fits(target, tried)) continue;
      weights += target.plan.weight;
      inFlight += table.inFlight(target.index);
    }
    return (LOAD_FACTOR * inFlight) / weights;
  }

  /** @returns index of the first point at or behind the hash; past the last, the first @hot */
  #firstPointFrom(hash: number): number {
    const points = this.#points;
    let low = 0;
    let high = points.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((points[middle] as number) < hash) low = middle + 1;
      else high = middle;
    }
    return low === points.length ? 0 : low;
  }
}
