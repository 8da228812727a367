// A real https upstream for tests, with certificates of test/support/tls, that remembers who connected to whom.

import { createSecureServer, type Http2SecureServer } from 'node:http2';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { type TlsFile, tlsText } from './tls-files.ts';

export interface TlsUpstreamOptions {
  /** Its certificate. */
  readonly as: 'server' | 'orders';
  /** Clients have to show a certificate of this authority. */
  readonly clientCa?: TlsFile;
  /** HTTP/2 and nothing else. */
  readonly http2?: boolean;
}

export interface SeenOverTls {
  readonly method: string;
  readonly host: string;
  readonly httpVersion: string;
  /** The name that was asked for (SNI); '' for none. */
  readonly serverName: string;
  /** The common name in the client's certificate; '' for none. */
  readonly client: string;
  readonly body: string;
}

export interface TlsUpstream {
  readonly port: number;
  /** Requests that were answered. */
  readonly seen: SeenOverTls[];
  /** Handshakes that were completed. */
  readonly connections: number;
  /** Of those, the ones that took up a session. */
  readonly resumed: number;
  readonly openCount: number;
  close(): Promise<void>;
}

export async function startTlsUpstream(options: TlsUpstreamOptions): Promise<TlsUpstream> {
  const seen: SeenOverTls[] = [];
  const sockets = new Set<TLSSocket>();
  let connections = 0;
  let resumed = 0;
  const server = createOne(options);
  server.on('request', (req, res) => {
    let body = '';
    req.setEncoding('latin1');
    req.on('data', (chunk: string) => {
      body += chunk;
    });
    req.on('end', () => {
      const socket = ('stream' in req ? req.stream.session?.socket : req.socket) as TLSSocket;
      const host = String(req.headers.host ?? req.headers[':authority']);
      const client = String(socket.getPeerCertificate().subject?.CN ?? '');
      const serverName = socket.servername || '';
      seen.push({ method: req.method ?? '', host, httpVersion: req.httpVersion, serverName, client, body });
      res.end('fine');
    });
  });
  server.on('secureConnection', (socket: TLSSocket) => {
    connections++;
    if (socket.isSessionReused()) resumed++;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('tlsClientError', () => {});
  server.on('sessionError', () => {});
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    seen,
    get connections() {
      return connections;
    },
    get resumed() {
      return resumed;
    },
    get openCount() {
      return sockets.size;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function createOne({ as, clientCa, http2 = false }: TlsUpstreamOptions): Server | Http2SecureServer {
  const tls = {
    cert: tlsText(`${as}.crt`),
    key: tlsText(`${as}.key`),
    ...(clientCa !== undefined && { ca: tlsText(clientCa), requestCert: true, rejectUnauthorized: true }),
  };
  return http2 ? createSecureServer(tls) : createServer(tls);
}
