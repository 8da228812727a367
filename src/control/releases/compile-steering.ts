// Where a route's requests go: its upstream, the rules before it, and who gets copies. A route says what its service does
// not; one with an upstream of its own has neither the rules nor the mirror of its service, which are made for another.

import { hashName } from '../../base/hash.ts';
import type { MirrorPlan, RoutePlan, SteerPlan } from '../../gateway/snapshot.ts';
import type { MirrorConfig, RouteConfig, ServiceConfig, SteerConfig } from '../config/config.ts';

/** @param upstreamIndex  of each upstream's name */
export function compileSteering(
  service: ServiceConfig,
  route: RouteConfig,
  upstreamIndex: ReadonlyMap<string, number>,
): Pick<RoutePlan, 'upstream' | 'steer' | 'mirror'> {
  const inherited = route.upstream === undefined ? service : undefined;
  const steer =
    route.steer === undefined
      ? steerPlans(inherited?.steer, service.name, upstreamIndex)
      : steerPlans(route.steer, `${service.name}.${route.name}`, upstreamIndex);
  const mirror = mirrorPlan(route.mirror ?? inherited?.mirror, upstreamIndex);
  return {
    upstream: indexOf(route.upstream ?? service.upstream, upstreamIndex),
    ...(steer.length > 0 && { steer }),
    ...(mirror !== undefined && { mirror }),
  };
}

/** @param place  of the list: a service's rule is one rule for all its routes, so that a client has the same lot on each */
function steerPlans(
  rules: readonly SteerConfig[] = [],
  place: string,
  upstreamIndex: ReadonlyMap<string, number>,
): readonly SteerPlan[] {
  return rules.map(({ name, upstream, when, share, sticky }) => {
    const id = hashName(`${place}.steer.${name}`);
    return {
      name,
      idLow: id.low,
      idHigh: id.high,
      upstream: indexOf(upstream, upstreamIndex),
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
