// What `gateway.alerts` means on the network.

import { BlockList, isIP } from 'node:net';
import type { GatewayConfig } from './config.ts';
import type { Report } from './report.ts';

const privateBlocks = new BlockList();
for (const [network, prefix] of [
  ['127.0.0.0', 8],
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['169.254.0.0', 16],
] as const) {
  privateBlocks.addSubnet(network, prefix, 'ipv4');
}
privateBlocks.addSubnet('::1', 128, 'ipv6');
privateBlocks.addSubnet('fc00::', 7, 'ipv6');

/** Alerts name consumers: in the open they belong to networks of one's own. */
export function checkAlerts({ alerts }: Pick<GatewayConfig, 'alerts'>, report: Report): void {
  if (alerts === undefined) return;
  const { protocol, hostname } = new URL(alerts.webhook);
  if (protocol === 'https:' || isPrivate(hostname.replace(/^\[|\]$/g, ''))) return;
  const message = 'http in the open: alerts name consumers; use https beyond networks of your own';
  report.add(['gateway', 'alerts', 'webhook'], { severity: 'warning', message });
}

/** A name without a dot, or of a private zone, is taken for one's own. */
function isPrivate(host: string): boolean {
  const family = isIP(host);
  if (family === 0) return !host.includes('.') || /\.(?:localhost|local|internal|test)$/.test(host);
  return privateBlocks.check(host, family === 4 ? 'ipv4' : 'ipv6');
}
