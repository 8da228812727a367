// The snapshot: everything that the data plane knows of the configuration, as one immutable, numbered value.
//
// It crosses from the control plane as bytes in shared memory (src/shm/arena.ts): the route trie, and every plan below packed with
// MessagePack, which a worker unpacks when its first request comes. Plans hold data only; functions are chosen by policy name.

import type { ScryptCost } from '../base/password-hash.ts';
import type { Condition } from './conditions/condition.ts';
import type { LimitBy } from './limiter/limit-by.ts';
import type { AllowancePlan } from './limiter/limit-plans.ts';
import type { DocumentPlan } from './permissions/permission-plan.ts';
import type { AddressSetPlan } from './policies/ip/ip-plan.ts';
import type { MaskPlan } from './telemetry/mask-plan.ts';

/** Settings that belong to no service. */
export interface GatewayPlan {
  /** CIDR blocks whose X-Forwarded-For is believed. */
  readonly trustedProxies: readonly string[];
  readonly upstreams: readonly UpstreamPlan[];
  readonly accessLog: AccessLogPlan | undefined;
  /** Absent: nothing is traced. */
  readonly tracing?: TracingPlan;
  readonly overload: OverloadPlan;
  /** Bytes per second that a request's body must come with, but for its first seconds; 0: none. */
  readonly bodyRateMin: number;
  /** Absent: nobody gets an explanation. */
  readonly explain?: ExplainPlan;
  /** Absent: the usage table is left alone. */
  readonly isMetered?: boolean;
  /** By the index that consumers have. */
  readonly plans: readonly NamedAllowance[];
  /** By the index that the plans of the policy ip have; absent: there are none. */
  readonly addressSets?: readonly AddressSetPlan[];
  /** By the index that consumers have; absent: no route asks for them. */
  readonly permissions?: readonly DocumentPlan[];
  /** Of each group that has any: indexes in `permissions`. */
  readonly groupPermissions?: readonly (readonly [group: string, permissions: readonly number[]])[];
  /** What of a request is not written down; absent: neither a query is, nor is anything to be masked. */
  readonly mask?: MaskPlan;
  /** A route has the policy cors: preflights are looked for. */
  readonly hasCors?: boolean;
  /** What the hashes of passwords cost, each once; absent: there are none. */
  readonly passwordCosts?: readonly ScryptCost[];
  /** Of the stored consumers that it was made of; absent: of none. */
  readonly catalogVersion?: number;
}

export interface NamedAllowance extends AllowancePlan {
  readonly name: string;
}

/** Whose requests are explained: those from one of the addresses, and those that are signed. */
export interface ExplainPlan {
  /** Addresses or CIDR blocks. */
  readonly from: readonly string[];
  /** Of signatures; '' for none. Never to be shown or logged. */
  readonly secret: string;
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
  /** Failures and refusals: logged whatever the sample, as all others are, or never. */
  readonly errors: 'all' | 'sampled' | 'none';
  /** Queries are logged, masked; absent: they are not. */
  readonly hasQueries?: boolean;
}

/** Which exchanges are kept as spans. Where they go is the main thread's to know. */
export interface TracingPlan {
  /** The sampler's threshold (sampler.ts): 0 keeps all that begin here, 2³² none. */
  readonly rejectBelow: number;
  /** What took so long is kept, sampled or not; infinite for never. */
  readonly slowUs: number;
  /** Spans have queries, masked; absent: they have none. */
  readonly hasQueries?: boolean;
}

export interface UpstreamPlan {
  readonly name: string;
  readonly targets: readonly TargetPlan[];
  /** Ordinals of targets, each as often as its weight says: one round of smooth turns. */
  readonly turns: Uint8Array;
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
  /** Absent: round robin, and targets that refuse connections are out for a while. */
  readonly balancing?: BalancingPlan | undefined;
  /** Absent: it gets requests however it fares. */
  readonly circuit?: CircuitPlan;
  /** Absent: what fails has failed. */
  readonly retries?: RetryPlan;
  readonly fallback?: FallbackPlan;
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

/** How an upstream's requests are shared out, where the default does not do. */
export interface BalancingPlan {
  readonly by: 'round-robin' | 'least-requests' | 'ewma' | 'hash';
  /** Of hash only. */
  readonly ring?: RingPlan | undefined;
  readonly affinity?: AffinityPlan | undefined;
  /** How long a new target's share grows; 0: none. */
  readonly slowStartMs: number;
  readonly outliers?: OutlierPlan | undefined;
}

/** The hash ring: points in rising order, and the target that each belongs to. */
export interface RingPlan {
  readonly key: HashKey;
  /** u32, little-endian. */
  readonly points: Uint8Array;
  /** Ordinal of a target, one byte for each point. */
  readonly owners: Uint8Array;
}

/** What a request's hash is made of. */
export type HashKey =
  | { readonly kind: 'ip' | 'consumer' | 'path' }
  /** Header names in lower case. */
  | { readonly kind: 'header' | 'cookie' | 'query'; readonly name: string };

export interface AffinityPlan {
  readonly cookie: string;
  /** 0: until the browser is closed. */
  readonly ttlSeconds: number;
  /** What the cookie says for each target. */
  readonly ids: readonly string[];
}

/** When a target is put out because of what became of its tries. Numbers: 0 for never. */
export interface OutlierPlan {
  /** In a row: answers from 500 on, resets, timeouts, failed connects. */
  readonly consecutiveErrors: number;
  /** In a row. */
  readonly connectFailures: number;
  /** Share of the tries of windowMs, where there were minRequests of them. */
  readonly errorShare: number;
  readonly windowMs: number;
  readonly minRequests: number;
  /** Mean latency over windowMs, in multiples of the targets' median. */
  readonly slowFactor: number;
  /** Without an answer, though so many tries wait for one as consecutiveErrors says. */
  readonly silentMs: number;
  /** For the first time in a row; the n-th lasts n times as long. */
  readonly ejectMs: number;
  /** Share of the targets. */
  readonly ejectedShareMax: number;
  /** Fewer targets available than this share: all are used. */
  readonly panicShare: number;
}

/** When an upstream gets no requests for a while, for all workers together. */
export interface CircuitPlan {
  /** Of the calls in the window, from 0 to 1: so many have failed, and it opens. */
  readonly failedShare: number;
  /** A call is slow when its answer's head takes longer. */
  readonly slowUs: number;
  /** Of the calls in the window; more than 1: slowness opens nothing. */
  readonly slowShare: number;
  /** With fewer calls in the window nothing is said. */
  readonly callsMin: number;
  readonly windowMs: number;
  /** The first time; each further one without a close between is twice as long, up to eight times. */
  readonly openMs: number;
  /** Calls that have to succeed, one after the other or together, before it closes. */
  readonly trials: number;
  /** What the trials have time for: past it, others are made in their place. */
  readonly trialMs: number;
}

/** What a retry or a fallback is an answer to. */
export interface FailurePlan {
  /** No connection. */
  readonly connect: boolean;
  /** The connection ended before the answer, or what came was none. */
  readonly reset: boolean;
  readonly timeout: boolean;
  /** The circuit is open. */
  readonly open: boolean;
  readonly statuses: readonly number[];
}

export interface RetryPlan {
  /** Further tries after the first. */
  readonly attempts: number;
  readonly on: FailurePlan;
  /** What a request earns, in 10⁻⁵ retries. */
  readonly depositUnits: number;
  /** What may be saved up, in 10⁻⁵ retries. */
  readonly savedUnitsMax: number;
  /** Retries that are free; 0: none. */
  readonly freePerSecond: number;
  /** From the request's last byte sent to the head of the answer, for each try of what may be repeated; infinite: no such limit. */
  readonly perTryMs: number;
  readonly backoffMs: number;
  readonly backoffMsMax: number;
}

/** What answers instead of an upstream that did not. */
export type FallbackPlan = { readonly on: FailurePlan } & (
  | {
      readonly kind: 'upstream';
      /** Index in GatewayPlan.upstreams. */
      readonly upstream: number;
    }
  | {
      readonly kind: 'mock';
      readonly status: number;
      /** 'name: value\r\n' each. */
      readonly lines: string;
      readonly body: string;
    }
);

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
  /** Host header: 127.0.0.1:9001; of a Unix socket: localhost; of a discovered address the name that it was found by */
  readonly authority: string;
  /** The name that its certificate must have, where that is not its origin's: of a discovered address. */
  readonly serverName?: string | undefined;
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
  /** Rules that are tried in this order before `upstream`; absent: there are none. */
  readonly steer?: readonly SteerPlan[];
  /** Absent: nothing is mirrored. */
  readonly mirror?: MirrorPlan;
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
  readonly credentialQueries: readonly string[];
  readonly credentialCookies: readonly string[];
  /** The value of RateLimit-Policy; '' when the route has no rate limit. */
  readonly rateLimitPolicy: string;
}

/** Where some of a route's requests go instead. */
export interface SteerPlan {
  readonly name: string;
  /** 64-bit identity of the rule, which survives reloads and is the same on every node. */
  readonly idLow: number;
  readonly idHigh: number;
  /** Index among the snapshot's rules; the arena says which series counts what it took. */
  readonly rule: number;
  /** Index in GatewayPlan.upstreams. */
  readonly upstream: number;
  /** Absent: every request. */
  readonly when?: Condition;
  /** Of the requests that come to the rule, and for which `when` holds; from 0 to 1. */
  readonly share: number;
  /** Absent: chance decides about each request. */
  readonly sticky?: StickyBy;
}

/** What a request is known by, so that it always gets the same share. */
export type StickyBy =
  | { readonly kind: 'ip' | 'consumer' }
  /** A header's name is in lower case. */
  | { readonly kind: 'header' | 'query'; readonly name: string }
  | { readonly kind: 'cookie'; readonly name: string; readonly maxAgeSeconds: number };

/** Copies of a route's requests, whose answers nobody waits for. */
export interface MirrorPlan {
  /** Index in GatewayPlan.upstreams. */
  readonly upstream: number;
  /** Of the requests, from 0 to 1. */
  readonly sampleShare: number;
  /** A request with more is not mirrored. */
  readonly bodyBytesMax: number;
}

export interface PolicyPlan {
  readonly policy: string;
  readonly plan: unknown;
  /** Name of this use: shop.get-order.rate-limit.1 */
  readonly place: string;
  /** It refuses nobody: what it would have refused is counted and logged. */
  readonly isShadow?: boolean;
  /** It is about consumers, and the route's auth lets in who is none: those it passes over. */
  readonly skipsAnonymous?: boolean;
}

export interface AuthPlan {
  /** In the order in which they are tried. */
  readonly methods: readonly { readonly kind: string; readonly plan: unknown }[];
  /** Else one of them suffices. */
  readonly needsAll: boolean;
  /** The value of WWW-Authenticate. */
  readonly challenge: string;
}

export interface ConcurrencyPlan {
  /** 64-bit identity of the limit, which survives reloads. */
  readonly idLow: number;
  readonly idHigh: number;
  readonly max: number;
  readonly by: LimitBy;
  readonly when?: Condition;
  /** Of keys that have one of their own. */
  readonly values?: readonly (readonly [key: string, max: number])[];
}

/** One rate limit as the limit table needs it. */
export interface LimitDefinition {
  /** Hash of names (service, route, policy, place), never of indexes, so that slots survive reloads. */
  readonly idLow: number;
  readonly idHigh: number;
  /** Where it stands in the configuration, for messages and metrics: shop.get-order.rate-limit. */
  readonly name: string;
  readonly tokensPerSecond: number;
  /** Of a window: what it admits. */
  readonly burst: number;
  /** Absent: GCRA. Another window is another limit, with another identity. */
  readonly window?: WindowDefinition;
}

export interface WindowDefinition {
  readonly algorithm: 'fixed-window' | 'sliding-window';
  readonly seconds: number;
}
