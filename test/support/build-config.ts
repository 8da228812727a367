// A checked configuration as the parser gives it, for tests of what comes after the parser. What a test does not say has
// the defaults of sluice.yaml.

import { createHash } from 'node:crypto';
import type {
  Config,
  GatewayConfig,
  PolicyUse,
  RouteConfig,
  ServiceConfig,
  UpstreamConfig,
} from '../../src/control/config/config.ts';
import type { ConsumerConfig } from '../../src/control/config/consumer-config.ts';

export function buildGateway(parts: Partial<GatewayConfig> = {}): GatewayConfig {
  return {
    listen: [{ host: '127.0.0.1', port: 0, engine: 'uws', chunked: 'accept' }],
    admin: { host: '127.0.0.1', port: 0, anonymous: 'none', metrics: 'open', allowedHosts: [] },
    workers: 2,
    data: './data',
    redis: '',
    encryptionKeys: [],
    timeZone: 'UTC',
    limitKeys: 65_536,
    trustedProxies: [],
    limits: {
      headerBytes: 16_384,
      bodyBytes: 1_000_000,
      messageBytes: 1_048_576,
      headerTimeoutMs: 10_000,
      idleTimeoutMs: 60_000,
      connections: 20_000,
      connectionsPerAddress: 0,
      minBodyRate: 240,
    },
    drainTimeoutMs: 30_000,
    overload: { loopDelayMs: 100, memory: {} },
    ...parts,
  };
}

/** @param targets  host:port, or host:port with a weight */
export function buildUpstream(
  name: string,
  ...targets: readonly (string | readonly [string, number])[]
): UpstreamConfig {
  return {
    name,
    targets: targets.map((target) => {
      const [authority, weight] = typeof target === 'string' ? [target, 1] : target;
      return { origin: `http://${authority}`, authority, socketPath: '', basePath: '', weight };
    }),
    timeouts: { connectMs: 1_000, responseMs: 5_000, idleMs: 10_000, totalMs: 0 },
    connections: 8,
    keepAlive: { idleTimeoutMs: 4_000, min: 0 },
    pipelining: 1,
    http2: false,
  };
}

export function buildConsumer(name: string, ...secrets: readonly string[]): ConsumerConfig {
  return {
    name,
    keys: secrets.map((secret, index) => ({
      id: `${name}-${index}`,
      uses: ['api-key'],
      sha256: createHash('sha256').update(secret).digest('hex'),
    })),
  };
}

/** @param match  'GET /orders/{id}' */
export function buildRoute(name: string, match: string, policies: readonly PolicyUse[] = []): RouteConfig {
  const [method = '', path = ''] = match.split(' ');
  return {
    name,
    method,
    path,
    priority: 0,
    websocket: false,
    allowEncodedSlashes: false,
    allowSemicolons: false,
    policies,
  };
}

export function buildService(
  name: string,
  parts: Partial<ServiceConfig> & Pick<ServiceConfig, 'routes'>,
): ServiceConfig {
  return {
    name,
    hosts: [],
    path: '',
    upstream: 'main',
    stripPath: false,
    preserveHost: false,
    priority: 0,
    serverTiming: false,
    websocket: false,
    allowEncodedSlashes: false,
    allowSemicolons: false,
    policies: [],
    ...parts,
  };
}

/** One service `shop` with the route `GET /orders` before one upstream `main`, unless said otherwise. */
export function buildConfig(parts: Partial<Config> = {}): Config {
  return {
    gateway: buildGateway(),
    upstreams: [buildUpstream('main', '127.0.0.1:9001')],
    plans: [],
    consumers: [],
    services: [buildService('shop', { routes: [buildRoute('orders', 'GET /orders')] })],
    ...parts,
  };
}
