// The data plane's half of a way to prove who is calling.

import type { SharedMemory } from '../../../shm/shared-memory.ts';
import type { LiveSnapshot } from '../../live-snapshot.ts';
import type { Verdict } from '../../pipeline/errors.ts';
import type { Exchange } from '../../pipeline/exchange.ts';

/** authenticate(): the request has no such credential. */
export const NO_CREDENTIAL = -3;
/** authenticate(): it has one, but not of the issuer that this use is about; x.detail is set. Another use may know it. */
export const NOT_MINE = -4;

export interface LiveAuthMethod {
  /**
   * @returns ADMIT, with x.consumer set; NO_CREDENTIAL; NOT_MINE; an error's id, with x.detail set; or what Parking.park returns: then it is
   * asked again
   * @hot no throw, no await
   */
  authenticate(x: Exchange): Verdict;
  /**
   * What a request without such a credential is refused with, where no other would do. Absent: 401, with words of the step.
   * @returns an error's id, with x.detail set
   */
  refuseAbsence?(x: Exchange): Verdict;
}

export interface AuthMethodRun {
  readonly kind: string;
  /** Once per route, worker and snapshot. @param plan  what compile() made */
  prepare(plan: never, snapshot: LiveSnapshot, shm: SharedMemory): LiveAuthMethod;
}

/** Ties a method's plan type to its registry entry. */
export function defineAuthMethodRun<Plan>(run: {
  readonly kind: string;
  prepare(plan: Plan, snapshot: LiveSnapshot, shm: SharedMemory): LiveAuthMethod;
}): AuthMethodRun {
  return run;
}
