// What policies need of each other: an identity needs an auth, and a route has one auth.

import { identityStages } from '../../gateway/pipeline/stages.ts';
import { findPolicyConfig } from '../../gateway/policies/config-registry.ts';
import type { ReadUse } from './read-policies.ts';
import type { Path } from './read-value.ts';
import type { Report } from './report.ts';

export interface RoutePolicies {
  readonly name: string;
  readonly uses: readonly ReadUse[];
}

export function checkPolicies(
  servicePath: Path,
  serviceUses: readonly ReadUse[],
  routes: readonly RoutePolicies[],
  report: Report,
): void {
  refuseTwins(serviceUses, false, report);
  refuseSecond(serviceUses, report);
  warnOfOpenDoors(serviceUses, report);
  const isServiceAuthenticated = serviceUses.some(isAuth);
  for (const route of routes) {
    refuseTwins(route.uses, isServiceAuthenticated, report);
    refuseSecond(route.uses, report);
    warnOfOpenDoors(route.uses, report);
    if (isServiceAuthenticated || route.uses.some(isAuth)) continue;
    for (const use of route.uses.filter(needsIdentity)) {
      report.add(use.path, {
        message: 'needs to know the consumer',
        expected: 'an auth policy on this route or its service',
      });
    }
  }
  if (isServiceAuthenticated) return;
  const open = routes.find((route) => !route.uses.some(isAuth));
  if (open === undefined && routes.length > 0) return;
  for (const use of serviceUses.filter(needsIdentity)) {
    const where = open === undefined ? '' : `, or on its route ${open.name} and all others`;
    report.add(use.path, {
      message: 'needs to know the consumer',
      expected: `an auth policy on ${servicePath.at(-1)}${where}`,
    });
  }
}

/** Two would both have to agree, each with a consumer of its own: which of them counts would be anybody's guess. */
function refuseTwins(uses: readonly ReadUse[], hasAuthAlready: boolean, report: Report): void {
  for (const use of uses.filter(isAuth).slice(hasAuthAlready ? 0 : 1)) {
    const message = hasAuthAlready ? 'the service has an auth policy already' : 'this list has an auth policy already';
    report.add(use.path, { message, expected: 'one auth policy for a route, with every method in its list any' });
  }
}

/** Of what a list has once, and a route instead of its service. */
function refuseSecond(uses: readonly ReadUse[], report: Report): void {
  const seen = new Set<string>();
  for (const { path, policy } of uses) {
    if (findPolicyConfig(policy)?.isSingle !== true) continue;
    if (seen.has(policy)) report.add(path, { message: `this list has a ${policy} policy already` });
    seen.add(policy);
  }
}

function warnOfOpenDoors(uses: readonly ReadUse[], report: Report): void {
  for (const { path, policy } of uses.filter((use) => isAuth(use) && use.use?.isShadow === true)) {
    report.add([...path, policy, 'mode'], {
      severity: 'warning',
      message:
        'lets everybody in: in shadow mode auth refuses nobody, and limits by consumer pass over whom it does not know',
    });
  }
}

function isAuth(use: ReadUse): boolean {
  return use.policy === 'auth';
}

function needsIdentity({ use }: ReadUse): boolean {
  const stage = use === undefined ? undefined : findPolicyConfig(use.policy)?.stage(use.config);
  return stage !== undefined && identityStages.includes(stage);
}
