// One rule of a route's `steer`: whether it takes a request.

import { SeededHash } from '../../base/hash.ts';
import type { SeriesIndex } from '../../base/ids.ts';
import { type LiveCondition, prepareCondition, type Random } from '../conditions/prepare-condition.ts';
import { readHeader, readQuery } from '../conditions/read-parameter.ts';
import type { Exchange } from '../pipeline/exchange.ts';
import type { SteerPlan, StickyBy } from '../snapshot.ts';
import { steerCookie } from './steer-cookie.ts';

// Lots are drawn from 0 up to this; a hash gives one as it is.
const LOTS = 2 ** 32;
/** Of a client that cannot be told from others: taken by no rule, so that it always has the same lot, too. */
const NO_LOT = LOTS;

export class SteerRule {
  readonly name: string;
  /** What it took is counted there. */
  readonly series: SeriesIndex;
  readonly #when: LiveCondition | undefined;
  /** A lot below it is taken: who is within 5 % is within 10 %, too. */
  readonly #takenBelow: number;
  readonly #sticky: StickyBy | undefined;
  readonly #hash: SeededHash;
  readonly #random: Random;

  constructor(plan: SteerPlan, series: SeriesIndex, random: Random = Math.random) {
    this.name = plan.name;
    this.series = series;
    this.#when = plan.when === undefined ? undefined : prepareCondition(plan.when, random);
    this.#takenBelow = Math.round(plan.share * LOTS);
    this.#sticky = plan.sticky;
    // By the rule's identity alone: the same lots in every worker, on every node, after every restart and reload; and others
    // for each rule, so that the same clients are not the first to try everything.
    this.#hash = new SeededHash(plan.idLow, plan.idHigh);
    this.#random = random;
  }

  /** @hot */
  takes(x: Exchange): boolean {
    if (this.#when !== undefined && !this.#when.holds(x)) return false;
    // A lot is drawn even where everybody, or nobody, is taken: a cookie that is set now keeps its client in its place later.
    const lot = this.#sticky === undefined ? this.#random() * LOTS : this.#lotOf(this.#sticky, x);
    return lot < this.#takenBelow;
  }

  #lotOf(sticky: StickyBy, x: Exchange): number {
    const key = stickyKey(sticky, x);
    if (key === undefined || key === '') return NO_LOT;
    this.#hash.hash(0, 0, key);
    return this.#hash.low >>> 0;
  }
}

function stickyKey(sticky: StickyBy, x: Exchange): string | undefined {
  switch (sticky.kind) {
    case 'ip':
      return x.clientAddress;
    case 'consumer':
      return x.consumer?.name;
    case 'header':
      return readHeader(x, sticky.name);
    case 'query':
      return readQuery(x.query, sticky.name);
    case 'cookie':
      return steerCookie(x, sticky.name, sticky.maxAgeSeconds);
  }
}
