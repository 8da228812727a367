// What plans and consumers may do, checked and normalised.

import type { Rate } from '../../base/units.ts';
import type { OnStoreLoss } from '../../gateway/limiter/cluster-limit.ts';

/** What a consumer may do. */
export interface AllowanceConfig {
  /** Absent: no rate is said. */
  readonly limit?: SteadyLimitConfig | undefined;
  /** Absent: none is said. */
  readonly quotas?: readonly QuotaConfig[] | undefined;
  /** Absent: cluster where there is a store. */
  readonly scope?: 'node' | 'cluster' | undefined;
  /** Absent: local-share of a limit, closed of a quota. */
  readonly onStoreLoss?: OnStoreLoss | undefined;
  /** Absent: 0. */
  readonly relaxed?: number | undefined;
}

export interface QuotaConfig {
  readonly max: number;
  readonly period: 'h' | 'day' | 'month' | 'total';
}

export interface SteadyLimitConfig {
  readonly rate: Rate;
  readonly burst: number;
}

export interface PlanConfig extends AllowanceConfig {
  readonly name: string;
  /** 0 to 15; absent: the route's. */
  readonly priority?: number | undefined;
}

/** What plans allow at a service or route. */
export interface PlanBindings {
  /** false: what the plans themselves and their consumers say does not count here. */
  readonly apply: boolean;
  /** Besides that, by the plan's name. */
  readonly allowances: ReadonlyMap<string, AllowanceConfig>;
}
