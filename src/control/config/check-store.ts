// What limits over the cluster need of the section `gateway`.

import type { RateLimitConfig } from '../../gateway/policies/rate-limit/config.ts';
import type { Config, PolicyUse } from './config.ts';
import type { Path } from './read-value.ts';
import type { Report } from './report.ts';

/** Without a store, a limit that asks for one is counted on each instance by itself: that is worth knowing. */
export function checkStore({ gateway, services }: Pick<Config, 'gateway' | 'services'>, report: Report): void {
  if (gateway.redis !== '') return;
  for (const service of services) {
    const path = ['services', service.name];
    warnOfClusterLimits(service.policies, path, report);
    for (const route of service.routes) warnOfClusterLimits(route.policies, [...path, 'routes', route.name], report);
  }
}

function warnOfClusterLimits(uses: readonly PolicyUse[], path: Path, report: Report): void {
  for (const [index, { policy, config }] of uses.entries()) {
    if (policy !== 'rate-limit' || (config as RateLimitConfig).scope !== 'cluster') continue;
    report.add([...path, 'policies', index, policy, 'scope'], {
      severity: 'warning',
      message: 'has no effect without gateway.redis: each instance counts by itself',
    });
  }
}
