// The section `services`. Each service and each route is checked by itself, so that a broken one hides no other.

import * as z from 'zod';
import { checkAccess, type KnownConsumers } from './check-access.ts';
import { checkAuth, takesGroupsFromTokens } from './check-auth.ts';
import { checkLimitKeys } from './check-limit-keys.ts';
import { checkPolicies } from './check-policies.ts';
import { checkSteering, checkStickyConsumers } from './check-steering.ts';
import type { RouteConfig, ServiceConfig, SteerConfig } from './config.ts';
import type { ConfigFiles } from './config-files.ts';
import type { PlanBindings } from './plan-config.ts';
import { readNamed } from './read-named.ts';
import { checkPlanBindings } from './read-plans.ts';
import { type ReadUse, readPolicies } from './read-policies.ts';
import type { Path } from './read-value.ts';
import type { Report } from './report.ts';
import { routeSchema, serviceSchema } from './service-schema.ts';

const later = z.unknown().optional();
const ownService = serviceSchema(later, later);
const ownRoute = routeSchema(later);

/** What services may refer to. */
export interface KnownNames {
  readonly upstreams: ReadonlySet<string>;
  readonly plans: ReadonlySet<string>;
  readonly consumers: KnownConsumers;
  readonly files: ConfigFiles;
}

interface ReadRoute {
  readonly name: string;
  readonly uses: readonly ReadUse[];
  /** undefined when it is not valid, which was reported. */
  readonly own: z.output<typeof ownRoute> | undefined;
}

/** @returns the services that are valid but for some of their routes and policies */
export function readServices(raw: unknown, names: KnownNames, report: Report): ServiceConfig[] {
  const services: ServiceConfig[] = [];
  readNamed(raw, ['services'], report, (name, value, path) => {
    const service = readService(name, value, path, names, report);
    if (service !== undefined) services.push(service);
  });
  return services;
}

function readService(
  name: string,
  raw: unknown,
  path: Path,
  names: KnownNames,
  report: Report,
): ServiceConfig | undefined {
  const parsed = ownService.safeParse(raw);
  if (!parsed.success) report.addZod(path, parsed.error, raw);
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) return undefined;
  const written = raw as Record<string, unknown>;
  checkSteering(written, path, names.upstreams, report);
  const uses = readPolicies(written['policies'], [...path, 'policies'], names.files, report);
  const routes: ReadRoute[] = [];
  readNamed(written['routes'], [...path, 'routes'], report, (routeName, value, routePath) => {
    routes.push(readRoute(routeName, value, routePath, names, report));
  });
  checkPolicies(path, uses, routes, report);
  const allUses = [...uses, ...routes.flatMap((route) => route.uses)];
  checkAuth(allUses, names.upstreams, names.consumers.names, report);
  checkAccess(
    allUses,
    { ...names.consumers, groups: takesGroupsFromTokens(allUses) ? undefined : names.consumers.groups },
    report,
  );
  checkKeys(parsed.data?.path ?? '', uses, routes, report);
  checkBindings(parsed.data?.plans, path, uses, routes, names.plans, report);
  checkLots(parsed.data?.steer, path, uses, routes, report);
  if (!parsed.success) return undefined;
  const { policies: _policies, routes: _routes, ...own } = parsed.data;
  return { ...own, name, policies: validUses(uses), routes: routes.flatMap((route) => finishRoute(route, own)) };
}

function readRoute(name: string, raw: unknown, path: Path, names: KnownNames, report: Report): ReadRoute {
  const parsed = ownRoute.safeParse(raw);
  if (!parsed.success) report.addZod(path, parsed.error, raw);
  else checkWebSocket(parsed.data, path, report);
  const written = typeof raw === 'object' && raw !== null ? (raw as Record<string, unknown>) : {};
  checkSteering(written, path, names.upstreams, report);
  return {
    name,
    uses: readPolicies(written['policies'], [...path, 'policies'], names.files, report),
    own: parsed.data,
  };
}

function checkKeys(prefix: string, uses: readonly ReadUse[], routes: readonly ReadRoute[], report: Report): void {
  const keyed = routes.flatMap(({ name, uses: own, own: route }) =>
    route === undefined ? [] : [{ name, path: prefix + route.match.path, uses: own }],
  );
  checkLimitKeys(uses, keyed, report);
}

/** Plans are consumers': where nobody is asked who it is, they say nothing. */
function checkBindings(
  bindings: PlanBindings | undefined,
  path: Path,
  uses: readonly ReadUse[],
  routes: readonly ReadRoute[],
  plans: ReadonlySet<string>,
  report: Report,
): void {
  const isKnown = uses.some(isAuth);
  checkPlanBindings(
    bindings,
    [...path, 'plans'],
    isKnown || routes.some((route) => route.uses.some(isAuth)),
    plans,
    report,
  );
  for (const route of routes) {
    const routePath = [...path, 'routes', route.name, 'plans'];
    checkPlanBindings(route.own?.plans, routePath, isKnown || route.uses.some(isAuth), plans, report);
  }
}

function isAuth({ policy }: ReadUse): boolean {
  return policy === 'auth';
}

function checkLots(
  rules: readonly SteerConfig[] | undefined,
  path: Path,
  uses: readonly ReadUse[],
  routes: readonly ReadRoute[],
  report: Report,
): void {
  const hasAuth = (list: readonly ReadUse[]): boolean => list.some(isAuth);
  checkStickyConsumers(rules, path, hasAuth(uses) || routes.some((route) => hasAuth(route.uses)), report);
  for (const route of routes) {
    const routePath = [...path, 'routes', route.name];
    checkStickyConsumers(route.own?.steer, routePath, hasAuth(uses) || hasAuth(route.uses), report);
  }
}

function checkWebSocket({ websocket, match }: z.output<typeof ownRoute>, path: Path, report: Report): void {
  if (websocket !== true || match.method === 'GET' || match.method === 'ANY') return;
  report.add([...path, 'websocket'], {
    message: `a WebSocket is asked for with GET, which this route does not answer`,
    expected: 'a route for GET or ANY',
  });
}

/** A route says what its service does not. */
function finishRoute(
  { name, uses, own }: ReadRoute,
  service: Omit<ServiceConfig, 'name' | 'policies' | 'routes'>,
): RouteConfig[] {
  if (own === undefined) return [];
  return [
    {
      name,
      method: own.match.method,
      path: own.match.path,
      upstream: own.upstream,
      steer: own.steer,
      mirror: own.mirror,
      priority: own.priority ?? service.priority,
      websocket: own.websocket ?? service.websocket,
      allowEncodedSlashes: own.allowEncodedSlashes ?? service.allowEncodedSlashes,
      allowSemicolons: own.allowSemicolons ?? service.allowSemicolons,
      plans: own.plans,
      policies: validUses(uses),
    },
  ];
}

function validUses(uses: readonly ReadUse[]) {
  return uses.flatMap(({ use }) => (use === undefined ? [] : [use]));
}
