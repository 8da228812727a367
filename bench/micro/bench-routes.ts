// 10 to 10,000 routes as a configuration, for Sluice and find-my-way alike, and paths that meet them all.

import type { TrieRoute } from '../../src/gateway/router/compile-trie.ts';

export interface BenchRoute {
  /** A name for the configuration. */
  readonly name: string;
  /** With one parameter, as Sluice writes it: /a/{id}/b */
  readonly path: string;
}

// A power of two, so that taking turns costs one AND.
const PATH_COUNT = 1_024;
/** For `turn & PATH_TURN_MASK`. */
export const PATH_TURN_MASK = PATH_COUNT - 1;

// A prime: paths that follow each other meet routes that lie far apart.
const STRIDE = 7_919;

export function benchRoutes(count: number): readonly BenchRoute[] {
  return Array.from({ length: count }, (_, route) => ({
    name: `route-${route}`,
    path: `/service-${route % 100}/v1/resource-${route}/{id}/items`,
  }));
}

/** Paths that match, one route after another. */
export function benchPaths(count: number): readonly string[] {
  const routes = benchRoutes(count);
  return Array.from({ length: PATH_COUNT }, (_, turn) =>
    (routes[(turn * STRIDE) % count] as BenchRoute).path.replace('{id}', String(turn)),
  );
}

export function trieRoutes(routes: readonly BenchRoute[]): readonly TrieRoute[] {
  return routes.map(({ name, path }, routeIndex) => ({ hosts: [], method: 'GET', path, routeIndex, name }));
}
