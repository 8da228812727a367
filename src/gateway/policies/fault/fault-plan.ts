import type { Condition } from '../../conditions/condition.ts';

/** Faults that are made on purpose, for their users' own tests. */
export interface FaultPlan {
  /** Absent: every request. */
  readonly when?: Condition;
  /** Of the requests for which `when` holds, from 0 to 1. */
  readonly share: number;
  /** 0: none. */
  readonly delayMs: number;
  /** 0: the request goes on. */
  readonly abortStatus: number;
}
