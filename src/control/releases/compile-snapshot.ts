// Config → Snapshot: everything a request needs, laid out in an arena. Runs in the task pool, never on a request thread
// or the main thread.

import { Packr } from 'msgpackr';
import { parsePasswordHash, type ScryptCost } from '../../base/password-hash.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { ClusterLimitDefinition } from '../../gateway/limiter/cluster-limit.ts';
import { identityStages, type Stage, stageRank } from '../../gateway/pipeline/stages.ts';
import { findPolicyConfig } from '../../gateway/policies/config-registry.ts';
import type { CompileContext } from '../../gateway/policies/policy-config.ts';
import { compileTrie, type TrieIssue } from '../../gateway/router/compile-trie.ts';
import type {
  AccessLogPlan,
  GatewayPlan,
  LimitDefinition,
  PolicyPlan,
  RoutePlan,
  TracingPlan,
} from '../../gateway/snapshot.ts';
import { rejectBelow } from '../../gateway/telemetry/sampler.ts';
import { type Arena, writeArena } from '../../shm/arena.ts';
import type { Config, PolicyUse, RouteConfig, ServiceConfig, TracingConfig } from '../config/config.ts';
import { AddressCollector } from './address-collector.ts';
import { compileConsumers } from './compile-consumers.ts';
import { maskPlan } from './compile-mask.ts';
import { PermissionCompiler } from './compile-permissions.ts';
import { PlanCompiler } from './compile-plans.ts';
import { compileSteering, type SteeringNames, type SteerName, SteerRules } from './compile-steering.ts';
import { targetName, type UpstreamSummary, upstreamPlan, upstreamSummary } from './compile-upstreams.ts';
import { inheritedPolicies } from './inherited-policies.ts';
import { LimitCollector } from './limit-collector.ts';

/** What the main thread needs of a snapshot besides its bytes. */
export interface SnapshotSummary {
  readonly epoch: number;
  /** 'service route' of each route, in the order of the arena's tables. */
  readonly routeNames: readonly (readonly [service: string, route: string])[];
  /** Of each rule that steers, in the order of the arena's table, behind the routes. */
  readonly steerNames: readonly SteerName[];
  readonly limits: readonly LimitDefinition[];
  /** Of all instances together; each once. */
  readonly clusterLimits: readonly ClusterLimitDefinition[];
  /** 'upstream origin' of each target, in the order of the arena's tables. */
  readonly targetNames: readonly (readonly [upstream: string, origin: string])[];
  /** In the order of the arena's tables. */
  readonly upstreams: readonly UpstreamSummary[];
  /** Upstreams that have a limit, in the order of the arena's table. */
  readonly loadNames: readonly string[];
  /** Of each key, in the order of the arena's table. */
  readonly callerNames: readonly (readonly [consumer: string, key: string, plan: string])[];
  readonly serviceCount: number;
  readonly consumerCount: number;
  /** By the index that consumers have. */
  readonly planNames: readonly string[];
  /** Of the configuration's documents of permissions. */
  readonly permissionNames: readonly string[];
  /** Indexes of the consumers, in the order of their names. */
  readonly consumerOrder: Uint32Array;
  /** Consumers of sluice.yaml: the first ones. */
  readonly writtenCount: number;
  /** Of the stored consumers that it was made of; 0: of none. */
  readonly catalogVersion: number;
}

interface StoredPart {
  /** 0: there are none. */
  readonly version: number;
  /** Consumers before them, of sluice.yaml. */
  readonly writtenCount: number;
}

export interface CompiledSnapshot {
  readonly arena: Arena;
  readonly summary: SnapshotSummary;
}

// Records off: each plan is unpacked by itself, so nothing may be shared between them.
const packr = new Packr({ useRecords: false });

/**
 * @param take  gives a shared buffer of at least so many bytes
 * @param sealKey  of secrets in the snapshot (src/base/sealed.ts)
 * @param stored  of the stored consumers among the configuration's, and where they begin
 * @returns the snapshot, or what is wrong with its routes
 */
export function compileSnapshot(
  config: Config,
  epoch: number,
  take: (bytes: number) => SharedArrayBuffer,
  sealKey: Uint8Array,
  stored: StoredPart = { version: 0, writtenCount: config.consumers.length },
): Result<CompiledSnapshot, readonly TrieIssue[]> {
  const trie = compileTrie(routeEntries(config));
  if (!trie.ok) return err(trie.error);
  const limits = new LimitCollector();
  const addresses = new AddressCollector();
  const secrets = new Set<string>();
  const plans = new PlanCompiler(config, limits);
  const permissions = new PermissionCompiler(config);
  const names: SteeringNames = {
    upstreams: new Map(config.upstreams.map((upstream, index) => [upstream.name, index])),
    rules: new SteerRules(),
  };
  const routes = config.services.flatMap((service) =>
    service.routes.map((route) =>
      packr.pack(
        routePlan(config, service, route, compileSteering(service, route, names), {
          limits,
          addresses,
          secrets,
          plans,
        }),
      ),
    ),
  );
  const targetNames = config.upstreams.flatMap((upstream) =>
    upstream.targets.map((target) => [upstream.name, targetName(target)] as const),
  );
  const consumers = compileConsumers(config.consumers, { plans, permissions }, packr, sealKey);
  const loadNames = config.upstreams.filter(({ concurrency }) => concurrency !== undefined).map(({ name }) => name);
  const arena = writeArena(
    {
      epoch,
      gateway: packr.pack({
        ...gatewayPlan(config, plans.plans, { addresses, secrets }),
        ...permissions.gateway(),
        ...(stored.version > 0 && { catalogVersion: stored.version }),
      }),
      trie: trie.value.words,
      routes,
      ruleCount: names.rules.names.length,
      limitCount: limits.definitions.length,
      targetCount: targetNames.length,
      upstreamCount: config.upstreams.length,
      loadCount: loadNames.length,
      consumers: consumers.consumers,
      keys: consumers.keys,
    },
    take,
  );
  return ok({
    arena,
    summary: {
      epoch,
      routeNames: config.services.flatMap((service) =>
        service.routes.map((route) => [service.name, route.name] as const),
      ),
      steerNames: names.rules.names,
      limits: limits.definitions,
      clusterLimits: limits.cluster,
      targetNames,
      upstreams: config.upstreams.map(upstreamSummary),
      loadNames,
      callerNames: consumers.callerNames,
      serviceCount: config.services.length,
      consumerCount: config.consumers.length,
      planNames: config.plans.map(({ name }) => name),
      permissionNames: (config.permissions ?? []).map(({ name }) => name),
      consumerOrder: orderOf(config.consumers),
      writtenCount: stored.writtenCount,
      catalogVersion: stored.version,
    },
  });
}

function orderOf(consumers: Config['consumers']): Uint32Array {
  const names = consumers.map(({ name }) => name);
  const order = Uint32Array.from(names.keys());
  return order.sort((a, b) => ((names[a] as string) < (names[b] as string) ? -1 : 1));
}

/** The routes as the trie sees them, in the order of the arena's tables. */
export function routeEntries(config: Config): Parameters<typeof compileTrie>[0] {
  let routeIndex = 0;
  return config.services.flatMap((service) =>
    service.routes.map((route) => ({
      hosts: service.hosts,
      method: route.method,
      path: service.path + route.path,
      routeIndex: routeIndex++,
      name: `${service.name}.${route.name}`,
    })),
  );
}

function gatewayPlan(
  config: Config,
  plans: GatewayPlan['plans'],
  { addresses: { sets: addressSets }, secrets }: Pick<Collectors, 'addresses' | 'secrets'>,
): GatewayPlan {
  const { trustedProxies, tracing, explain } = config.gateway;
  return {
    trustedProxies,
    upstreams: config.upstreams.map((upstream) => upstreamPlan(upstream, config.upstreams)),
    accessLog: accessLogPlan(config),
    ...(tracing !== undefined && { tracing: tracingPlan(tracing) }),
    overload: { loopDelayMs: config.gateway.overload.loopDelayMs },
    bodyRateMin: config.gateway.limits.minBodyRate,
    ...(explain !== undefined && { explain }),
    ...(config.gateway.usage !== undefined && { isMetered: true }),
    plans,
    ...(addressSets.length > 0 && { addressSets }),
    ...maskPlan(config.gateway, secrets),
    ...(config.services.some(hasCors) && { hasCors: true }),
    ...passwordCosts(config),
  };
}

function hasCors({ policies, routes }: ServiceConfig): boolean {
  const isCors = ({ policy, isShadow }: PolicyUse): boolean => policy === 'cors' && isShadow !== true;
  return policies.some(isCors) || routes.some((route) => route.policies.some(isCors));
}

function passwordCosts({ consumers }: Config): Pick<GatewayPlan, 'passwordCosts'> {
  const costs = new Map<string, ScryptCost>();
  for (const { hash } of consumers.flatMap(({ passwords = [] }) => passwords)) {
    const cost = parsePasswordHash(hash)?.cost;
    if (cost !== undefined) costs.set(JSON.stringify(cost), cost);
  }
  return costs.size === 0 ? {} : { passwordCosts: [...costs.values()] };
}

function accessLogPlan({ gateway: { accessLog } }: Config): AccessLogPlan | undefined {
  if (accessLog === undefined) return undefined;
  const { file, sampleShare, errors, hasQueries } = accessLog;
  return { file, sampleShare, errors, ...(hasQueries === true && { hasQueries }) };
}

function tracingPlan({ sample, slowMs, hasQueries }: TracingConfig): TracingPlan {
  return {
    rejectBelow: rejectBelow(sample),
    slowUs: slowMs === 0 ? Number.POSITIVE_INFINITY : slowMs * 1_000,
    ...(hasQueries === true && { hasQueries }),
  };
}

/** What routes share. */
interface Collectors {
  readonly limits: LimitCollector;
  readonly addresses: AddressCollector;
  /** Names of parameters that carry credentials somewhere. */
  readonly secrets: Set<string>;
  readonly plans: PlanCompiler;
}

function routePlan(
  config: Config,
  service: ServiceConfig,
  route: RouteConfig,
  steering: ReturnType<typeof compileSteering>,
  { limits, addresses, secrets, plans }: Collectors,
): RoutePlan {
  const credentials = { header: new Set<string>(), query: new Set<string>(), cookie: new Set<string>() };
  const rateLimitPolicy: string[] = [];
  const contextOf = (place: string, isServiceLevel: boolean, isShadow: boolean): CompileContext => ({
    service: service.name,
    route: route.name,
    method: route.method,
    path: service.path + route.path,
    place,
    isServiceLevel,
    hasStore: config.gateway.redis !== '',
    timeZone: config.gateway.timeZone,
    addLimit: (definition) => limits.add(definition),
    addAddressSet: (set) => addresses.add(set),
    addClusterLimit: (definition) => limits.addCluster(definition),
    // In shadow mode upstreams get what they would get without the policy, and clients hear nothing of it.
    addCredential: ({ in: place, name }) => {
      if (!isShadow) credentials[place].add(name);
      if (place === 'query') secrets.add(name);
    },
    needConsumerNames: () => {
      plans.needsNames = true;
    },
    upstreamIndex: (name) => config.upstreams.findIndex((upstream) => upstream.name === name),
    addRateLimitPolicy: (item) => void (isShadow || rateLimitPolicy.push(item)),
  });
  const policies = [
    ...compilePolicies(inheritedPolicies(service, route), service.name, (place, isShadow) =>
      contextOf(place, true, isShadow),
    ),
    ...compilePolicies(route.policies, `${service.name}.${route.name}`, (place, isShadow) =>
      contextOf(place, false, isShadow),
    ),
  ];
  if (policies.some(({ stage }) => stage === 'authenticate')) policies.push(...planSteps(plans, service, route));
  // Sorting is stable: within a stage the written order decides, the service's before the route's.
  policies.sort((a, b) => stageRank(a.stage) - stageRank(b.stage));
  return {
    service: service.name,
    route: route.name,
    path: service.path + route.path,
    ...steering,
    stripSegments: service.stripPath ? service.path.split('/').length - 1 : 0,
    preserveHost: service.preserveHost,
    priority: route.priority,
    serverTiming: service.serverTiming,
    websocket: route.websocket,
    allowEncodedSlashes: route.allowEncodedSlashes,
    allowSemicolons: route.allowSemicolons,
    bodyBytesMax: config.gateway.limits.bodyBytes,
    policies: policyPlans(policies),
    credentialHeaders: [...credentials.header],
    credentialQueries: [...credentials.query],
    credentialCookies: [...credentials.cookie],
    rateLimitPolicy: rateLimitPolicy.join(', '),
  };
}

function planSteps(plans: PlanCompiler, service: ServiceConfig, route: RouteConfig): CompiledPolicy[] {
  return plans
    .steps(service, route)
    .map(({ policy, plan, place }) => ({ policy, stage: policy, plan, place, isShadow: false }));
}

interface CompiledPolicy {
  readonly policy: string;
  readonly stage: Stage;
  readonly plan: unknown;
  readonly place: string;
  readonly isShadow: boolean;
}

function policyPlans(policies: readonly CompiledPolicy[]): readonly PolicyPlan[] {
  const letsInAnybody = policies.some(({ stage, isShadow }) => stage === 'authenticate' && isShadow);
  return policies.map(({ policy, stage, plan, place, isShadow }) => ({
    policy,
    plan,
    place,
    ...(isShadow && { isShadow }),
    ...(letsInAnybody && identityStages.includes(stage) && { skipsAnonymous: true }),
  }));
}

function compilePolicies(
  uses: readonly PolicyUse[],
  prefix: string,
  contextOf: (place: string, isShadow: boolean) => CompileContext,
): CompiledPolicy[] {
  const counts = new Map<string, number>();
  return uses.map(({ policy, config, isShadow = false }) => {
    const n = (counts.get(policy) ?? 0) + 1;
    counts.set(policy, n);
    const definition = findPolicyConfig(policy);
    if (definition === undefined) throw new Error(`no policy is called ${policy}: the parser let it through`);
    const place = `${prefix}.${policy}.${n}`;
    return {
      policy,
      stage: definition.stage(config),
      plan: definition.compile(config, contextOf(place, isShadow)),
      place,
      isShadow,
    };
  });
}
