// The snapshot: everything that the data plane knows of the configuration, as one immutable, numbered value.
//
// It crosses from the control plane as bytes in shared memory (src/shm/arena.ts): the route trie, and every plan below
// packed with MessagePack. A worker unpacks a plan when its first request comes, so that attaching a snapshot of 10,000
// routes takes no longer than one of ten. Plans hold data only; functions are chosen by policy name in the worker.

/** Settings that belong to no service. */
export interface GatewayPlan {
  /** CIDR blocks whose X-Forwarded-For is believed. */
  readonly trustedProxies: readonly string[];
  readonly upstreams: readonly UpstreamPlan[];
  readonly accessLog: AccessLogPlan | undefined;
  /** Absent: nothing is traced. */
  readonly tracing?: TracingPlan;
  readonly overload: OverloadPlan;
}

/** When a worker sheds requests before it looks at them. */
export interface OverloadPlan {
  /** The event loop's delay from which on it does; 0: never. */
  readonly loopDelayMs: number;
}

export interface AccessLogPlan {
  /** An absolute path, or '-' for standard output. */
  readonly file: string;
  /** Of the requests, from 0 to 1. */
  readonly sampleShare: number;
  /** Failures and refusals are logged whatever the sample. */
  readonly allErrors: boolean;
}

/** Which exchanges are kept as spans. Where they go is the main thread's to know. */
export interface TracingPlan {
  /** The sampler's threshold (sampler.ts): 0 keeps all that begin here, 2³² none. */
  readonly rejectBelow: number;
  /** What took so long is kept, sampled or not; infinite for never. */
  readonly slowUs: number;
}

export interface UpstreamPlan {
  readonly name: string;
  readonly targets: readonly TargetPlan[];
  readonly connectTimeoutMs: number;
  /** From the request's last byte sent to the head of the answer. */
  readonly responseTimeoutMs: number;
  /** Between two pieces of a body, either way. */
  readonly idleTimeoutMs: number;
  /** From the first byte of the request to the last of the answer; 0 for none. */
  readonly totalTimeoutMs: number;
  /** Connections to each target, per worker. */
  readonly connectionsMax: number;
  /** Connections that are kept open though nobody uses them, to each target, per worker. */
  readonly connectionsMin: number;
  /** How long an unused connection is kept. */
  readonly keepAliveMs: number;
  /** Requests under way on one connection; 1: no pipelining. */
  readonly pipelining: number;
  readonly http2: boolean;
  /** Of the https targets. Undefined: the system's certificate authorities, no client certificate. */
  readonly tls: UpstreamTlsPlan | undefined;
  /** How many requests it may have under way; undefined: as many as come. */
  readonly concurrency?: LoadPlan;
}

/** Requests of one upstream under way at once, all workers together. */
export interface LoadPlan {
  /** The limit is found out, between min and max; else it is max. */
  readonly adaptive: boolean;
  readonly min: number;
  readonly max: number;
  /** How long a request may wait for its place; 0: not at all. */
  readonly queueMs: number;
  /** How many may wait, per worker. */
  readonly queueLength: number;
}

/** Texts rather than files: a certificate that changed makes another plan. '' where nothing is said. */
export interface UpstreamTlsPlan {
  /** PEM: whose certificates are believed instead of the system's authorities. */
  readonly ca: string;
  /** PEM: the client certificate, with what leads to its authority. */
  readonly cert: string;
  /** PEM: its private key. A secret: never to be shown or logged. */
  readonly key: string;
  /** The name that is asked for (SNI), and that the certificate must have; '': the target's own. */
  readonly serverName: string;
  /** False: any certificate will do. */
  readonly verify: boolean;
}

export interface TargetPlan {
  /** Scheme and authority: http://127.0.0.1:9001; of a Unix socket its path: unix:/run/app.sock */
  readonly origin: string;
  /** Host header: 127.0.0.1:9001; of a Unix socket: localhost */
  readonly authority: string;
  /** Path of a Unix socket; '' for none. */
  readonly socketPath: string;
  /** Put in front of the path; '' or /base without a final slash. */
  readonly basePath: string;
  readonly weight: number;
}

export interface RoutePlan {
  readonly service: string;
  readonly route: string;
  /** As it is configured, the service's prefix included: /shop/v1/orders/{id} */
  readonly path: string;
  /** Index in GatewayPlan.upstreams. */
  readonly upstream: number;
  /** Segments at the path's start to drop before it is forwarded (stripPath). */
  readonly stripSegments: number;
  readonly preserveHost: boolean;
  /** 0 to 15: of requests whose consumer has none. */
  readonly priority: number;
  /** Answers carry Server-Timing. */
  readonly serverTiming: boolean;
  readonly allowEncodedSlashes: boolean;
  readonly allowSemicolons: boolean;
  readonly bodyBytesMax: number;
  /** It takes WebSocket handshakes. */
  readonly websocket: boolean;
  /** In the order of stages. */
  readonly policies: readonly PolicyPlan[];
  /** Header names (lower case) that carry credentials: never forwarded. */
  readonly credentialHeaders: readonly string[];
  /** The value of RateLimit-Policy; '' when the route has no rate limit. */
  readonly rateLimitPolicy: string;
}

export interface PolicyPlan {
  readonly policy: string;
  readonly plan: unknown;
}

/** What a limit's key is made of. */
export type LimitBy =
  | { readonly kind: 'route' }
  | { readonly kind: 'ip' }
  | { readonly kind: 'consumer' }
  | { readonly kind: 'header'; readonly name: string };

export interface AuthPlan {
  readonly methods: readonly AuthMethodPlan[];
  /** The value of WWW-Authenticate. */
  readonly challenge: string;
}

export interface AuthMethodPlan {
  readonly kind: 'api-key';
  /** Lower case. */
  readonly header: string;
}

export interface RateLimitPlan {
  /** Index in the snapshot's list of limits; the arena says which entry of the shared limit table that is. */
  readonly limit: number;
  /** 64-bit identity of the limit, which survives reloads. */
  readonly idLow: number;
  readonly idHigh: number;
  readonly by: LimitBy;
  /** As it stands in RateLimit and RateLimit-Policy. */
  readonly label: string;
}

export interface ConcurrencyPlan {
  /** 64-bit identity of the limit, which survives reloads. */
  readonly idLow: number;
  readonly idHigh: number;
  readonly max: number;
  readonly by: LimitBy;
}

export interface ConsumerPlan {
  readonly name: string;
  /** 0 to 15; undefined: the route's. */
  readonly priority?: number;
}

/** One rate limit as the limit table needs it. */
export interface LimitDefinition {
  /** Hash of names (service, route, policy, place), never of indexes, so that slots survive reloads. */
  readonly idLow: number;
  readonly idHigh: number;
  /** Where it stands in the configuration, for messages and metrics: shop.get-order.rate-limit. */
  readonly name: string;
  readonly tokensPerSecond: number;
  readonly burst: number;
}
