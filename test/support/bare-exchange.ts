// An exchange without a gateway around it, for what looks at its fields only.

import type { CallerIndex } from '../../src/base/ids.ts';
import type { Caller } from '../../src/gateway/consumers.ts';
import { Exchange } from '../../src/gateway/pipeline/exchange.ts';
import type { RoutePlan } from '../../src/gateway/snapshot.ts';

/** @param fields  of the exchange; `plan` stands for its route's */
export function bareExchange(fields: Partial<Exchange> = {}, plan?: Partial<RoutePlan>): Exchange {
  const x = new Exchange(undefined as never, undefined as never, undefined as never, 0);
  if (plan !== undefined) x.route = { plan } as never;
  return Object.assign(x, fields);
}

export function callerNamed(name: string): Caller {
  return { name, caller: 2 as CallerIndex, facts: undefined, keyId: '', keyIds: [], firstKey: 0 };
}
