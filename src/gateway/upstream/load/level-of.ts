// How much an exchange matters when not all can be served.

import type { Exchange } from '../../pipeline/exchange.ts';

/** @returns 0 to 15: the consumer's priority, where it has one, else the route's @hot */
export function levelOf(x: Exchange): number {
  return x.consumer?.priority ?? x.route?.plan.priority ?? 0;
}
