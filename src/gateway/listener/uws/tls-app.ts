// A uWebSockets.js app that speaks TLS, with one certificate for each host that has its own.
//
// A handshake uses the context of the app that a connection was handed to, the worker's; that of the acceptor counts only
// while no worker is registered (decision 0022). For a host with a certificate of its own uWebSockets.js has a router of its own,
// which gets the same routes.

import type { TlsPlan } from '../../worker-messages.ts';
import { loadUws, type UwsApp } from '../load-uws.ts';
import { type PemFiles, withPemFiles } from './pem-files.ts';

export interface TlsApp {
  readonly app: UwsApp;
  /** With SNI. */
  readonly hosts: readonly string[];
}

/**
 * @param route  adds the routes to the app's router of the moment
 * @throws {Error} when the addon refuses a certificate, a key or the ciphers; it does not say why
 */
export function createTlsApp(tls: TlsPlan, route: (app: UwsApp) => void): TlsApp {
  return withPemFiles(
    tls.certificates,
    (files) => buildApp(tls, files, route),
    ({ app }) => app.close(),
  );
}

/** Gives back what the addon keeps of an app that is closed and whose sockets are freed: the rest of it ends with its thread. */
export function forgetHosts({ app, hosts }: TlsApp): void {
  for (const host of hosts) app.removeServerName(host);
}

function buildApp(tls: TlsPlan, files: readonly PemFiles[], route: (app: UwsApp) => void): TlsApp {
  const options = files.map(({ cert, key }) => ({
    cert_file_name: cert,
    key_file_name: key,
    ...(tls.ciphers !== '' && { ssl_ciphers: tls.ciphers }),
  }));
  const app = loadUws().SSLApp(options[0] ?? {});
  route(app);
  const hosts: string[] = [];
  for (const [index, certificate] of tls.certificates.entries()) {
    for (const host of certificate.hosts) {
      app.addServerName(host, options[index] ?? {});
      app.domain(host);
      route(app);
      hosts.push(host);
    }
  }
  return { app, hosts };
}
