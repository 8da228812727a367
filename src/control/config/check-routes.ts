// Routes that stand in each other's way. The compiler of the route trie finds them; this says where they are written.

import { compileTrie } from '../../gateway/router/compile-trie.ts';
import type { ServiceConfig } from './config.ts';
import type { Path } from './read-value.ts';
import type { Report } from './report.ts';

export function checkRoutes(
  services: readonly Pick<ServiceConfig, 'name' | 'hosts' | 'path' | 'routes'>[],
  report: Report,
): void {
  const paths: Path[] = [];
  const entries = services.flatMap(({ name, hosts, path, routes }) =>
    routes.map((route) => {
      const routeIndex = paths.push(['services', name, 'routes', route.name, 'match']) - 1;
      return { hosts, method: route.method, path: path + route.path, routeIndex, name: `${name}.${route.name}` };
    }),
  );
  const trie = compileTrie(entries);
  if (trie.ok) return;
  // The messages quote hosts and paths, those of other routes too.
  const isHidden = report.isAnyFilledIn(isPartOfMatch);
  for (const { routeIndex, message } of trie.error) {
    const name = entries[routeIndex]?.name ?? '';
    const told = isHidden ? `${name} cannot be told from another route, or its path cannot be used` : message;
    report.add(paths[routeIndex] ?? [], { message: told });
  }
}

/** services.*.hosts[*], services.*.path, services.*.routes.*.match */
function isPartOfMatch(path: Path): boolean {
  return path[0] === 'services' && (path[2] === 'hosts' || path[2] === 'path' || path[4] === 'match');
}
