// What a route has of its service's policies.

import { findPolicyConfig } from '../../gateway/policies/config-registry.ts';
import type { PolicyUse, RouteConfig, ServiceConfig } from '../config/config.ts';

/** All of them; but where there can be one only, the route's own takes its place, unless that is in shadow mode. */
export function inheritedPolicies(service: ServiceConfig, route: RouteConfig): readonly PolicyUse[] {
  const own = new Set(route.policies.filter(({ isShadow }) => isShadow !== true).map(({ policy }) => policy));
  return service.policies.filter(({ policy }) => !own.has(policy) || findPolicyConfig(policy)?.isSingle !== true);
}
