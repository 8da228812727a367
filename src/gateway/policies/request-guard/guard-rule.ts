// One of a request-guard's rules.

import type { Verdict } from '../../pipeline/errors.ts';
import type { Exchange } from '../../pipeline/exchange.ts';

export interface GuardRule {
  /** @returns ADMIT, or an error's id with the exchange's detail set where it helps @hot */
  check(x: Exchange): Verdict;
}
