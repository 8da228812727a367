// 10,000 routes, from the checked Config to the moment when requests meet them, against find-my-way building its tree.

import { sink } from '../support/sink.ts';
import { benchRoutes } from './bench-routes.ts';
import { buildFindMyWay } from './build-find-my-way.ts';
import type { MicroCase } from './micro-case.ts';
import { StubGateway } from './stub-gateway.ts';

const ROUTE_COUNT = 10_000;

export function publishCases(): readonly MicroCase[] {
  const routes = benchRoutes(ROUTE_COUNT);
  const gateway = new StubGateway(configOf(routes));
  const suffix = `, ${ROUTE_COUNT.toLocaleString('en')} routes`;
  const name = `find-my-way builds${suffix}`;
  return [
    {
      name,
      run() {
        sink.value = buildFindMyWay(routes, false);
      },
    },
    {
      name: `find-my-way builds and compiles${suffix}`,
      run() {
        sink.value = buildFindMyWay(routes, true);
      },
    },
    { name: `compile and publish${suffix}`, against: name, run: () => gateway.publish() },
  ];
}

function configOf(routes: ReturnType<typeof benchRoutes>): string {
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
