// The section `upstreams`. Each is checked by itself, so that a broken one hides no other.

import { checkFallbacks } from './check-fallback.ts';
import { checkUpstream } from './check-upstream.ts';
import type { DiscoveryConfig, UpstreamConfig } from './config.ts';
import type { ConfigFiles } from './config-files.ts';
import { type DiscoverySection, discoveryIntervals } from './discovery-schema.ts';
import { healthConfig } from './health-schema.ts';
import { readNamed } from './read-named.ts';
import { readUpstreamTls } from './read-upstream-tls.ts';
import type { Report } from './report.ts';
import { upstreamSchema } from './upstream-schema.ts';

/** @returns the upstreams that are valid but for the files that they name; without the targets that are to be discovered */
export function readUpstreams(raw: unknown, files: ConfigFiles, report: Report): UpstreamConfig[] {
  const upstreams: UpstreamConfig[] = [];
  const names = new Set<string>();
  readNamed(raw, ['upstreams'], report, (name, value, path) => {
    names.add(name);
    const parsed = upstreamSchema.safeParse(value);
    if (!parsed.success) return report.addZod(path, parsed.error, value);
    checkUpstream(parsed.data, path, report);
    const { targets = [], discovery, health, tls, ...upstream } = parsed.data;
    upstreams.push({
      name,
      targets,
      ...upstream,
      ...(discovery !== undefined && { discovery: discoveryConfig(discovery, upstream.http2) }),
      ...(health !== undefined && { health: healthConfig(health) }),
      ...(tls !== undefined && { tls: readUpstreamTls(tls, [...path, 'tls'], files, report) }),
    });
  });
  checkFallbacks(upstreams, names, report);
  return upstreams;
}

function discoveryConfig(discovery: DiscoverySection, httpsOnly: boolean): DiscoveryConfig {
  const { dns, type = 'addresses', resolver = [], file = '' } = discovery;
  if (dns === undefined) return { kind: 'file', file, httpsOnly };
  const [intervalMsMin, intervalMsMax] = discoveryIntervals(discovery);
  return { kind: 'dns', ...dns, records: type, resolvers: resolver, intervalMsMin, intervalMsMax };
}
