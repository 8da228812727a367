// What the parts of the section `gateway` mean for each other.

import { checkAlerts } from './check-alerts.ts';
import { checkListen } from './check-listen.ts';
import type { GatewayConfig } from './config.ts';
import type { GatewaySection } from './gateway-schema.ts';
import { isLoopback } from './is-loopback.ts';
import type { AddressConfig } from './listen-config.ts';
import type { Path } from './read-value.ts';
import type { Report } from './report.ts';

/** @param raw  the section as it was read, to tell what is written from what is a default */
export function checkGateway(gateway: GatewaySection, raw: unknown, report: Report): void {
  checkAddresses(gateway, raw, report);
  const trustsProxies = gateway.trustedProxies.length > 0;
  for (const [index, listen] of gateway.listen.entries()) {
    checkListen(listen, listenPath(raw, index), report, trustsProxies);
  }
  checkTimers(gateway, raw, report);
  checkLog(gateway, report);
  checkExplain(gateway, report);
  checkAdmin(gateway, report);
  checkAlerts(gateway, report);
}

/** @param raw  the section as it was read: a single listener need not be in a list */
export function listenPath(raw: unknown, index: number): Path {
  return ['gateway', 'listen', ...(Array.isArray(valueAt(raw, 'listen')) ? [index] : [])];
}

function checkAddresses(gateway: GatewaySection, raw: unknown, report: Report): void {
  const taken: AddressConfig[] = [];
  for (const [index, listen] of gateway.listen.entries()) {
    if (taken.some((other) => overlap(listen, other))) {
      report.add(listenPath(raw, index), { message: 'this address is listened on already' });
    }
    taken.push(listen);
  }
  if (taken.some((listen) => overlap(gateway.admin, listen))) {
    const path = valueAt(raw, 'admin') === undefined ? ['gateway', 'listen'] : ['gateway', 'admin'];
    report.add(path, { message: 'gateway.admin and gateway.listen have the same address' });
  }
}

/** uWebSockets.js says on standard output which hosts it was told of, and knows no way to keep it silent. */
function checkLog({ accessLog, listen }: GatewaySection, report: Report): void {
  if (accessLog?.file !== '-') return;
  const speaks = listen.some(({ engine, tls }) => engine === 'uws' && tls !== undefined && tls.sni.length > 0);
  if (!speaks) return;
  report.add(['gateway', 'accessLog', 'file'], {
    severity: 'warning',
    message: 'uWebSockets.js prints lines of its own among those of the log, for each host of tls.sni',
  });
}

/** The uws engine has one timer for a connection. */
function checkTimers(gateway: GatewaySection, raw: unknown, report: Report): void {
  const { headerTimeoutMs, idleTimeoutMs } = gateway.limits;
  const limits = valueAt(raw, 'limits');
  const areWritten = valueAt(limits, 'headerTimeout') !== undefined && valueAt(limits, 'idleTimeout') !== undefined;
  const hasUws = gateway.listen.some((listen) => listen.engine === 'uws');
  if (!areWritten || !hasUws || headerTimeoutMs === idleTimeoutMs) return;
  const larger = headerTimeoutMs > idleTimeoutMs ? 'headerTimeout' : 'idleTimeout';
  report.add(['gateway', 'limits', larger], {
    severity: 'warning',
    message:
      'has no effect where the engine is uws: it has one timer for headerTimeout and idleTimeout, and takes the smaller',
  });
}

function checkAdmin({ admin }: Pick<GatewayConfig, 'admin'>, report: Report): void {
  if (admin.anonymous === 'none' || isLoopback(admin.host)) return;
  const message = 'lets everybody who reaches this address read usage, consumers and upstreams';
  report.add(['gateway', 'admin', 'anonymous'], { severity: 'warning', message });
}

/** An explanation names policies, consumers and targets. */
function checkExplain({ explain }: Pick<GatewayConfig, 'explain'>, report: Report): void {
  for (const [index, block] of (explain?.from ?? []).entries()) {
    if (!block.endsWith('/0')) continue;
    const message = 'lets everybody see how requests are decided, targets included';
    report.add(['gateway', 'explain', 'from', index], { severity: 'warning', message });
  }
}

/** Whether the second of two listeners would find its address in use. */
function overlap(one: AddressConfig, other: AddressConfig): boolean {
  if (one.port !== other.port || one.port === 0) return false;
  if (one.host.toLowerCase() === other.host.toLowerCase()) return true;
  // 0.0.0.0 stands for the addresses of IPv4 only.
  const hosts = [one.host, other.host];
  const isV4Wildcard = hosts.includes('0.0.0.0');
  const isAnyWildcard = hosts.includes('') || hosts.includes('::');
  return isAnyWildcard || (isV4Wildcard && !hosts.some((host) => host.includes(':')));
}

function valueAt(raw: unknown, key: string): unknown {
  return typeof raw === 'object' && raw !== null ? (raw as Record<string, unknown>)[key] : undefined;
}
