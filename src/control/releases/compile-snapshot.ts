// Config → Snapshot: everything a request needs, laid out in an arena. Runs in the task pool, never on a request thread
// or the main thread.

import { Packr } from 'msgpackr';
import { err, ok, type Result } from '../../base/result.ts';
import type { ClusterLimitDefinition } from '../../gateway/limiter/cluster-limit.ts';
import { identityStages, type Stage, stageRank } from '../../gateway/pipeline/stages.ts';
import { findPolicyConfig } from '../../gateway/policies/config-registry.ts';
import type { AddressSetPlan } from '../../gateway/policies/ip/ip-plan.ts';
import type { CompileContext } from '../../gateway/policies/policy-config.ts';
import { compileTrie, type TrieIssue } from '../../gateway/router/compile-trie.ts';
import type {
  AccessLogPlan,
  FallbackPlan,
  GatewayPlan,
  LimitDefinition,
  PolicyPlan,
  RoutePlan,
  TracingPlan,
  UpstreamPlan,
} from '../../gateway/snapshot.ts';
import { rejectBelow } from '../../gateway/telemetry/sampler.ts';
import { type Arena, writeArena } from '../../shm/arena.ts';
import type {
  Config,
  PolicyUse,
  RouteConfig,
  ServiceConfig,
  TargetConfig,
  TracingConfig,
  UpstreamConfig,
} from '../config/config.ts';
import { AddressCollector } from './address-collector.ts';
import { balancingPlan } from './balancing-plan.ts';
import { compileConsumers } from './compile-consumers.ts';
import { PlanCompiler } from './compile-plans.ts';
import { compileSteering, type SteeringNames, type SteerName, SteerRules } from './compile-steering.ts';
import { guardPlans } from './guard-plans.ts';
import { LimitCollector } from './limit-collector.ts';
import { smoothTurns } from './smooth-turns.ts';

/** An upstream as the main thread needs it: to check its targets, and to tell of them and of their guards. */
export interface UpstreamSummary extends Pick<UpstreamConfig, 'name' | 'discovery' | 'health' | 'http2' | 'tls'> {
  readonly targets: readonly (TargetConfig & { readonly name: string })[];
  readonly hasCircuit: boolean;
  readonly hasRetries: boolean;
  readonly fallback: FallbackPlan['kind'] | undefined;
}

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
  const plans = new PlanCompiler(config, limits);
  const names: SteeringNames = {
    upstreams: new Map(config.upstreams.map((upstream, index) => [upstream.name, index])),
    rules: new SteerRules(),
  };
  const routes = config.services.flatMap((service) =>
    service.routes.map((route) =>
      packr.pack(
        routePlan(config, service, route, compileSteering(service, route, names), { limits, addresses, plans }),
      ),
    ),
  );
  const targetNames = config.upstreams.flatMap((upstream) =>
    upstream.targets.map((target) => [upstream.name, targetName(target)] as const),
  );
  const consumers = compileConsumers(config.consumers, plans, packr, sealKey);
  const loadNames = config.upstreams.filter(({ concurrency }) => concurrency !== undefined).map(({ name }) => name);
  const arena = writeArena(
    {
      epoch,
      gateway: packr.pack(gatewayPlan(config, plans.plans, addresses.sets, stored.version)),
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

function upstreamSummary(upstream: UpstreamConfig): UpstreamSummary {
  const { name, discovery, health, http2, tls, targets, circuit, retries, fallback } = upstream;
  return {
    name,
    discovery,
    health,
    http2,
    // Its secrets are of use for checks only.
    tls: health === undefined ? undefined : tls,
    targets: targets.map((target) => ({ ...target, name: targetName(target) })),
    hasCircuit: circuit !== undefined,
    hasRetries: retries !== undefined,
    fallback: fallback && (fallback.mock === undefined ? 'upstream' : 'mock'),
  };
}

/** As it is written, but for the weight: unix:/run/app.sock:/base */
function targetName({ origin, socketPath, basePath }: TargetConfig): string {
  return socketPath === '' || basePath === '' ? origin + basePath : `${origin}:${basePath}`;
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
  addressSets: readonly AddressSetPlan[],
  catalogVersion: number,
): GatewayPlan {
  const { trustedProxies, tracing, explain } = config.gateway;
  return {
    trustedProxies,
    upstreams: config.upstreams.map((upstream) => upstreamPlan(upstream, config.upstreams)),
    accessLog: accessLogPlan(config),
    ...(tracing !== undefined && { tracing: tracingPlan(tracing) }),
    overload: { loopDelayMs: config.gateway.overload.loopDelayMs },
    ...(explain !== undefined && { explain }),
    ...(config.gateway.usage !== undefined && { isMetered: true }),
    plans,
    ...(addressSets.length > 0 && { addressSets }),
    ...(catalogVersion > 0 && { catalogVersion }),
  };
}

function accessLogPlan({ gateway: { accessLog } }: Config): AccessLogPlan | undefined {
  if (accessLog === undefined) return undefined;
  return { file: accessLog.file, sampleShare: accessLog.sampleShare, errors: accessLog.errors };
}

function tracingPlan({ sample, slowMs }: TracingConfig): TracingPlan {
  return { rejectBelow: rejectBelow(sample), slowUs: slowMs === 0 ? Number.POSITIVE_INFINITY : slowMs * 1_000 };
}

function upstreamPlan(upstream: UpstreamConfig, all: readonly UpstreamConfig[]): UpstreamPlan {
  return {
    name: upstream.name,
    targets: upstream.targets,
    connectTimeoutMs: upstream.timeouts.connectMs,
    responseTimeoutMs: upstream.timeouts.responseMs,
    idleTimeoutMs: upstream.timeouts.idleMs,
    totalTimeoutMs: upstream.timeouts.totalMs,
    connectionsMax: upstream.connections,
    connectionsMin: upstream.keepAlive.min,
    keepAliveMs: upstream.keepAlive.idleTimeoutMs,
    pipelining: upstream.pipelining,
    http2: upstream.http2,
    tls: upstream.tls,
    turns: smoothTurns(upstream.targets.map(({ weight }) => weight)),
    balancing: balancingPlan(upstream, upstream.targets.map(targetName)),
    ...guardPlans(upstream, all),
    ...(upstream.concurrency !== undefined && { concurrency: upstream.concurrency }),
  };
}

/** What routes share. */
interface Collectors {
  readonly limits: LimitCollector;
  readonly addresses: AddressCollector;
  readonly plans: PlanCompiler;
}

function routePlan(
  config: Config,
  service: ServiceConfig,
  route: RouteConfig,
  steering: ReturnType<typeof compileSteering>,
  { limits, addresses, plans }: Collectors,
): RoutePlan {
  const credentials = { header: new Set<string>(), query: new Set<string>(), cookie: new Set<string>() };
  const rateLimitPolicy: string[] = [];
  const contextOf = (place: string, isServiceLevel: boolean, isShadow: boolean): CompileContext => ({
    service: service.name,
    route: route.name,
    path: service.path + route.path,
    place,
    isServiceLevel,
    hasStore: config.gateway.redis !== '',
    addLimit: (definition) => limits.add(definition),
    addAddressSet: (set) => addresses.add(set),
    addClusterLimit: (definition) => limits.addCluster(definition),
    // In shadow mode upstreams get what they would get without the policy, and clients hear nothing of it.
    addCredential: ({ in: place, name }) => void (isShadow || credentials[place].add(name)),
    needConsumerNames: () => {
      plans.needsNames = true;
    },
    addRateLimitPolicy: (item) => void (isShadow || rateLimitPolicy.push(item)),
  });
  const policies = [
    ...compilePolicies(service.policies, service.name, (place, isShadow) => contextOf(place, true, isShadow)),
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
