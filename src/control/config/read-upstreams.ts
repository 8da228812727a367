// The section `upstreams`. Each is checked by itself, so that a broken one hides no other.

import { checkFallbacks } from './check-fallback.ts';
import { checkUpstream } from './check-upstream.ts';
import type { UpstreamConfig } from './config.ts';
import type { ConfigFiles } from './config-files.ts';
import { readNamed } from './read-named.ts';
import { readUpstreamTls } from './read-upstream-tls.ts';
import type { Report } from './report.ts';
import { upstreamSchema } from './upstream-schema.ts';

/** @returns the upstreams that are valid but for the files that they name */
export function readUpstreams(raw: unknown, files: ConfigFiles, report: Report): UpstreamConfig[] {
  const upstreams: UpstreamConfig[] = [];
  const names = new Set<string>();
  readNamed(raw, ['upstreams'], report, (name, value, path) => {
    names.add(name);
    const parsed = upstreamSchema.safeParse(value);
    if (!parsed.success) return report.addZod(path, parsed.error, value);
    checkUpstream(parsed.data, path, report);
    const { tls, ...upstream } = parsed.data;
    if (tls === undefined) upstreams.push({ name, ...upstream });
    else upstreams.push({ name, ...upstream, tls: readUpstreamTls(tls, [...path, 'tls'], files, report) });
  });
  checkFallbacks(upstreams, names, report);
  return upstreams;
}
