// Where a route's requests go: its upstream, the rules before it, and who gets copies. A route says what its service does
// not; one with an upstream of its own has neither the rules nor the mirror of its service, which are made for another.

import { hashName } from '../../base/hash.ts';
import type { MirrorPlan, RoutePlan, SteerPlan } from '../../gateway/snapshot.ts';
import type { MirrorConfig, RouteConfig, ServiceConfig, SteerConfig } from '../config/config.ts';

/** A rule where it is written; route is '' for a service's. */
export type SteerName = readonly [service: string, route: string, rule: string];

/** Rules of a snapshot, each once: one that stands at a service is shared by its routes. */
export class SteerRules {
  readonly names: SteerName[] = [];
  readonly #indexes = new Map<string, number>();

  indexOf(name: SteerName): number {
    const key = name.join('\n');
    const index = this.#indexes.get(key) ?? this.names.push(name) - 1;
    this.#indexes.set(key, index);
    return index;
  }
}

export interface SteeringNames {
  /** Index of each upstream's name. */
  readonly upstreams: ReadonlyMap<string, number>;
  /** Those of the snapshot's routes so far; others are added. */
  readonly rules: SteerRules;
}

export function compileSteering(
  service: ServiceConfig,
  route: RouteConfig,
  names: SteeringNames,
): Pick<RoutePlan, 'upstream' | 'steer' | 'mirror'> {
  const upstreamIndex = names.upstreams;
  const inherited = route.upstream === undefined ? service : undefined;
  const steer =
    route.steer === undefined
      ? steerPlans(inherited?.steer, [service.name, ''], names)
      : steerPlans(route.steer, [service.name, route.name], names);
  const mirror = mirrorPlan(route.mirror ?? inherited?.mirror, upstreamIndex);
  return {
    upstream: indexOf(route.upstream ?? service.upstream, upstreamIndex),
    ...(steer.length > 0 && { steer }),
    ...(mirror !== undefined && { mirror }),
  };
}

/** A service's rule is one rule for all its routes, so that a client has the same lot on each. */
function steerPlans(
  rules: readonly SteerConfig[] = [],
  [service, route]: readonly [service: string, route: string],
  names: SteeringNames,
): readonly SteerPlan[] {
  return rules.map(({ name, upstream, when, share, sticky }) => {
    const place = route === '' ? service : `${service}.${route}`;
    const id = hashName(`${place}.steer.${name}`);
    return {
      name,
      idLow: id.low,
      idHigh: id.high,
      rule: names.rules.indexOf([service, route, name]),
      upstream: indexOf(upstream, names.upstreams),
      share,
      ...(when !== undefined && { when }),
      ...(sticky !== undefined && { sticky }),
    };
  });
}

function mirrorPlan(
  mirror: MirrorConfig | undefined,
  upstreamIndex: ReadonlyMap<string, number>,
): MirrorPlan | undefined {
  if (mirror === undefined || mirror.sampleShare === 0) return undefined;
  const { upstream, sampleShare, bodyBytesMax } = mirror;
  return { upstream: indexOf(upstream, upstreamIndex), sampleShare, bodyBytesMax };
}

function indexOf(upstream: string, upstreamIndex: ReadonlyMap<string, number>): number {
  const index = upstreamIndex.get(upstream);
  if (index === undefined) throw new Error(`no upstream is called ${upstream}: the parser let it through`);
  return index;
}
