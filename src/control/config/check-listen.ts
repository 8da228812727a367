// What the settings of one listener mean for each other, and what its engine can do of them.

import type { ListenSection, ListenTlsSection } from './listen-schema.ts';
import type { Path } from './read-value.ts';
import type { Report } from './report.ts';

// What BoringSSL refuses in a list of ciphers: suites of TLS 1.3, and commands.
const NOT_FOR_UWS = /@|(?:^|:)[+!-]?TLS_/;

// What browsers' lists ask for (hstspreload.org).
const PRELOAD_MS_MIN = 365 * 86_400_000;

export function checkListen(listen: ListenSection, path: Path, report: Report, trustsProxies: boolean): void {
  const { engine, tls } = listen;
  if ('redirectPort' in listen && tls !== undefined) {
    report.add([...path, 'redirectToHttps'], { message: 'this listener speaks TLS already' });
  }
  if ('proxyProtocol' in listen) {
    const at = [...path, 'proxyProtocol'];
    if (engine === 'uws') {
      const why = 'uWebSockets.js believes such headers from anyone, in the midst of a connection';
      report.add(at, { message: `proxyProtocol needs engine: node: ${why}` });
    } else if (!trustsProxies) {
      report.add(at, { severity: 'warning', message: 'has no effect: gateway.trustedProxies is empty' });
    }
  }
  if (tls === undefined) return;
  checkEngine(tls, engine, [...path, 'tls'], report);
  checkHosts(tls, [...path, 'tls'], report);
  checkHsts(tls, [...path, 'tls', 'hsts'], report);
  if (tls.clientAuth !== undefined && tls.clientCa === undefined) {
    const message = 'clientAuth needs clientCa: whose certificates are believed';
    report.add([...path, 'tls', 'clientAuth'], { message });
  }
}

/** uWebSockets.js lets clients without a certificate in, does not show the certificate, and has no setting for the version. */
function checkEngine(tls: ListenTlsSection, engine: ListenSection['engine'], path: Path, report: Report): void {
  if (engine !== 'uws') return;
  for (const name of ['clientCa', 'clientAuth'] as const) {
    if (tls[name] !== undefined) report.add([...path, name], { message: `${name} needs engine: node` });
  }
  if (tls.minVersion === '1.3') {
    report.add([...path, 'minVersion'], { message: 'a minVersion above 1.2 needs engine: node' });
  }
  if (NOT_FOR_UWS.test(tls.ciphers ?? '')) {
    report.add([...path, 'ciphers'], {
      message: 'suites of TLS 1.3, and commands such as @STRENGTH, need engine: node',
    });
  }
}

function checkHosts(tls: ListenTlsSection, path: Path, report: Report): void {
  const taken = new Set<string>();
  for (const [index, { hosts }] of tls.sni.entries()) {
    for (const [place, host] of hosts.entries()) {
      if (taken.has(host)) {
        const message = 'this host has a certificate already';
        report.add([...path, 'sni', index, 'hosts', place], { message, showsFound: true });
      }
      taken.add(host);
    }
  }
}

function checkHsts({ hsts }: ListenTlsSection, path: Path, report: Report): void {
  if (hsts?.preload !== true || (hsts.includeSubDomains && hsts.maxAge >= PRELOAD_MS_MIN)) return;
  report.add([...path, 'preload'], { message: 'preload needs includeSubDomains: true and a maxAge of 8760h or more' });
}
