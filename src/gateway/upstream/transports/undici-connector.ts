// How undici connects: to a host or a Unix socket, with TLS as the upstream's configuration has it.

import type { TLSSocket } from 'node:tls';
import type { buildConnector } from 'undici';
import { loadUndici } from './load-undici.ts';
import { secureContextOf } from './secure-context.ts';
import type { TransportOptions } from './transport.ts';

/** What undici's own types leave out: it hands on to tls.connect what it does not know. */
type ConnectorOptions = NonNullable<Parameters<typeof buildConnector>[0]>;

/** @throws when the certificate or key of `tls` are of no use, which `sluice check` and every reload find out first */
export function undiciConnector(options: TransportOptions): buildConnector.connector {
  const { socketPath, connectTimeoutMs, http2 } = options;
  const connect = loadUndici().buildConnector({
    timeout: connectTimeoutMs,
    allowH2: http2,
    ...(socketPath !== '' && { socketPath }),
    ...tlsOptions(options),
  });
  // undici would ask for the name in the request's Host header, which may be the client's (preserveHost).
  return ({ servername: _host, ...to }, callback) =>
    connect(to, (...[error, socket]) => {
      if (error !== null) return callback(asConnectError(error), null);
      if (!http2 || (socket as TLSSocket).alpnProtocol === 'h2') return callback(null, socket);
      // undici would send as many requests down an HTTP/1.1 connection as it may have streams.
      socket.destroy();
      callback(asConnectError(new Error('the target does not speak HTTP/2')), null);
    });
}

function tlsOptions({ tls }: TransportOptions): ConnectorOptions {
  if (tls === undefined) return {};
  const { serverName, verify } = tls;
  return {
    secureContext: secureContextOf(tls),
    rejectUnauthorized: verify,
    ...(serverName !== '' && { servername: serverName }),
  };
}

/** A handshake that fails is a connection that could not be made: not a byte of a request was sent. */
function asConnectError(error: Error & { code?: string; syscall?: string }): Error {
  const isTls =
    error.syscall === undefined && !(error.code ?? '').startsWith('UND_ERR') && !(error instanceof AggregateError);
  return isTls ? Object.assign(error, { code: 'UND_ERR_CONNECT' }) : error;
}
