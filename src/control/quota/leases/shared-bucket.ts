// The tokens of one key in shared memory, where workers spend them: what a lease's holder does with them (HolderBucket), in the
// table's units. Whatever is rounded is rounded down: tokens may be lost (a unit is 2⁻⁷ to 2⁻²⁰ of one), never made.

import type { Clock } from '../../../base/clock.ts';
import type { LeaseTable } from '../../../shm/lease-table.ts';
import type { HolderBucket } from './lease-holder.ts';
import { leaseTerms, TOKEN } from './lease-terms.ts';

const US_PER_SECOND = 1e6;
// See the limits of lease-table.ts: a burst, and four seconds of the rate.
const UNITS_MAX = 2 ** 29;
const SECONDS_MAX = 4;
const RESOLUTION_MAX = 20;

export class SharedBucket implements HolderBucket {
  readonly slot: number;
  readonly #table: LeaseTable;
  readonly #clock: Clock;
  #resolution: number;
  #rate = 0;
  #burst = 0;
  #untilUs = 0;
  #demand: number;
  #demandCount = 0;

  /**
   * @param slot  of the key, with nothing in it
   * @param limitRate, limitBurst  nanotokens per second, nanotokens: a share is never more
   */
  constructor(table: LeaseTable, slot: number, clock: Clock, limitRate: number, limitBurst: number) {
    this.#table = table;
    this.slot = slot;
    this.#clock = clock;
    this.#resolution = resolutionOf(limitRate, limitBurst);
    this.#demand = table.demandOf(slot);
  }

  get rate(): number {
    return this.#rate;
  }

  get burst(): number {
    return this.#burst;
  }

  get untilUs(): number {
    return this.#untilUs;
  }

  set untilUs(untilUs: number) {
    this.#untilUs = untilUs;
    // Where the share has ended, what there was in it is gone.
    this.#change(this.#clock.nowUs());
  }

  get demandCount(): number {
    const demand = this.#table.demandOf(this.slot);
    this.#demandCount += (demand - this.#demand) >>> 0;
    this.#demand = demand;
    return this.#demandCount;
  }

  level(nowUs: number): number {
    if (nowUs >= this.#untilUs && (this.#rate > 0 || this.#burst > 0)) {
      this.#rate = 0;
      this.#burst = 0;
      this.#change(nowUs);
    }
    return this.#nanotokens(this.#table.level(this.slot, nowUs));
  }

  resize(nowUs: number, rate: number, burst: number): number {
    this.#rate = rate;
    this.#burst = burst;
    return this.#nanotokens(this.#change(nowUs));
  }

  /** What is owed is paid first. */
  add(nowUs: number, nanotokens: number): void {
    const paid = Math.min(this.#table.owedOf(this.slot), Math.floor(nanotokens / TOKEN));
    if (paid > 0) this.#table.pay(this.slot, paid);
    this.#change(nowUs, this.#units(nanotokens - paid * TOKEN));
  }

  /** Tokens that were spent on credit, and are not paid yet. */
  get owed(): number {
    return this.#table.owedOf(this.slot);
  }

  /** Pay what is owed with what has accrued. */
  payBack(nowUs: number): void {
    const count = Math.min(this.owed, Math.floor(this.level(nowUs) / TOKEN));
    if (count <= 0) return;
    const unitsOfToken = 2 ** this.#resolution;
    const units = this.#table.takeBack(this.slot, nowUs, count * unitsOfToken);
    // Requests may have been quicker: a part of a token pays nothing, and is lost.
    this.#table.pay(this.slot, Math.floor(units / unitsOfToken));
  }

  /** The limit has changed. */
  changeLimit(limitRate: number, limitBurst: number): void {
    this.#resolution = resolutionOf(limitRate, limitBurst);
    this.#change(this.#clock.nowUs());
  }

  #change(nowUs: number, moved = 0): number {
    const unitsPerSecond = (this.#rate / TOKEN) * 2 ** this.#resolution;
    return this.#table.change(
      this.slot,
      nowUs,
      {
        unitsPerUs: (unitsPerSecond / US_PER_SECOND) * leaseTerms.pace,
        burst: this.#units(this.#burst),
        resolution: this.#resolution,
        untilUs: this.#untilUs,
      },
      moved,
    );
  }

  #units(nanotokens: number): number {
    return Math.floor((nanotokens * 2 ** this.#resolution) / TOKEN);
  }

  #nanotokens(units: number): number {
    return Math.floor((units * TOKEN) / 2 ** this.#resolution);
  }
}

function resolutionOf(limitRate: number, limitBurst: number): number {
  const tokens = Math.max(limitBurst, limitRate * SECONDS_MAX) / TOKEN;
  return Math.max(0, Math.min(RESOLUTION_MAX, Math.floor(Math.log2(UNITS_MAX / tokens))));
}
