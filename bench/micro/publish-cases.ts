// Many routes, from the checked Config to the moment when requests meet them, against find-my-way building its tree.

import type { RouteIndex } from '../../src/base/ids.ts';
import { sink } from '../support/sink.ts';
import { type BenchRoute, benchRoutes } from './bench-routes.ts';
import { buildFindMyWay } from './build-find-my-way.ts';
import type { MicroCase } from './micro-case.ts';
import { StubGateway } from './stub-gateway.ts';

export function publishCases(routeCount: number): readonly MicroCase[] {
  const routes = benchRoutes(routeCount);
  const suffix = `, ${routeCount.toLocaleString('en')} routes`;
  const name = `find-my-way builds${suffix}`;
  return [
    buildCase(name, routes, false),
    buildCase(`find-my-way builds and compiles${suffix}`, routes, true),
    {
      name: `compile and publish${suffix}`,
      against: name,
      prepare() {
        const gateway = new StubGateway(configOf(routes));
        return () => gateway.publish();
      },
    },
    attachCase(suffix, routes),
    firstRequestCase(suffix, routes),
  ];
}

/** The worker's turn in which it takes a new snapshot: how long requests wait for it. */
function attachCase(suffix: string, routes: readonly BenchRoute[]): MicroCase {
  return {
    name: `a worker attaches${suffix}`,
    async prepare() {
      const gateway = new StubGateway(configOf(routes));
      await gateway.publish();
      return () => {
        gateway.openSnapshot().release();
      };
    },
  };
}

/** What the first request after that pays for, once for each route. */
function firstRequestCase(suffix: string, routes: readonly BenchRoute[]): MicroCase {
  return {
    name: `a route's first request${suffix}`,
    async prepare() {
      const gateway = new StubGateway(configOf(routes));
      await gateway.publish();
      let snapshot = gateway.openSnapshot();
      let route = 0;
      return () => {
        if (route === routes.length) {
          snapshot.release();
          snapshot = gateway.openSnapshot();
          route = 0;
        }
        sink.value = snapshot.route(route++ as RouteIndex);
      };
    },
  };
}

function buildCase(name: string, routes: readonly BenchRoute[], compiles: boolean): MicroCase {
  return {
    name,
    prepare: () => () => {
      sink.value = buildFindMyWay(routes, compiles);
    },
  };
}

function configOf(routes: readonly BenchRoute[]): string {
  const lines = routes.map(({ name, path }) => `      ${name}: { match: "GET ${path}" }\n`);
  return `version: 1
gateway: { listen: "127.0.0.1:0", admin: "127.0.0.1:0" }
upstreams: { u: { targets: ["http://127.0.0.1:9001"] } }
services:
  s:
    upstream: u
    routes:
${lines.join('')}`;
}
