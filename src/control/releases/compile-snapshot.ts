// Config → Snapshot: everything a request needs, laid out in an arena. Runs in the task pool, never on a request thread
// or the main thread.

import { Packr } from 'msgpackr';
import { err, ok, type Result } from '../../base/result.ts';
import { stageRank } from '../../gateway/pipeline/stages.ts';
import { findPolicyConfig } from '../../gateway/policies/config-registry.ts';
import type { CompileContext } from '../../gateway/policies/policy-config.ts';
import { compileTrie, type TrieIssue } from '../../gateway/router/compile-trie.ts';
import type {
  AccessLogPlan,
  ConsumerPlan,
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
  ConsumerConfig,
  PolicyUse,
  RouteConfig,
  ServiceConfig,
  TargetConfig,
  TracingConfig,
  UpstreamConfig,
} from '../config/config.ts';

/** What the main thread needs of a snapshot besides its bytes. */
export interface SnapshotSummary {
  readonly epoch: number;
  /** 'service route' of each route, in the order of the arena's tables. */
  readonly routeNames: readonly (readonly [service: string, route: string])[];
  readonly limits: readonly LimitDefinition[];
  /** 'upstream origin' of each target, in the order of the arena's tables. */
  readonly targetNames: readonly (readonly [upstream: string, origin: string])[];
  /** Upstreams that have a limit, in the order of the arena's table. */
  readonly loadNames: readonly string[];
  readonly serviceCount: number;
  readonly consumerCount: number;
}

export interface CompiledSnapshot {
  readonly arena: Arena;
  readonly summary: SnapshotSummary;
}

// Records off: each plan is unpacked by itself, so nothing may be shared between them.
const packr = new Packr({ useRecords: false });

/**
 * @param take  gives a shared buffer of at least so many bytes
 * @returns the snapshot, or what is wrong with its routes
 */
export function compileSnapshot(
  config: Config,
  epoch: number,
  take: (bytes: number) => SharedArrayBuffer,
): Result<CompiledSnapshot, readonly TrieIssue[]> {
  const trie = compileTrie(routeEntries(config));
  if (!trie.ok) return err(trie.error);
  const limits = new LimitCollector();
  const upstreamIndex = new Map(config.upstreams.map((upstream, index) => [upstream.name, index]));
  const routes = config.services.flatMap((service) =>
    service.routes.map((route) =>
      packr.pack(routePlan(config, service, route, upstreamIndex.get(service.upstream) ?? 0, limits)),
    ),
  );
  const targetNames = config.upstreams.flatMap((upstream) =>
    upstream.targets.map((target) => [upstream.name, targetName(target)] as const),
  );
  const loadNames = config.upstreams.filter(({ concurrency }) => concurrency !== undefined).map(({ name }) => name);
  const arena = writeArena(
    {
      epoch,
      gateway: packr.pack(gatewayPlan(config)),
      trie: trie.value.words,
      routes,
      limitCount: limits.definitions.length,
      targetCount: targetNames.length,
      loadCount: loadNames.length,
      consumers: config.consumers.map((consumer) => packr.pack(consumerPlan(consumer))),
      keys: config.consumers.flatMap((consumer, index) =>
        consumer.keys.map((key, ordinal) => ({ digest: Buffer.from(key.sha256, 'hex'), consumer: index, ordinal })),
      ),
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
      limits: limits.definitions,
      targetNames,
      loadNames,
      serviceCount: config.services.length,
      consumerCount: config.consumers.length,
    },
  });
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

function gatewayPlan(config: Config): GatewayPlan {
  const { trustedProxies, tracing } = config.gateway;
  return {
    trustedProxies,
    upstreams: config.upstreams.map(upstreamPlan),
    accessLog: accessLogPlan(config),
    ...(tracing !== undefined && { tracing: tracingPlan(tracing) }),
    overload: { loopDelayMs: config.gateway.overload.loopDelayMs },
  };
}

function accessLogPlan({ gateway: { accessLog } }: Config): AccessLogPlan | undefined {
  if (accessLog === undefined) return undefined;
  return { file: accessLog.file, sampleShare: accessLog.sampleShare, allErrors: accessLog.errors === 'all' };
}

function tracingPlan({ sample, slowMs }: TracingConfig): TracingPlan {
  return { rejectBelow: rejectBelow(sample), slowUs: slowMs === 0 ? Number.POSITIVE_INFINITY : slowMs * 1_000 };
}

function upstreamPlan(upstream: UpstreamConfig): UpstreamPlan {
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
    ...(upstream.concurrency !== undefined && { concurrency: upstream.concurrency }),
  };
}

function consumerPlan({ name, priority }: ConsumerConfig): ConsumerPlan {
  return { name, ...(priority !== undefined && { priority }) };
}

function routePlan(
  config: Config,
  service: ServiceConfig,
  route: RouteConfig,
  upstream: number,
  limits: LimitCollector,
): RoutePlan {
  const credentialHeaders = new Set<string>();
  const rateLimitPolicy: string[] = [];
  const contextOf = (place: string, isServiceLevel: boolean): CompileContext => ({
    service: service.name,
    route: route.name,
    place,
    isServiceLevel,
    addLimit: (definition) => limits.add(definition),
    addCredentialHeader: (name) => void credentialHeaders.add(name),
    addRateLimitPolicy: (item) => void rateLimitPolicy.push(item),
  });
  const policies = [
    ...compilePolicies(service.policies, service.name, (place) => contextOf(place, true)),
    ...compilePolicies(route.policies, `${service.name}.${route.name}`, (place) => contextOf(place, false)),
  ];
  // Sorting is stable: within a stage the written order decides, the service's before the route's.
  policies.sort((a, b) => a.rank - b.rank);
  return {
    service: service.name,
    route: route.name,
    path: service.path + route.path,
    upstream,
    stripSegments: service.stripPath ? service.path.split('/').length - 1 : 0,
    preserveHost: service.preserveHost,
    priority: route.priority,
    serverTiming: service.serverTiming,
    websocket: route.websocket,
    allowEncodedSlashes: route.allowEncodedSlashes,
    allowSemicolons: route.allowSemicolons,
    bodyBytesMax: config.gateway.limits.bodyBytes,
    policies: policies.map(({ policy, plan }): PolicyPlan => ({ policy, plan })),
    credentialHeaders: [...credentialHeaders],
    rateLimitPolicy: rateLimitPolicy.join(', '),
  };
}

function compilePolicies(uses: readonly PolicyUse[], prefix: string, contextOf: (place: string) => CompileContext) {
  const counts = new Map<string, number>();
  return uses.map(({ policy, config }) => {
    const n = (counts.get(policy) ?? 0) + 1;
    counts.set(policy, n);
    const definition = findPolicyConfig(policy);
    if (definition === undefined) throw new Error(`no policy is called ${policy}: the parser let it through`);
    const place = `${prefix}.${policy}.${n}`;
    return {
      policy,
      rank: stageRank(definition.stage(config)),
      plan: definition.compile(config, contextOf(place)),
    };
  });
}

/** Limits of a snapshot, each once: one that stands at a service is shared by its routes. */
class LimitCollector {
  readonly definitions: LimitDefinition[] = [];
  readonly #byId = new Map<string, number>();

  add(definition: LimitDefinition): number {
    const id = `${definition.idLow} ${definition.idHigh}`;
    const known = this.#byId.get(id);
    if (known !== undefined) return known;
    const index = this.definitions.push(definition) - 1;
    this.#byId.set(id, index);
    return index;
  }
}
