// One way to share out requests. Which targets may be picked at all is the roster's to say; affinity comes before it
// (live-upstream.ts).

import type { Exchange } from '../../pipeline/exchange.ts';
import type { LiveTarget } from '../live-upstream.ts';

export interface Balancer {
  /**
   * Where the next try goes: to a target of the roster, which is of now; to one that has not been tried, where there is one.
   * @param nowMs  monotonic milliseconds
   * @param tried  targets that this exchange has been to already; undefined before the first try
   * @throws  never (data plane)
   */
  pick(x: Exchange, nowMs: number, tried: readonly LiveTarget[] | undefined): LiveTarget;
}
