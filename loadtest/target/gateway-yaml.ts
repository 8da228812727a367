// sluice.yaml of a scenario's own gateway: one service in front of one upstream, on free ports of the loopback.

export interface OwnGateway {
  /** Routes, one a line. */
  readonly routes: readonly string[];
  /** Keys of gateway.limits. */
  readonly limits?: string;
  /** Other keys of gateway, one a line. */
  readonly gateway?: readonly string[];
  /** Plans, one a line. */
  readonly plans?: readonly string[];
  /** So many instances of it share a Redis; by default, there is one, and none. */
  readonly instanceCount?: number;
  /** What stands behind it; by default, one plain upstream that answers at once. */
  readonly slots?: SlotUpstreams;
  /** Keys of the upstream besides its targets, one a line. */
  readonly upstream?: readonly string[];
  /** Consumers, one a line. */
  readonly consumers?: readonly string[];
}

/** Upstreams of a known capacity: slot-upstream.ts. */
export interface SlotUpstreams {
  readonly count: number;
  /** Requests that each serves at once. */
  readonly slotCount: number;
  /** How long each request takes. */
  readonly serviceMs: number;
  /** Whether a fault proxy stands in front of each. */
  readonly isProxied: boolean;
}

export function gatewayYaml(own: OwnGateway, upstreamUrls: readonly string[]): string {
  const { routes, limits = '', gateway = [], upstream = [], plans = [], consumers = [] } = own;
  const targets = `targets: [${upstreamUrls.map((url) => `"${url}"`).join(', ')}]`;
  return `version: 1
gateway:
  listen: "127.0.0.1:0"
  admin: "127.0.0.1:0"
  limits: { ${limits} }
${lines(gateway, 2)}upstreams:
  main:
${lines([targets, ...upstream], 4)}${section('plans', plans)}${section('consumers', consumers)}services:
  load:
    upstream: main
    routes:
${lines(routes, 6)}`;
}

function section(name: string, texts: readonly string[]): string {
  return texts.length === 0 ? '' : `${name}:\n${lines(texts, 2)}`;
}

function lines(texts: readonly string[], indent: number): string {
  return texts.map((text) => `${' '.repeat(indent)}${text}\n`).join('');
}
