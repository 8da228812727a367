// Finding a request's route, against find-my-way: the same routes, the same paths. find-my-way's find() cleans the path and
// gives the parameters, so what compares with it is normalising, matching and reading the parameter.

import { compileTrie } from '../../src/gateway/router/compile-trie.ts';
import { RouteMatch, RouteMatcher } from '../../src/gateway/router/match-route.ts';
import { methodIndex } from '../../src/gateway/router/methods.ts';
import { matchForm, type NormalizedPath, normalizePath } from '../../src/gateway/router/normalize-path.ts';
import { sink } from '../support/sink.ts';
import { benchPaths, benchRoutes, PATH_TURN_MASK, trieRoutes } from './bench-routes.ts';
import { buildFindMyWay } from './build-find-my-way.ts';
import type { MicroCase } from './micro-case.ts';

const HOST = 'shop.example';

export function matchCases(routeCount: number): readonly MicroCase[] {
  const suffix = `, ${routeCount.toLocaleString('en')} routes`;
  const name = `find-my-way${suffix}`;
  return [
    findMyWayCase(name, routeCount, false),
    findMyWayCase(`find-my-way, compiled${suffix}`, routeCount, true),
    sluiceCase(`match alone${suffix}`, routeCount),
    { ...normalizeAndMatchCase(`normalize, match, read${suffix}`, routeCount), against: name },
  ];
}

function findMyWayCase(name: string, routeCount: number, compiles: boolean): MicroCase {
  return {
    name,
    prepare() {
      const router = buildFindMyWay(benchRoutes(routeCount), compiles);
      const paths = benchPaths(routeCount);
      let turn = 0;
      return () => {
        const found = router.find('GET', paths[turn++ & PATH_TURN_MASK] as string);
        sink.value = found?.params['id'];
      };
    },
  };
}

function sluiceCase(name: string, routeCount: number): MicroCase {
  return {
    name,
    prepare() {
      const matcher = buildMatcher(routeCount);
      const paths = benchPaths(routeCount);
      const match = new RouteMatch();
      const get = methodIndex('GET');
      let turn = 0;
      return () => {
        sink.number += matcher.match(HOST, paths[turn++ & PATH_TURN_MASK] as string, get, match) + match.route;
      };
    },
  };
}

function normalizeAndMatchCase(name: string, routeCount: number): MicroCase {
  return {
    name,
    prepare() {
      const matcher = buildMatcher(routeCount);
      const paths = benchPaths(routeCount);
      const match = new RouteMatch();
      const get = methodIndex('GET');
      const normalized: NormalizedPath = { path: '', flags: 0 };
      let turn = 0;
      return () => {
        sink.number += normalizePath(paths[turn++ & PATH_TURN_MASK] as string, normalized);
        sink.number += matcher.match(HOST, matchForm(normalized.path), get, match);
        sink.value = normalized.path.slice(match.paramStarts[0], match.paramEnds[0]);
      };
    },
  };
}

/** In shared memory, as a worker has it. */
function buildMatcher(routeCount: number): RouteMatcher {
  const compiled = compileTrie(trieRoutes(benchRoutes(routeCount)));
  if (!compiled.ok) throw new Error(compiled.error[0]?.message);
  const words = new Int32Array(new SharedArrayBuffer(compiled.value.words.byteLength));
  words.set(compiled.value.words);
  return new RouteMatcher(words);
}
