// What answers instead of an upstream whose circuit is open, or whose tries have all failed.

import type { UpstreamIndex } from '../../base/ids.ts';
import { FallbackKind, type UpstreamTable } from '../../shm/upstream-table.ts';
import type { Exchange } from '../pipeline/exchange.ts';
import type { FallbackPlan } from '../snapshot.ts';
import { isCovered, isSafeToRepeat } from './failures.ts';
import type { LiveUpstream } from './live-upstream.ts';
import type { Outcome } from './outcome.ts';

export class Fallback {
  readonly plan: FallbackPlan;
  /** Undefined: a mock answers. */
  readonly upstream: LiveUpstream | undefined;
  readonly #table: UpstreamTable;
  readonly #index: UpstreamIndex;

  /** @param index  of the upstream that it stands in for */
  constructor(table: UpstreamTable, index: UpstreamIndex, plan: FallbackPlan, upstream: LiveUpstream | undefined) {
    this.plan = plan;
    this.upstream = upstream;
    this.#table = table;
    this.#index = index;
  }

  /** The circuit is open: nothing of the request has left. */
  takesOpen(hasWholeBody: boolean): boolean {
    return this.plan.on.open && (this.upstream === undefined || hasWholeBody);
  }

  /**
   * The last try failed. A mock repeats nothing; another upstream gets what may be sent twice.
   * @param status  of the answer; 0 when there was none
   */
  takes(x: Exchange, outcome: Outcome, status: number, hasWholeBody: boolean): boolean {
    if (!isCovered(this.plan.on, outcome, status)) return false;
    return this.upstream === undefined || (hasWholeBody && isSafeToRepeat(x, outcome));
  }

  /** The exchange is answered by it. */
  use(x: Exchange): void {
    x.fallback = this.plan.kind;
    this.#table.countFallback(this.#index, this.upstream === undefined ? FallbackKind.MOCK : FallbackKind.UPSTREAM);
  }
}
