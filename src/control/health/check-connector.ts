// How a check connects: as requests to the target do, on a connection of its own. A kept one would tell less: whether the
// target still accepts connections is half of the question.

import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, createSecureContext, type SecureContext } from 'node:tls';
import type { UpstreamTlsConfig } from '../config/config.ts';

/** A target as it is reached. */
export interface CheckedAddress {
  readonly origin: string;
  readonly socketPath: string;
  readonly serverName?: string | undefined;
}

export class CheckConnector {
  readonly #tls: UpstreamTlsConfig | undefined;
  readonly #protocol: 'h2' | 'http/1.1';
  /** Of all targets of the upstream: reading certificates takes longer than a handshake. */
  #secureContext: SecureContext | undefined;

  /** @param tls  whose texts the compiler has read before */
  constructor(tls: UpstreamTlsConfig | undefined, http2: boolean) {
    this.#tls = tls;
    this.#protocol = http2 ? 'h2' : 'http/1.1';
  }

  /** @returns a socket that emits 'connect', or over TLS 'secureConnect', when it stands */
  open(address: CheckedAddress): Socket {
    return address.origin.startsWith('https:') ? this.#openTls(address) : this.openTcp(address);
  }

  /** Without TLS, whatever the target speaks. */
  openTcp({ origin, socketPath }: CheckedAddress): Socket {
    return socketPath === '' ? connectTcp(endOf(origin)) : connectTcp({ path: socketPath });
  }

  #openTls({ origin, serverName = '' }: CheckedAddress): Socket {
    const { ca = '', cert = '', key = '', verify = true, serverName: configured = '' } = this.#tls ?? {};
    this.#secureContext ??= createSecureContext({
      ...(ca !== '' && { ca }),
      ...(cert !== '' && { cert }),
      ...(key !== '' && { key }),
    });
    const to = endOf(origin);
    const named = configured === '' ? serverName : configured;
    return connectTls({
      ...to,
      // An address is no server name (RFC 6066 §3); the certificate is compared with the host all the same.
      servername: named !== '' ? named : isIP(to.host) === 0 ? to.host : '',
      secureContext: this.#secureContext,
      rejectUnauthorized: verify,
      ALPNProtocols: [this.#protocol],
    });
  }
}

function endOf(origin: string): { readonly host: string; readonly port: number } {
  const { protocol, hostname, port } = new URL(origin);
  const ownPort = protocol === 'https:' ? 443 : 80;
  return { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? ownPort : Number(port) };
}
