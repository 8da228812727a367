// An item of `certificates` of a consumer: one thing that its client's certificate says.

import type * as z from 'zod';
import { fingerprintText, nameText, subjectText } from '../../base/certificate-text.ts';
import { identity, section, text, timestamp } from '../../gateway/units/config.ts';
import type { ClientCertificateConfig } from './consumer-config.ts';

const FINGERPRINT = /^(?:[0-9A-Fa-f]{64}|(?:[0-9A-Fa-f]{2}:){31}[0-9A-Fa-f]{2})$/;
const HOST = /^(?=.{1,253}$)[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?$/;
const PRINTABLE = /^[^\p{C}]{1,512}$/u;

function printable(expected: string): z.ZodType<string> {
  return text(expected, '.{1,512}', (value) => (PRINTABLE.test(value) ? value : undefined));
}

export const certificateSchema: z.ZodType<ClientCertificateConfig> = section({
  id: identity().describe('Names it in logs and usage.'),
  dns: text('a host name, without stars', '[A-Za-z0-9_.-]+', (value) => (HOST.test(value) ? value : undefined))
    .optional()
    .describe('A host name among its subject alternative names.'),
  uri: printable('a URI').optional().describe('A URI among them: spiffe://shop.example/billing.'),
  email: printable('an address of e-mail').optional().describe('An address of e-mail among them.'),
  subject: printable('a distinguished name, as CN=billing,O=Shop')
    .optional()
    .describe('Its subject, as openssl x509 -nameopt RFC2253 prints it.'),
  fingerprint: text('a SHA-256 in hexadecimal, with colons or without', '[0-9A-Fa-f:]{64,95}', (value) =>
    FINGERPRINT.test(value) ? value : undefined,
  )
    .optional()
    .describe('The SHA-256 of the certificate itself: this one, and no other.'),
  notBefore: timestamp().optional().describe('From when on it counts: 2027-01-31 or 2027-01-31T12:00:00Z.'),
  expires: timestamp().optional().describe('Until when it counts, whatever the certificate says.'),
})
  .superRefine(({ id: _id, notBefore = 0, expires = Number.POSITIVE_INFINITY, ...said }, context) => {
    const addIssue = (path: string[], message: string): void =>
      context.addIssue({ code: 'custom', path, params: { message } });
    if (Object.values(said).filter((value) => value !== undefined).length !== 1) {
      addIssue([], 'has one of dns, uri, email, subject and fingerprint');
    }
    if (notBefore >= expires) addIssue(['expires'], 'is not after notBefore');
  })
  .transform(
    ({ id, notBefore, expires, ...said }): ClientCertificateConfig => ({
      id,
      says: textOf(said),
      ...(notBefore !== undefined && { fromMs: notBefore }),
      ...(expires !== undefined && { untilMs: expires }),
    }),
  );

function textOf({
  dns,
  uri,
  email,
  subject = '',
  fingerprint,
}: Readonly<Partial<Record<'dns' | 'uri' | 'email' | 'subject' | 'fingerprint', string | undefined>>>): string {
  if (dns !== undefined) return nameText(`DNS:${dns}`);
  if (uri !== undefined) return nameText(`URI:${uri}`);
  if (email !== undefined) return nameText(`email:${email}`);
  return fingerprint === undefined ? subjectText(subject) : fingerprintText(fingerprint);
}
