// The checked, normalised configuration: defaults filled in, units converted, names resolved. What sluice.yaml says, as
// the compiler of snapshots reads it. Nothing here depends on where it was written.

import type { Condition } from '../../gateway/conditions/config.ts';
import type { HashKey, OutlierPlan, StickyBy } from '../../gateway/snapshot.ts';
import type { AccessLogConfig, MaskConfig } from './access-log-config.ts';
import type { AdminConfig } from './admin-config.ts';
import type { AlertsConfig } from './alerts-config.ts';
import type { ConsumerConfig } from './consumer-config.ts';
import type { ListenConfig } from './listen-config.ts';
import type { PermissionSections } from './permission-config.ts';
import type { PlanBindings, PlanConfig } from './plan-config.ts';

export interface Config extends PermissionSections {
  readonly gateway: GatewayConfig;
  readonly upstreams: readonly UpstreamConfig[];
  readonly plans: readonly PlanConfig[];
  readonly consumers: readonly ConsumerConfig[];
  readonly services: readonly ServiceConfig[];
}

export interface GatewayConfig {
  readonly listen: readonly ListenConfig[];
  readonly admin: AdminConfig;
  /** Gateway workers; 0 stands for the number of cores. */
  readonly workers: number;
  /** The folder of what the gateway keeps; as written, until resolvePaths. */
  readonly data: string;
  /** The address of the store that instances share, with its password: never to be shown or logged. '' for none. */
  readonly redis: string;
  /** Of what the store keeps, as hexadecimal digits, the newest first. Never to be shown or logged. */
  readonly encryptionKeys: readonly string[];
  /** Where days and months of quotas begin: a name of the IANA database. */
  readonly timeZone: string;
  /** Keys of rate limits that may be in debt at once. */
  readonly limitKeys: number;
  /** CIDR blocks or addresses. */
  readonly trustedProxies: readonly string[];
  readonly limits: {
    readonly headerBytes: number;
    readonly bodyBytes: number;
    /** Of a WebSocket's message. */
    readonly messageBytes: number;
    readonly headerTimeoutMs: number;
    readonly idleTimeoutMs: number;
    readonly connections: number;
    /** Of one client address, all workers together; 0: as many as there may be. */
    readonly connectionsPerAddress: number;
    /** Bytes per second that a request's body must come with; 0: none. */
    readonly minBodyRate: number;
  };
  readonly drainTimeoutMs: number;
  readonly overload: OverloadConfig;
  /** Undefined: there is none. */
  readonly accessLog?: AccessLogConfig | undefined;
  /** Absent: only what is masked always. */
  readonly mask?: MaskConfig | undefined;
  /** Absent: nothing is traced. */
  readonly tracing?: TracingConfig | undefined;
  /** Absent: nobody gets an explanation. */
  readonly explain?: ExplainConfig | undefined;
  /** Absent: nobody writes down who called what. */
  readonly usage?: UsageConfig | undefined;
  /** Absent: nobody is told that a quota runs out. */
  readonly alerts?: AlertsConfig | undefined;
}

/** When the gateway sheds requests for its own sake. */
export interface OverloadConfig {
  /** Of a worker's event loop; 0: never. */
  readonly loopDelayMs: number;
  /** Bytes, or a share (0 to 1) of what the process may have; neither: never. */
  readonly memory: { readonly bytes?: number; readonly share?: number };
}

export interface TracingConfig {
  /** Where spans are sent: http://127.0.0.1:4318/v1/traces */
  readonly otlp: string;
  /** The share of traces that are kept, 0 to 1. */
  readonly sample: number;
  /** Requests that take so long are kept though they are not sampled; 0: none. */
  readonly slowMs: number;
  /** Of the exporter's requests: secrets, never to be logged. */
  readonly headers: Readonly<Record<string, string>>;
  readonly serviceName: string;
  /** Spans have queries, masked; absent: they have none. */
  readonly hasQueries?: boolean;
}

/** The usage ledger. */
export interface UsageConfig {
  /** How long what was counted is kept, by how finely it is told apart. */
  readonly retention: UsageRetention;
  /** Of all prices: EUR. */
  readonly currency: string;
  /** By plan; `default` for what has no price of its own. */
  readonly prices: Readonly<Record<string, UsagePrice>>;
}

/** Milliseconds. */
export interface UsageRetention {
  readonly minuteMs: number;
  readonly hourMs: number;
  readonly dayMs: number;
  readonly monthMs: number;
}

/** Whole 10⁻⁹ of the currency's unit, so that sums are exact. */
export interface UsagePrice {
  readonly perCallNano: number;
  /** Of bodies, both ways. */
  readonly perGibNano: number;
  readonly perMonthNano: number;
}

/** At least one of the two says something. */
export interface ExplainConfig {
  /** CIDR blocks or addresses. */
  readonly from: readonly string[];
  /** Of signatures; '' for none. Never to be shown or logged. */
  readonly secret: string;
}

export interface UpstreamConfig extends BalancingConfig {
  readonly name: string;
  /** Those that are written down, or, with discovery, those that were found when this was compiled. */
  readonly targets: readonly TargetConfig[];
  readonly discovery?: DiscoveryConfig | undefined;
  /** Absent: targets are not asked how they are. */
  readonly health?: HealthConfig | undefined;
  readonly timeouts: {
    readonly connectMs: number;
    readonly responseMs: number;
    readonly idleMs: number;
    /** 0: none. */
    readonly totalMs: number;
  };
  /** Connections to each target, per worker. */
  readonly connections: number;
  readonly keepAlive: {
    /** How long an unused connection is kept. */
    readonly idleTimeoutMs: number;
    /** Connections that are kept though nobody uses them, to each target, per worker. */
    readonly min: number;
  };
  /** Requests under way on one connection; 1: no pipelining. */
  readonly pipelining: number;
  readonly http2: boolean;
  /** Absent: the system's certificate authorities, no client certificate. */
  readonly tls?: UpstreamTlsConfig | undefined;
  /** Absent: it gets requests however it fares. */
  readonly circuit?: CircuitConfig | undefined;
  /** Absent: what fails has failed. */
  readonly retries?: RetryConfig | undefined;
  readonly fallback?: FallbackConfig | undefined;
  /** Absent: as many requests as come. */
  readonly concurrency?: LoadConfig | undefined;
}

export interface CircuitConfig {
  /** Of the tries, above 0 and up to 1. */
  readonly errors: number;
  readonly slow?: { readonly aboveMs: number; readonly share: number } | undefined;
  readonly callsMin: number;
  readonly withinMs: number;
  readonly openMs: number;
  readonly trials: number;
}

export interface RetryConfig {
  /** Further tries after the first. */
  readonly attempts: number;
  /** Of the requests, from 0 to 1. */
  readonly budgetShare: number;
  readonly minPerSecond: number;
  readonly burst: number;
  /** 0: none. */
  readonly perTryMs: number;
  readonly on: FailureConfig;
  readonly backoffMs: number;
  readonly backoffMsMax: number;
}

export interface FailureConfig {
  readonly connect: boolean;
  readonly reset: boolean;
  readonly timeout: boolean;
  readonly open: boolean;
  readonly statuses: readonly number[];
}

/** One of upstream and mock. */
export interface FallbackConfig {
  readonly upstream?: string | undefined;
  readonly mock?: MockConfig | undefined;
  readonly on: FailureConfig;
}

export interface MockConfig {
  readonly status: number;
  /** 'name: value\r\n' each. */
  readonly lines: string;
  readonly body: string;
}

/** Where an upstream's targets are found. Upstreams that say the same share one source. */
export type DiscoveryConfig = DnsDiscoveryConfig | FileDiscoveryConfig;

export interface DnsDiscoveryConfig {
  readonly kind: 'dns';
  readonly protocol: 'http:' | 'https:';
  /** The name to ask for, in lower case. */
  readonly name: string;
  /** Of the targets; 0: the protocol's own, and with SRV what each record says. */
  readonly port: number;
  /** '' or /base, without a final slash. */
  readonly basePath: string;
  readonly records: 'addresses' | 'A' | 'AAAA' | 'SRV';
  /** Servers to ask, as address or address:port; empty: the system's. */
  readonly resolvers: readonly string[];
  readonly intervalMsMin: number;
  readonly intervalMsMax: number;
}

export interface FileDiscoveryConfig {
  readonly kind: 'file';
  /** As written, until resolvePaths. */
  readonly file: string;
  /** The upstream speaks HTTP/2, which needs it. */
  readonly httpsOnly: boolean;
}

export interface HealthConfig {
  /** What is asked for, with GET; '': connecting over TCP is enough. */
  readonly path: string;
  /** The Host header; '': the target's own. */
  readonly host: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Checks in a row that change the target's health. */
  readonly unhealthyAfter: number;
  readonly healthyAfter: number;
  /** Statuses that are healthy, as ranges with both ends. */
  readonly statuses: readonly (readonly [from: number, to: number])[];
}

export interface BalancingConfig {
  /** Absent: round robin. */
  readonly balance?: BalanceConfig | undefined;
  readonly affinity?: AffinityConfig | undefined;
  /** Milliseconds; 0 or absent: none. */
  readonly slowStart?: number | undefined;
  /** Absent: targets that refuse connections are out for a while. */
  readonly outliers?: OutlierPlan | undefined;
}

export interface BalanceConfig {
  readonly by: 'round-robin' | 'least-requests' | 'ewma' | 'hash';
  /** Of hash only; absent: ip. */
  readonly key?: HashKey | undefined;
}

export interface AffinityConfig {
  readonly cookie: string;
  /** 0: until the browser is closed. */
  readonly ttlMs: number;
}

/** Requests of an upstream under way at once, all workers together. */
export interface LoadConfig {
  readonly adaptive: boolean;
  readonly min: number;
  readonly max: number;
  readonly queueMs: number;
  readonly queueLength: number;
}

/** What the files hold, not where they lie; '' where nothing is said. */
export interface UpstreamTlsConfig {
  /** PEM, as cert and key are. */
  readonly ca: string;
  readonly cert: string;
  /** A secret: never to be shown or logged. */
  readonly key: string;
  readonly serverName: string;
  readonly verify: boolean;
}

export interface TargetConfig {
  /** http://127.0.0.1:9001: scheme and authority; of a Unix socket unix:/run/app.sock */
  readonly origin: string;
  /** localhost for a Unix socket; of a discovered address the name that it was found by. */
  readonly authority: string;
  /** The name that its certificate must have, where that is not its origin's: of a discovered address. */
  readonly serverName?: string | undefined;
  /** Path of a Unix socket; '' for none. */
  readonly socketPath: string;
  /** '' or /base, without a final slash. */
  readonly basePath: string;
  readonly weight: number;
}

/** Its own allowance stands in the place of its plan's. */
export interface ServiceConfig {
  readonly name: string;
  /** Lower case, without a port; '*.example.com' for one or more labels; empty: any host. */
  readonly hosts: readonly string[];
  /** Prefix of every route: '' or /shop/v1. Literal segments only. */
  readonly path: string;
  readonly upstream: string;
  /** Of the routes that say nothing of their own. */
  readonly steer?: readonly SteerConfig[] | undefined;
  readonly mirror?: MirrorConfig | undefined;
  readonly stripPath: boolean;
  readonly preserveHost: boolean;
  /** 0 to 15: of requests whose consumer has none, for routes that do not say another. */
  readonly priority: number;
  /** Takes WebSocket handshakes. */
  readonly websocket: boolean;
  /** Answers carry Server-Timing. */
  readonly serverTiming: boolean;
  readonly allowEncodedSlashes: boolean;
  readonly allowSemicolons: boolean;
  /** Absent: plans apply as they are. */
  readonly plans?: PlanBindings | undefined;
  readonly policies: readonly PolicyUse[];
  readonly routes: readonly RouteConfig[];
}

export interface RouteConfig {
  readonly name: string;
  /** Upper case; 'ANY' for every method. */
  readonly method: string;
  /** Without the service's prefix: /orders/{id} */
  readonly path: string;
  /** Absent: the service's, with its steer and mirror. */
  readonly upstream?: string | undefined;
  /** Absent: the service's, unless the route has an upstream of its own. So is mirror. */
  readonly steer?: readonly SteerConfig[] | undefined;
  readonly mirror?: MirrorConfig | undefined;
  readonly priority: number;
  readonly websocket: boolean;
  readonly allowEncodedSlashes: boolean;
  readonly allowSemicolons: boolean;
  /** Besides the service's; absent: nothing more is said. */
  readonly plans?: PlanBindings | undefined;
  readonly policies: readonly PolicyUse[];
}

/** Where some of a route's requests go instead of its upstream. */
export interface SteerConfig {
  /** As written, or steer.1, steer.2 … */
  readonly name: string;
  readonly upstream: string;
  readonly when?: Condition | undefined;
  /** From 0 to 1. */
  readonly share: number;
  readonly sticky?: StickyBy | undefined;
}

export interface MirrorConfig {
  readonly upstream: string;
  /** From 0 to 1. */
  readonly sampleShare: number;
  readonly bodyBytesMax: number;
}

/** One use of a policy: its name in the registry, and its own checked configuration. */
export interface PolicyUse {
  readonly policy: string;
  readonly config: unknown;
  /** What it would refuse is counted, and admitted. Absent: it is not. */
  readonly isShadow?: boolean;
}
