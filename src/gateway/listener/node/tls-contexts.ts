// The certificates of a node listener: one for each host that has its own, and the default's.

import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import type { CertificatePlan, TlsPlan } from '../../worker-messages.ts';

export class TlsContexts {
  /** For clients that ask for no name, or for an unknown one. */
  readonly fallback: SecureContextOptions;
  readonly #hosts = new Map<string, SecureContext>();

  /** @throws {Error} when OpenSSL refuses a certificate, a key or the ciphers */
  constructor(tls: TlsPlan) {
    const [first, ...others] = tls.certificates;
    this.fallback = optionsOf(tls, first);
    createSecureContext(this.fallback);
    for (const certificate of others) {
      const context = createSecureContext(optionsOf(tls, certificate));
      for (const host of certificate.hosts) this.#hosts.set(host, context);
    }
  }

  /** @returns undefined for the default's; a star stands for one label */
  of(serverName: string): SecureContext | undefined {
    const name = serverName.toLowerCase();
    return this.#hosts.get(name) ?? this.#hosts.get(name.replace(/^[^.]+/, '*'));
  }
}

function optionsOf(tls: TlsPlan, certificate: CertificatePlan | undefined): SecureContextOptions {
  return {
    cert: certificate?.cert,
    key: certificate?.key,
    minVersion: tls.minVersion,
    ...(tls.ciphers !== '' && { ciphers: tls.ciphers }),
    ...(tls.clientCa !== '' && { ca: tls.clientCa }),
  };
}
