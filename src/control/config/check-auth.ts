// What methods of auth need of other sections: the upstream and the consumers that they name, and listeners that keep a password
// to themselves.

import type { AuthConfig } from '../../gateway/policies/auth/config.ts';
import type { ForwardConfig } from '../../gateway/policies/auth/forward/config.ts';
import type { Config, PolicyUse } from './config.ts';
import type { ListenConfig } from './listen-config.ts';
import { nearestName } from './nearest-name.ts';
import type { ReadUse } from './read-policies.ts';
import type { Path } from './read-value.ts';
import type { Report } from './report.ts';

interface MethodUse {
  readonly path: Path;
  readonly kind: string;
  readonly settings: unknown;
}

/** What methods may have: jwt/config.ts. */
interface TokenUse {
  readonly defaultConsumer?: string;
  readonly groupsClaim?: string;
}

/** @param upstreams, consumers  names, of the broken ones too */
export function checkAuth(
  uses: readonly ReadUse[],
  upstreams: ReadonlySet<string>,
  consumers: ReadonlySet<string>,
  report: Report,
): void {
  for (const { path, policy, use } of uses) {
    if (policy !== 'auth' || use === undefined) continue;
    for (const method of methodsOf(use, path)) {
      const { defaultConsumer = '' } = method.settings as TokenUse;
      // It would let in nobody.
      if (defaultConsumer !== '') {
        checkName(defaultConsumer, 'consumer', consumers, [...method.path, 'defaultConsumer'], report);
      }
      if (method.kind !== 'forward') continue;
      const { target, otherwise } = (method.settings as ForwardConfig).plan;
      if (target.kind === 'upstream')
        checkName(target.name, 'upstream', upstreams, [...method.path, 'upstream'], report);
      if (otherwise === '') continue;
      checkName(otherwise, 'consumer', consumers, [...method.path, 'consumer', 'otherwise'], report);
    }
  }
}

/** Callers may be in groups that no consumer is in. */
export function takesGroupsFromTokens(uses: readonly ReadUse[]): boolean {
  return uses.some(
    ({ path, policy, use }) =>
      policy === 'auth' &&
      use !== undefined &&
      methodsOf(use, path).some(({ settings }) => ((settings as TokenUse).groupsClaim ?? '') !== ''),
  );
}

/** Whoever is on the way reads a password that is sent in the clear, again with each request. */
export function warnOfClearPasswords(
  { gateway, services }: Pick<Config, 'gateway' | 'services'>,
  report: Report,
): void {
  // Behind a proxy that is trusted, TLS ends there.
  if (gateway.trustedProxies.length > 0 || gateway.listen.every(keepsPasswords)) return;
  for (const { path } of usesOf(services, 'basic')) {
    report.add(path, {
      severity: 'warning',
      message:
        'passwords are read by whoever is on the way: gateway.listen has plain HTTP on an address that is not loopback',
    });
  }
}

/** What is said on this listener stays between the client and the gateway. */
function keepsPasswords({ host, tls, redirectPort }: ListenConfig): boolean {
  if (tls !== undefined || redirectPort !== undefined) return true;
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host);
}

/** Without a listener that asks for certificates nobody has one. */
export function checkCertificateUse({ gateway, services }: Pick<Config, 'gateway' | 'services'>, report: Report): void {
  if (gateway.listen.some(({ tls }) => (tls?.clientCaFile ?? '') !== '')) return;
  for (const { path } of usesOf(services, 'mtls')) {
    report.add(path, {
      message: 'needs a listener that asks for certificates: engine: node, with tls.clientCa, in gateway.listen',
    });
  }
}

/** Every use of a method, with its place. */
function usesOf(services: Config['services'], kind: string): readonly MethodUse[] {
  return services.flatMap((service) => {
    const path = ['services', service.name];
    const lists = [
      [path, service.policies] as const,
      ...service.routes.map((route) => [[...path, 'routes', route.name], route.policies] as const),
    ];
    return lists.flatMap(([at, policies]) =>
      policies.flatMap((use, index) =>
        use.policy === 'auth'
          ? methodsOf(use, [...at, 'policies', index]).filter((method) => method.kind === kind)
          : [],
      ),
    );
  });
}

function methodsOf({ config }: PolicyUse, path: Path): readonly MethodUse[] {
  const { methods, needsAll } = config as AuthConfig;
  return methods.map((settings, index) => ({
    path: [...path, 'auth', needsAll ? 'all' : 'any', index, settings.kind],
    kind: settings.kind,
    settings,
  }));
}

function checkName(name: string, what: string, known: ReadonlySet<string>, path: Path, report: Report): void {
  if (known.has(name)) return;
  report.add(path, {
    message: `there is no such ${what}`,
    expected: `a name from ${what}s`,
    showsFound: true,
    nearest: nearestName(name, [...known]),
  });
}
