// How a connection to a target comes about: over TCP, a Unix socket or TLS, with reads into a buffer that is used again.

import { connect as connectTcp, isIP, type OnReadOpts, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, createSecureContext, type SecureContext } from 'node:tls';
import type { TransportOptions } from '../transport.ts';

// A read of libuv's is handled before the next one, whichever connection it is of: one buffer serves a thread.
const READ_BYTES_MAX = 64 * 1024;
const sharedBuffer = Buffer.allocUnsafeSlow(READ_BYTES_MAX);

// OpenSSL may hand over what it holds in the midst of a write: there each connection has its own. A TLS record has 16 KiB.
const TLS_READ_BYTES_MAX = 16 * 1024;

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
    const { tls } = options;
    this.#secureContext = !this.isTls
      ? undefined
      : createSecureContext({
          ...(tls !== undefined && tls.ca !== '' && { ca: tls.ca }),
          ...(tls !== undefined && tls.cert !== '' && { cert: tls.cert, key: tls.key }),
        });
  }

  /**
   * @param onRead  the first `count` bytes of the buffer, which is valid during the call only
   * @param onConnected  bytes can be sent; never called after the socket's close
   */
  connect(onRead: (count: number, buffer: Buffer) => void, onConnected: () => void): Socket {
    const onread: OnReadOpts = {
      buffer: this.isTls ? Buffer.allocUnsafeSlow(TLS_READ_BYTES_MAX) : sharedBuffer,
      callback: (count, buffer) => {
        onRead(count, buffer as Buffer);
        return true;
      },
    };
    if (this.isTls) return this.#connectTls(onread, onConnected);
    const { socketPath } = this.#options;
    const socket =
      socketPath === ''
        ? connectTcp({
            host: this.#host,
            port: this.#port,
            noDelay: true,
            keepAlive: true,
            keepAliveInitialDelay: PROBE_AFTER_MS,
            onread,
          })
        : connectTcp({ path: socketPath, onread });
    socket.once('connect', onConnected);
    return socket;
  }

  #connectTls(onread: OnReadOpts, onConnected: () => void): Socket {
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
      onread,
    } as ConnectionOptions & { onread: OnReadOpts });
    socket.setNoDelay(true);
    socket.setKeepAlive(true, PROBE_AFTER_MS);
    socket.on('session', (session) => {
      this.#session = session;
    });
    socket.once('secureConnect', onConnected);
    return socket;
  }
}
