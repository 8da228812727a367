// Rate limits, and what plans allow, as plain data that a snapshot carries to the workers.

import type { Condition } from '../conditions/condition.ts';
import type { ClusterPlan } from './cluster-limit.ts';
import type { LimitBy } from './limit-by.ts';

/** One rate limit, whatever its keys are. */
export interface KeyLimitPlan {
  /** Index in the snapshot's list of limits; the arena says which entry of the shared limit table that is. */
  readonly limit: number;
  /** 64-bit identity of the limit, which survives reloads. */
  readonly idLow: number;
  readonly idHigh: number;
  /** As it stands in RateLimit and RateLimit-Policy. */
  readonly label: string;
  /** As configured: so many per period. */
  readonly quota: number;
  readonly periodSeconds: number;
  /** All instances share it; then `limit` means nothing. */
  readonly cluster?: ClusterPlan;
}

export interface RateLimitPlan extends KeyLimitPlan {
  readonly by: LimitBy;
  /** Absent: every request. */
  readonly when?: Condition;
  /** Limits that some keys have instead. */
  readonly values?: readonly (readonly [key: string, limit: KeyLimitPlan])[];
}

/** What one consumer may do. Each consumer counts apart. */
export interface AllowancePlan {
  readonly limit?: KeyLimitPlan;
  readonly quotas?: readonly QuotaPlan[];
}

/** So many requests in a window of the calendar. */
export interface QuotaPlan {
  readonly idLow: number;
  readonly idHigh: number;
  readonly label: string;
  readonly max: number;
  /** Index of its calendar in the quota table. */
  readonly calendar: number;
  /** There is no later window. */
  readonly isTotal: boolean;
  /** Requests are let in while the counters cannot be used. */
  readonly isOpen: boolean;
  /** Of the RateLimit-Policy header. */
  readonly policyItem: string;
}

/** A step of a route that holds consumers to what their plans allow. */
export type PlanStepPlan =
  /** What the plan, or the consumer, says: everywhere. */
  | { readonly kind: 'everywhere' }
  /** What a service or a route says of a plan, by the plan's index; null: nothing. */
  | { readonly kind: 'here'; readonly allowances: readonly (AllowancePlan | null)[] };

/** The step of a route that counts the quotas of its consumers: all of them together, so that all are charged or none. */
export interface QuotaStepPlan {
  /** Those of the plan, or of the consumer. */
  readonly everywhere: boolean;
  /** What the route and its service say of a plan besides, by the plan's index; null: nothing. */
  readonly here: readonly (readonly (AllowancePlan | null)[])[];
}

/** One item of the RateLimit-Policy header. @param seconds  0: of all time */
export function policyItem(label: string, max: number, seconds: number): string {
  return seconds === 0 ? `"${label}";q=${max}` : `"${label}";q=${max};w=${seconds}`;
}
