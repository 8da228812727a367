// What is known of the upstreams, as GET /api/v1/upstreams and the metrics tell it.

import type { TargetIndex } from '../../base/ids.ts';
import { TargetHealth, type TargetTable } from '../../shm/target-table.ts';
import type { DiscoveryStatus } from '../discovery/discovered.ts';
import type { Discovery } from '../discovery/discovery.ts';
import type { UpstreamSummary } from '../releases/compile-upstreams.ts';
import type { HealthMonitor } from './health-monitor.ts';

export interface UpstreamStatus {
  readonly name: string;
  /** Absent: its targets are written down. */
  readonly discovery?: DiscoveryStatus;
  readonly targets: readonly TargetStatus[];
}

export interface TargetStatus {
  readonly target: string;
  readonly weight: number;
  /** What active checks say; unknown: it is not checked, or not yet. */
  readonly health: 'unknown' | 'healthy' | 'unhealthy';
  /** It gets no requests, for whatever reason, while another target does. */
  readonly isOut: boolean;
  /** Absent: it is not checked. */
  readonly check?: TargetCheckStatus;
}

export interface TargetCheckStatus {
  /** How long its health has been what it is. */
  readonly healthForMs: number;
  /** Why the last check failed; '' when it did not. */
  readonly reason: string;
  readonly lastDurationMs: number;
  /** Checks by what came of them. */
  readonly counts: Readonly<Record<string, number>>;
}

export interface StatusSources {
  readonly table: TargetTable;
  readonly monitor: HealthMonitor;
  readonly discovery: Discovery;
  /** Of targets in the table, by 'upstream\ntarget'. */
  readonly indexes: ReadonlyMap<string, number>;
  readonly nowMs: number;
}

const HEALTH_WORDS = {
  [TargetHealth.UNKNOWN]: 'unknown',
  [TargetHealth.HEALTHY]: 'healthy',
  [TargetHealth.UNHEALTHY]: 'unhealthy',
} as const;

export function upstreamStatuses(upstreams: readonly UpstreamSummary[], sources: StatusSources): UpstreamStatus[] {
  return upstreams.map(({ name, discovery, targets }) => {
    const found = discovery === undefined ? undefined : sources.discovery.status(discovery);
    return {
      name,
      ...(found !== undefined && { discovery: found }),
      targets: targets.map((target) => targetStatus(name, target, sources)),
    };
  });
}

function targetStatus(
  upstream: string,
  { name, weight }: UpstreamSummary['targets'][number],
  { table, monitor, indexes, nowMs }: StatusSources,
): TargetStatus {
  const index = (indexes.get(`${upstream}\n${name}`) ?? 0) as TargetIndex;
  const status = { target: name, weight, health: HEALTH_WORDS[table.health(index)], isOut: table.isOut(index, nowMs) };
  const check = monitor.status(upstream, name);
  if (check === undefined) return status;
  const { reason, durationMs, checks } = check;
  const counts = Object.fromEntries(checks);
  const healthForMs = table.healthAgeMs(index, nowMs);
  return { ...status, check: { healthForMs, reason, lastDurationMs: Math.round(durationMs * 1_000) / 1_000, counts } };
}
