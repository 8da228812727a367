// What discovery found is an input of the compiler, as the files are: a changed answer is another snapshot.

import type { Config, TargetConfig } from '../config/config.ts';
import { discoveryKey } from '../config/discovery-key.ts';

/** The last answer of each source, by its key. */
export type DiscoveredTargets = ReadonlyMap<string, readonly TargetConfig[]>;

/** @returns the configuration with the targets that were found; an upstream whose source has not answered has none */
export function withDiscovered(config: Config, discovered: DiscoveredTargets): Config {
  const upstreams = config.upstreams.map((upstream) => {
    if (upstream.discovery === undefined) return upstream;
    return { ...upstream, targets: discovered.get(discoveryKey(upstream.discovery)) ?? [] };
  });
  return { ...config, upstreams };
}
