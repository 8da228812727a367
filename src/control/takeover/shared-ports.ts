// Which listeners a gateway that takes over shares with the running one, looked at before anything has changed.

import type { GatewayConfig } from '../config/config.ts';
import type { ListenConfig } from '../config/listen-config.ts';
import { nodeSupportsReusePort, type SharedListener } from '../workers/listener-plan.ts';
import type { Welcome } from './protocol.ts';

export interface SharedPorts {
  /** With the running gateway's ports, where the system chose them. */
  readonly gateway: GatewayConfig;
  /** Listeners that the running gateway does not have. */
  readonly own: readonly ListenConfig[];
}

/** @returns why a port cannot be shared, one sentence each, when there is such a one */
export function sharePorts(gateway: GatewayConfig, welcome: Welcome): SharedPorts | readonly string[] {
  const left = [...welcome.listeners];
  const problems: string[] = [];
  const own: ListenConfig[] = [];
  const listen = gateway.listen.map((wanted) => {
    const at = left.findIndex(({ host, wantedPort }) => host === wanted.host && wantedPort === wanted.port);
    const [shared] = at < 0 ? [] : left.splice(at, 1);
    if (shared === undefined) {
      own.push(wanted);
      return wanted;
    }
    const problem = whyNotShared(wanted, shared);
    if (problem !== undefined) problems.push(`${wanted.host}:${shared.port} cannot be taken over: ${problem}`);
    return { ...wanted, port: shared.port };
  });
  if (problems.length > 0) return problems;
  const { admin } = gateway;
  return {
    gateway: { ...gateway, listen, admin: admin.port === 0 ? { ...admin, port: welcome.adminPort } : admin },
    own,
  };
}

function whyNotShared(wanted: ListenConfig, shared: SharedListener): string | undefined {
  if (!shared.isShared) {
    return shared.engine === 'node'
      ? 'its listener has engine: node, which shares a port from Node.js 22.12 on, and no port that the system chose'
      : 'the running gateway does not share its ports: its data folder could not be used when it started';
  }
  if (wanted.engine === 'node' && !nodeSupportsReusePort()) {
    return 'a listener with engine: node shares a port from Node.js 22.12 on';
  }
  return undefined;
}
