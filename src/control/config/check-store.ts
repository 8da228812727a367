// What limits over the cluster, and plans over it, need of the section `gateway`.

import type { RateLimitConfig } from '../../gateway/policies/rate-limit/config.ts';
import type { Config, PolicyUse } from './config.ts';
import type { Path } from './read-value.ts';
import type { Report } from './report.ts';

/** Without a store, a limit that asks for one is counted on each instance by itself: that is worth knowing. */
export function checkStore(config: Pick<Config, 'gateway' | 'plans' | 'consumers' | 'services'>, report: Report): void {
  const { gateway, services, plans, consumers } = config;
  if (gateway.redis !== '') return;
  for (const { name, scope } of plans) if (scope === 'cluster') warn(['plans', name], report);
  for (const { name, scope } of consumers) if (scope === 'cluster') warn(['consumers', name], report);
  for (const service of services) {
    const path = ['services', service.name];
    warnOfClusterLimits(service.policies, path, report);
    for (const route of service.routes) warnOfClusterLimits(route.policies, [...path, 'routes', route.name], report);
  }
}

function warnOfClusterLimits(uses: readonly PolicyUse[], path: Path, report: Report): void {
  for (const [index, { policy, config }] of uses.entries()) {
    if (policy !== 'rate-limit' || (config as RateLimitConfig).scope !== 'cluster') continue;
    warn([...path, 'policies', index, policy], report);
  }
}

function warn(path: Path, report: Report): void {
  report.add([...path, 'scope'], {
    severity: 'warning',
    message: 'has no effect without gateway.redis: each instance counts by itself',
  });
}
