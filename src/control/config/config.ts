// The checked, normalised configuration: defaults filled in, units converted, names resolved. What sluice.yaml says, as
// the compiler of snapshots reads it. Nothing here depends on where it was written.

export interface Config {
  readonly gateway: GatewayConfig;
  readonly upstreams: readonly UpstreamConfig[];
  readonly consumers: readonly ConsumerConfig[];
  readonly services: readonly ServiceConfig[];
}

export interface GatewayConfig {
  readonly listen: readonly ListenConfig[];
  readonly admin: AddressConfig;
  /** Gateway workers; 0 stands for the number of cores. */
  readonly workers: number;
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
  };
  readonly drainTimeoutMs: number;
  readonly overload: OverloadConfig;
  /** Undefined: there is none. */
  readonly accessLog?: AccessLogConfig | undefined;
  /** Absent: nothing is traced. */
  readonly tracing?: TracingConfig | undefined;
}

/** When the gateway sheds requests for its own sake. */
export interface OverloadConfig {
  /** Of a worker's event loop; 0: never. */
  readonly loopDelayMs: number;
  /** Bytes, or a share (0 to 1) of what the process may have; neither: never. */
  readonly memory: { readonly bytes?: number; readonly share?: number };
}

export interface AccessLogConfig {
  /** As written, until resolvePaths; '-' for standard output. */
  readonly file: string;
  /** Of the requests, from 0 to 1. */
  readonly sampleShare: number;
  /** all: failures and refusals are logged whatever the sample. */
  readonly errors: 'all' | 'sampled';
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
}

export interface AddressConfig {
  /** '' listens on every address. */
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
}

export interface ListenConfig extends AddressConfig {
  readonly engine: 'uws' | 'node';
  /** refuse: bodies of unknown length get 411; for those who stand behind another proxy. */
  readonly chunked: 'accept' | 'refuse';
}

export interface UpstreamConfig {
  readonly name: string;
  readonly targets: readonly TargetConfig[];
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
  /** Absent: as many requests as come. */
  readonly concurrency?: LoadConfig | undefined;
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
  /** localhost for a Unix socket. */
  readonly authority: string;
  /** Path of a Unix socket; '' for none. */
  readonly socketPath: string;
  /** '' or /base, without a final slash. */
  readonly basePath: string;
  readonly weight: number;
}

export interface ConsumerConfig {
  readonly name: string;
  /** 0 to 15; absent: the route's. */
  readonly priority?: number | undefined;
  readonly keys: readonly KeyConfig[];
}

export interface KeyConfig {
  readonly id: string;
  /** SHA-256 of the secret, 64 hexadecimal digits: the secret itself goes no further than the parser. */
  readonly sha256: string;
}

export interface ServiceConfig {
  readonly name: string;
  /** Lower case, without a port; '*.example.com' for one or more labels; empty: any host. */
  readonly hosts: readonly string[];
  /** Prefix of every route: '' or /shop/v1. Literal segments only. */
  readonly path: string;
  readonly upstream: string;
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
  readonly policies: readonly PolicyUse[];
  readonly routes: readonly RouteConfig[];
}

export interface RouteConfig {
  readonly name: string;
  /** Upper case; 'ANY' for every method. */
  readonly method: string;
  /** Without the service's prefix: /orders/{id} */
  readonly path: string;
  readonly priority: number;
  readonly websocket: boolean;
  readonly allowEncodedSlashes: boolean;
  readonly allowSemicolons: boolean;
  readonly policies: readonly PolicyUse[];
}

/** One use of a policy: its name in the registry, and its own checked configuration. */
export interface PolicyUse {
  readonly policy: string;
  readonly config: unknown;
}
