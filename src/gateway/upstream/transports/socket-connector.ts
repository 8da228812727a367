// How a connection to a target comes about: over TCP, a Unix socket or TLS as the upstream's configuration has it.

import { connect as connectTcp, isIP, type OnReadOpts, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type SecureContext } from 'node:tls';
import { secureContextOf } from './secure-context.ts';
import type { TransportOptions } from './transport.ts';

// The first probe of TCP's own, on a connection that is silent for so long.
const PROBE_AFTER_MS = 60_000;

export class SocketConnector {
  readonly #options: TransportOptions;
  readonly #host: string;
  readonly #port: number;
  readonly isTls: boolean;
  readonly #secureContext: SecureContext | undefined;
  /** Of the last connection: the next handshake is shorter by it. */
  #session: Buffer | undefined;

  /** @throws when the TLS settings are no certificates; the control plane has read them before */
  constructor(options: TransportOptions) {
    const { protocol, hostname, port } = new URL(options.origin);
    this.#options = options;
    this.#host = hostname.replace(/^\[|\]$/g, '');
    this.isTls = protocol === 'https:';
    this.#port = port === '' ? (this.isTls ? 443 : 80) : Number(port);
    this.#secureContext = this.isTls ? secureContextOf(options.tls) : undefined;
  }

  /** What the socket emits once bytes can be sent. */
  get connectEvent(): 'connect' | 'secureConnect' {
    return this.isTls ? 'secureConnect' : 'connect';
  }

  /** @param onread  where reads go to and who is told of them, and of an end, which is theirs to answer; absent: a stream like any other */
  open(onread?: OnReadOpts): Socket {
    if (this.isTls) return this.#openTls(onread);
    const { socketPath } = this.#options;
    // Half-open: when the other side has ended, its reader may still want to write, to learn how it ended.
    const reads = onread === undefined ? {} : { onread, allowHalfOpen: true };
    if (socketPath !== '') return connectTcp({ path: socketPath, ...reads });
    return connectTcp({
      host: this.#host,
      port: this.#port,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: PROBE_AFTER_MS,
      ...reads,
    });
  }

  #openTls(onread: OnReadOpts | undefined): Socket {
    const { tls } = this.#options;
    const named = tls?.serverName ?? '';
    const socket = connectTls({
      host: this.#host,
      port: this.#port,
      // An address is no server name (RFC 6066 §3); the certificate is compared with the host all the same.
      servername: named !== '' ? named : isIP(this.#host) === 0 ? this.#host : '',
      secureContext: this.#secureContext,
      rejectUnauthorized: tls?.verify ?? true,
      session: this.#session,
      ALPNProtocols: ['http/1.1'],
      ...(onread !== undefined && { onread }),
    } as ConnectionOptions);
    socket.setNoDelay(true);
    socket.setKeepAlive(true, PROBE_AFTER_MS);
    socket.on('session', (session) => {
      this.#session = session;
    });
    return socket;
  }
}
