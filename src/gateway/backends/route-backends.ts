// What answers a route's requests, put together once: the upstream alone, unless the route has more.

import type { SeriesIndex } from '../../base/ids.ts';
import type { Arena } from '../../shm/arena.ts';
import type { RoutePlan } from '../snapshot.ts';
import type { LiveUpstream } from '../upstream/live-upstream.ts';
import type { Backend } from './backend.ts';
import { MirroringBackend } from './mirroring.ts';
import type { Mirrors } from './mirrors.ts';
import { SteerRule } from './steer-rule.ts';
import { SteeringBackend } from './steering.ts';
import { UpstreamBackend } from './upstream.ts';
import { WebSocketBackend } from './websocket.ts';

export interface RouteBackends {
  readonly backend: Backend;
  /** Of handshakes: they are steered as requests are, and never mirrored. */
  readonly socketBackend: Backend;
}

/** @param upstreams  of the snapshot, by index */
export function routeBackends(
  plan: RoutePlan,
  upstreams: readonly LiveUpstream[],
  arena: Arena,
  mirrors: Mirrors,
): RouteBackends {
  const rules = plan.steer?.map((rule) => new SteerRule(rule, arena.seriesOfRule(rule.rule) as SeriesIndex)) ?? [];
  const steered = (backendOf: (upstream: LiveUpstream) => Backend): Backend => {
    const otherwise = backendOf(upstreams[plan.upstream] as LiveUpstream);
    if (plan.steer === undefined) return otherwise;
    const backends = plan.steer.map((rule) => backendOf(upstreams[rule.upstream] as LiveUpstream));
    return new SteeringBackend(rules, backends, otherwise);
  };
  const backend = steered((upstream) => new UpstreamBackend(upstream));
  const { mirror } = plan;
  const mirrored = mirror === undefined ? undefined : upstreams[mirror.upstream];
  return {
    backend:
      mirror === undefined || mirrored === undefined || mirrored.plan.targets.length === 0
        ? backend
        : new MirroringBackend(backend, mirrored, mirror, mirrors),
    socketBackend: steered((upstream) => new WebSocketBackend(upstream)),
  };
}
