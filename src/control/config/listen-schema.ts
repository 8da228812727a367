// The list `gateway.listen`.

import * as z from 'zod';
import { duration, flag, scalar, section, text, whole, word } from '../../gateway/units/config.ts';
import { address } from './address-schema.ts';
import { filePath } from './file-path.ts';

const LISTENERS_MAX = 16;
const SNI_MAX = 1_000;
const HOSTS_MAX = 100;
const PORT_MAX = 65_535;
const HTTPS_PORT = 443;
const SECOND_MS = 1_000;
const HOUR_MS = 3_600 * SECOND_MS;
const CIPHERS_CHARS_MAX = 1_024;

// A name's last label is not all digits; such a text is a mistyped IPv4 address.
const HOST_NAME =
  /^(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*(?=[A-Za-z0-9-]*[A-Za-z])[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/;
const HOST_CHARS_MAX = 253;
const CIPHERS = '[A-Za-z0-9:+!@=_-]+';

/** As it is written: with the names of files. */
export type ListenSection = z.output<typeof listenSchema>[number];
export type ListenTlsSection = NonNullable<ListenSection['tls']>;

const certFile = filePath().describe('A PEM file: the certificate, with those that lead to its authority.');
const keyFile = filePath().describe('A PEM file: the private key of cert, without a passphrase.');

const sniItem = section({
  hosts: z
    .array(serverName())
    .min(1)
    .max(HOSTS_MAX)
    .describe('Names that clients ask for; *.example.com for all with one label more.'),
  cert: certFile,
  key: keyFile,
});

const hstsSchema = section({
  maxAge: duration(0, 10 * 366 * 24 * HOUR_MS)
    .prefault('8760h')
    .describe('How long a browser is to use https only: 8760h is a year.'),
  includeSubDomains: flag().prefault(false).describe('For all names below the host, too.'),
  preload: flag().prefault(false).describe("Agree to stand in browsers' lists."),
});

/** true is a map of the defaults. */
const hstsOrFlag = z
  .union([flag(), hstsSchema])
  .transform((hsts) => (hsts === true ? hstsSchema.parse({}) : hsts === false ? undefined : hsts));

const tlsSchema = section({
  cert: certFile,
  key: keyFile,
  sni: z.array(sniItem).max(SNI_MAX).prefault([]).describe('Certificates of single hosts; all others get cert.'),
  ciphers: text("a list of TLS 1.2's cipher suites in OpenSSL's form", CIPHERS, (value) =>
    value.length <= CIPHERS_CHARS_MAX && new RegExp(`^${CIPHERS}$`).test(value) ? value : undefined,
  )
    .optional()
    .describe("Cipher suites of TLS 1.2, in OpenSSL's form; default: those of the engine's library."),
  minVersion: tlsVersion().prefault('1.2').describe('The oldest version of TLS; 1.3 needs engine: node.'),
  clientCa: filePath().optional().describe("A PEM file: whose clients' certificates are believed; needs engine: node."),
  clientAuth: word(['require', 'request'])
    .optional()
    .describe('What becomes of clients without such a certificate: require (the default) ends the connection.'),
  hsts: hstsOrFlag
    .optional()
    .describe('Strict-Transport-Security of every answer, true for a year; absent: no such header.'),
});

const redirectSchema = z
  .union([flag(), section({ port: whole(1, PORT_MAX).prefault(HTTPS_PORT).describe('Of the https URLs.') })])
  .transform((redirect) => (typeof redirect === 'object' ? redirect.port : redirect ? HTTPS_PORT : 0));

const listenItem = z
  .union([
    address(),
    section({
      address: address().describe('Where to listen: :8080, 127.0.0.1:8080, [::1]:8080.'),
      engine: word(['uws', 'node'])
        .prefault('uws')
        .describe('uws for speed (the default), node for strictness and HTTP/1.0.'),
      chunked: word(['accept', 'refuse'])
        .prefault('accept')
        .describe('Bodies of unknown length; refuse answers them 411, for gateways behind another proxy.'),
      tls: tlsSchema.optional().describe('Speak TLS; absent: plain HTTP.'),
      redirectToHttps: redirectSchema
        .optional()
        .describe('Answer everything with a redirect (308) to https: true for port 443, or { port: 8443 }.'),
      proxyProtocol: flag()
        .prefault(false)
        .describe('Connections from trustedProxies begin with a PROXY protocol v2 header; needs engine: node.'),
    }),
  ])
  .transform((item) => {
    if (!('address' in item)) return { ...item, engine: 'uws' as const, chunked: 'accept' as const, tls: undefined };
    const { address: where, engine, chunked, tls, redirectToHttps = 0, proxyProtocol } = item;
    return {
      ...where,
      ...{ engine, chunked, tls },
      ...(redirectToHttps > 0 && { redirectPort: redirectToHttps }),
      ...(proxyProtocol && { proxyProtocol }),
    };
  });

export const listenSchema = z
  .union([listenItem, z.array(listenItem).min(1).max(LISTENERS_MAX)])
  .prefault([':8080'])
  .transform((listen) => (Array.isArray(listen) ? listen : [listen]));

/** 1.3 without quotes is a number. */
function tlsVersion(): z.ZodType<'1.2' | '1.3'> {
  return scalar({
    expected: '1.2 or 1.3',
    json: { enum: ['1.2', '1.3', 1.2, 1.3] },
    read: (value) => (['1.2', '1.3'] as const).find((version) => version === String(value)),
  });
}

/** In lower case. No address: clients do not ask for one by SNI (RFC 6066 §3). */
function serverName(): z.ZodType<string> {
  const pattern = String.raw`(?:\*\.)?${HOST_NAME.source.slice(1, -1)}`;
  return text('a host name such as api.example.com or *.example.com', pattern, (value) =>
    value.length <= HOST_CHARS_MAX && HOST_NAME.test(value.replace(/^\*\./, '')) ? value.toLowerCase() : undefined,
  );
}
