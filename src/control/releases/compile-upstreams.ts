// Upstreams → what workers need of them, and what the main thread does.

import type { FallbackPlan, UpstreamPlan } from '../../gateway/snapshot.ts';
import type { TargetConfig, UpstreamConfig } from '../config/config.ts';
import { balancingPlan } from './balancing-plan.ts';
import { guardPlans } from './guard-plans.ts';
import { smoothTurns } from './smooth-turns.ts';

/** An upstream as the main thread needs it: to check its targets, and to tell of them and of their guards. */
export interface UpstreamSummary extends Pick<UpstreamConfig, 'name' | 'discovery' | 'health' | 'http2' | 'tls'> {
  readonly targets: readonly (TargetConfig & { readonly name: string })[];
  readonly hasCircuit: boolean;
  readonly hasRetries: boolean;
  readonly fallback: FallbackPlan['kind'] | undefined;
}

export function upstreamSummary(upstream: UpstreamConfig): UpstreamSummary {
  const { name, discovery, health, http2, tls, targets, circuit, retries, fallback } = upstream;
  return {
    name,
    discovery,
    health,
    http2,
    // Its secrets are of use for checks only.
    tls: health === undefined ? undefined : tls,
    targets: targets.map((target) => ({ ...target, name: targetName(target) })),
    hasCircuit: circuit !== undefined,
    hasRetries: retries !== undefined,
    fallback: fallback && (fallback.mock === undefined ? 'upstream' : 'mock'),
  };
}

/** As it is written, but for the weight: unix:/run/app.sock:/base */
export function targetName({ origin, socketPath, basePath }: TargetConfig): string {
  return socketPath === '' || basePath === '' ? origin + basePath : `${origin}:${basePath}`;
}

export function upstreamPlan(upstream: UpstreamConfig, all: readonly UpstreamConfig[]): UpstreamPlan {
  return {
    name: upstream.name,
    targets: upstream.targets,
    connectTimeoutMs: upstream.timeouts.connectMs,
    responseTimeoutMs: upstream.timeouts.responseMs,
    idleTimeoutMs: upstream.timeouts.idleMs,
    totalTimeoutMs: upstream.timeouts.totalMs,
    connectionsMax: upstream.connections,
    connectionsMin: upstream.keepAlive.min,
    keepAliveMs: upstream.keepAlive.idleTimeoutMs,
    pipelining: upstream.pipelining,
    http2: upstream.http2,
    tls: upstream.tls,
    turns: smoothTurns(upstream.targets.map(({ weight }) => weight)),
    balancing: balancingPlan(upstream, upstream.targets.map(targetName)),
    ...guardPlans(upstream, all),
    ...(upstream.concurrency !== undefined && { concurrency: upstream.concurrency }),
  };
}
