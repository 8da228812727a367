import findMyWay, { type HTTPVersion, type Instance } from 'find-my-way';
import type { BenchRoute } from './bench-routes.ts';

/** fastify's router with the same routes. @param compiles  also generate code for the tree, as find-my-way offers */
export function buildFindMyWay(routes: readonly BenchRoute[], compiles: boolean): Instance<HTTPVersion.V1> {
  const router = findMyWay();
  const handler = (): void => {};
  for (const { path } of routes) router.on('GET', path.replace('{id}', ':id'), handler);
  return compiles ? router.compile() : router;
}
