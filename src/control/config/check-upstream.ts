// What the parts of an upstream mean for each other.

import { checkBalancing } from './check-balancing.ts';
import { checkDiscovery } from './discovery-schema.ts';
import { checkHealth } from './health-schema.ts';
import type { Path } from './read-value.ts';
import type { Report } from './report.ts';
import type { UpstreamSection } from './upstream-schema.ts';

export function checkUpstream(upstream: UpstreamSection, path: Path, report: Report): void {
  const { targets = [], connections, keepAlive, discovery, health } = upstream;
  checkTargets(upstream, path, report);
  if (discovery !== undefined) checkDiscovery(discovery, [...path, 'discovery'], report);
  if (health !== undefined) checkHealth(health, [...path, 'health'], report);
  if (keepAlive.min > connections) {
    report.add([...path, 'keepAlive', 'min'], { message: 'is more than the connections that there may be' });
  }
  checkBalancing(upstream, path, report);
  if (upstream.http2) checkHttp2(upstream, path, report);
  if (upstream.tls === undefined) return;
  const isAnyHttps = discovery === undefined ? targets.some(isHttps) : discovery.dns?.protocol !== 'http:';
  if (!isAnyHttps) {
    report.add([...path, 'tls'], { message: 'has no effect: no target is https', isAboutKey: true });
  }
  checkTls(upstream.tls, [...path, 'tls'], report);
}

function checkTargets({ targets, discovery }: UpstreamSection, path: Path, report: Report): void {
  if (targets !== undefined && discovery !== undefined) {
    report.add([...path, 'discovery'], { message: 'does not go with targets: it is their place', isAboutKey: true });
  }
  if (targets === undefined && discovery === undefined) {
    report.add([...path, 'targets'], { message: 'is missing', expected: 'a list, or discovery in its place' });
  }
}

function checkHttp2(upstream: UpstreamSection, path: Path, report: Report): void {
  const { targets = [], discovery, pipelining, keepAlive } = upstream;
  if (discovery?.dns?.protocol === 'http:') {
    report.add([...path, 'discovery', 'dns'], { message: 'http2 needs https' });
  }
  for (const [index, target] of targets.entries()) {
    if (!isHttps(target)) report.add([...path, 'targets', index], { message: 'http2 needs an https target' });
  }
  if (pipelining > 1) {
    report.add([...path, 'pipelining'], {
      message: 'does not go with http2, whose connections carry many requests at once anyway',
    });
  }
  if (keepAlive.min > 0) report.add([...path, 'keepAlive', 'min'], { message: 'does not go with http2' });
}

function checkTls(tls: NonNullable<UpstreamSection['tls']>, path: Path, report: Report): void {
  if (tls.cert !== undefined && tls.key === undefined) {
    report.add([...path, 'cert'], { message: 'a client certificate needs its key' });
  }
  if (tls.key !== undefined && tls.cert === undefined) {
    report.add([...path, 'key'], { message: 'a key needs its certificate, cert' });
  }
  if (tls.verify) return;
  report.add([...path, 'verify'], {
    severity: 'warning',
    message: 'any certificate is accepted: whoever is between the gateway and a target can read and change everything',
  });
  if (tls.ca !== undefined) {
    report.add([...path, 'ca'], { severity: 'warning', message: 'has no effect where verify is false' });
  }
}

function isHttps(target: { readonly origin: string }): boolean {
  return target.origin.startsWith('https:');
}
