// Consumers that the policy auth names.

import type { AuthConfig } from '../../gateway/policies/auth/config.ts';
import { nearestName } from './nearest-name.ts';
import type { ReadUse } from './read-policies.ts';
import type { Report } from './report.ts';

/** What methods may have: jwt/config.ts. */
interface TokenUse {
  readonly kind: string;
  readonly defaultConsumer?: string;
  readonly groupsClaim?: string;
}

/** A default consumer that does not exist is an error: it would let in nobody. */
export function checkAuth(uses: readonly ReadUse[], names: ReadonlySet<string>, report: Report): void {
  for (const { path, policy, config } of authUses(uses)) {
    for (const [index, { kind, defaultConsumer = '' }] of (config.methods as readonly TokenUse[]).entries()) {
      if (defaultConsumer === '' || names.has(defaultConsumer)) continue;
      report.add([...path, policy, config.needsAll ? 'all' : 'any', index, kind, 'defaultConsumer'], {
        message: 'there is no such consumer',
        expected: 'a name from consumers',
        showsFound: true,
        nearest: nearestName(defaultConsumer, [...names]),
      });
    }
  }
}

/** Callers may be in groups that no consumer is in. */
export function takesGroupsFromTokens(uses: readonly ReadUse[]): boolean {
  return authUses(uses).some(({ config }) =>
    (config.methods as readonly TokenUse[]).some(({ groupsClaim = '' }) => groupsClaim !== ''),
  );
}

function authUses(uses: readonly ReadUse[]) {
  return uses.flatMap(({ path, policy, use }) =>
    policy === 'auth' && use !== undefined ? [{ path, policy, config: use.config as AuthConfig }] : [],
  );
}
