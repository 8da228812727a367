// What of a client's certificate policies may know.

import type { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { PeerCertificate } from '../../pipeline/exchange.ts';

/** Of a connection whose handshake is over; undefined without a certificate, and for one that nobody known has signed. */
export function peerCertificateOf(socket: Socket): PeerCertificate | undefined {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  const certificate = socket.getPeerX509Certificate();
  return certificate === undefined ? undefined : readPeerCertificate(certificate);
}

export function readPeerCertificate(certificate: X509Certificate): PeerCertificate {
  return {
    // Node.js has a line for each, escaped as RFC 4514 has it, in the order of the certificate; the text form is the other way around.
    subject: certificate.subject.split('\n').reverse().join(','),
    names: splitNames(certificate.subjectAltName ?? ''),
    fingerprint256: certificate.fingerprint256,
  };
}

/**
 * DNS:a.example, URI:"spiffe://a, DNS:b" → two names. Values with a comma, a quote or a control character stand in quotes, as JSON:
 * what looks like a name inside one is none.
 */
function splitNames(text: string): readonly string[] {
  return [...text.matchAll(NAME)].map(([, kind, quoted, plain]) => {
    return `${kind}:${quoted === undefined ? plain : (JSON.parse(quoted) as string)}`;
  });
}

const NAME = /(?:^|, )([A-Za-z0-9 ]+):(?:("(?:[^"\\]|\\.)*")|([^,]*))/g;
