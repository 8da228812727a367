// Which requests are sent to a target, by its fault proxy: so that it can be told how long a dead one still gets some.

import type { FaultProxy } from '../faults/fault-proxy.ts';

/** What the gateway's own checks ask for: those go on, and are no requests. */
const HEALTH_PATH = '/healthz';

export interface Sightings {
  readonly count: number;
  /** Of them, later than was asked. */
  readonly lateCount: number;
  /** performance.now(); undefined when there were none. */
  readonly firstMs: number | undefined;
  readonly lastMs: number | undefined;
}

export class TargetWatch {
  #lateFromMs = Number.POSITIVE_INFINITY;
  #count = 0;
  #lateCount = 0;
  #firstMs: number | undefined;
  #lastMs: number | undefined;

  constructor(proxy: FaultProxy) {
    proxy.onRequest = ({ path, atMs }) => {
      if (path === HEALTH_PATH) return;
      this.#count++;
      if (atMs > this.#lateFromMs) this.#lateCount++;
      this.#firstMs ??= atMs;
      this.#lastMs = atMs;
    };
  }

  /**
   * What was seen since this was called last; then it begins anew.
   * @param lateFromMs  performance.now(), from which on they count as late
   */
  take(lateFromMs = Number.POSITIVE_INFINITY): Sightings {
    const sightings = {
      count: this.#count,
      lateCount: this.#lateCount,
      firstMs: this.#firstMs,
      lastMs: this.#lastMs,
    };
    this.#lateFromMs = lateFromMs;
    this.#count = 0;
    this.#lateCount = 0;
    this.#firstMs = undefined;
    this.#lastMs = undefined;
    return sightings;
  }
}
