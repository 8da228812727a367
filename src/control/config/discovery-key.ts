import type { DiscoveryConfig } from './config.ts';

/** The same for the same source, and for no other: settings that changed are answered anew. */
export function discoveryKey(discovery: DiscoveryConfig): string {
  return JSON.stringify(discovery);
}
