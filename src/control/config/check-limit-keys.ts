// Limits by a path's parameter need a path that has it.

import type { LimitBy } from '../../gateway/limiter/limit-by.ts';
import { pathParameters } from '../../gateway/units/config.ts';
import type { ReadUse } from './read-policies.ts';
import type { Report } from './report.ts';

/** A route, its path with the service's prefix. */
interface KeyedRoute {
  readonly name: string;
  readonly path: string;
  readonly uses: readonly ReadUse[];
}

export function checkLimitKeys(serviceUses: readonly ReadUse[], routes: readonly KeyedRoute[], report: Report): void {
  for (const route of routes) {
    const names = pathParameters(route.path);
    for (const use of [...serviceUses, ...route.uses]) {
      const by = keyOf(use);
      if (by?.kind !== 'path' || names.includes(by.name)) continue;
      report.add([...use.path, use.policy, 'by'], {
        message: `the path of route ${route.name} has no parameter {${by.name}}`,
        isAboutKey: true,
      });
    }
  }
}

function keyOf({ use }: ReadUse): LimitBy | undefined {
  return (use?.config as { readonly by?: LimitBy } | undefined)?.by;
}
