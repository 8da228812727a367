// Records → targets: the arithmetic of DNS discovery.

import { isIPv6 } from 'node:net';
import type { DnsDiscoveryConfig, TargetConfig } from '../config/config.ts';

/** As dns.resolveSrv gives it. */
export interface SrvRecord {
  readonly name: string;
  readonly port: number;
  readonly priority: number;
  readonly weight: number;
}

/** One address that a name leads to. */
export interface Endpoint {
  readonly address: string;
  /** 0: the protocol's own. */
  readonly port: number;
  /** Host header, and the name on the certificate. */
  readonly name: string;
  readonly weight: number;
}

// What a target's weight may be, as in sluice.yaml.
const WEIGHT_MAX = 1_000;
/** As many as an upstream may have. */
export const TARGETS_MAX = 256;

/** @returns at most TARGETS_MAX targets, each address once; the same ones in whatever order the records came */
export function dnsTargets(config: DnsDiscoveryConfig, endpoints: readonly Endpoint[]): readonly TargetConfig[] {
  const byKey = new Map<string, Endpoint>();
  for (const endpoint of endpoints) {
    const key = `${endpoint.address} ${endpoint.port} ${endpoint.name}`;
    byKey.set(key, { ...endpoint, weight: endpoint.weight + (byKey.get(key)?.weight ?? 0) });
  }
  const chosen = [...byKey]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .slice(0, TARGETS_MAX)
    .map(([, endpoint]) => endpoint);
  const weights = wholeWeights(chosen.map(({ weight }) => weight));
  return chosen.map((endpoint, i) => target(config, endpoint, weights[i] as number));
}

/** Records by priority, the first choice first (RFC 2782). A target of '.' means that there is none. */
export function byPriority(records: readonly SrvRecord[]): readonly (readonly SrvRecord[])[] {
  const groups = new Map<number, SrvRecord[]>();
  for (const record of records) {
    if (record.name === '' || record.name === '.' || record.port === 0) continue;
    const group = groups.get(record.priority) ?? [];
    group.push(record);
    groups.set(record.priority, group);
  }
  return [...groups].sort(([a], [b]) => a - b).map(([, group]) => group);
}

/**
 * When to ask again.
 * @param ttlSeconds  the shortest of the answer; infinite where there is none
 */
export function askAgainMs({ intervalMsMin, intervalMsMax }: DnsDiscoveryConfig, ttlSeconds: number): number {
  return Math.min(intervalMsMax, Math.max(intervalMsMin, ttlSeconds * 1_000));
}

function target({ protocol, basePath }: DnsDiscoveryConfig, endpoint: Endpoint, weight: number): TargetConfig {
  const { address, port, name } = endpoint;
  const { origin } = url(protocol, isIPv6(address) ? `[${address}]` : address, port);
  const { host, hostname } = url(protocol, name, port);
  return {
    origin,
    authority: host,
    ...(protocol === 'https:' && { serverName: hostname }),
    socketPath: '',
    basePath,
    weight,
  };
}

function url(protocol: string, host: string, port: number): URL {
  return new URL(`${protocol}//${host}${port === 0 ? '' : `:${port}`}`);
}

/**
 * Weights as an upstream takes them, from 1 to 1,000, in the proportions of the given ones. One of 0 stands for 'hardly ever'
 * beside others (RFC 2782), and for 'as often as the others' among its like.
 */
function wholeWeights(weights: readonly number[]): readonly number[] {
  const max = Math.max(...weights);
  if (max === 0) return weights.map(() => 1);
  const isFine = max <= WEIGHT_MAX && weights.every((weight) => weight >= 1 && Number.isInteger(weight));
  const scale = isFine ? 1 : WEIGHT_MAX / max;
  return weights.map((weight) => Math.max(1, Math.round(weight * scale)));
}
