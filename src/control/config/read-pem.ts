// What stands in PEM files. No message says what a key holds; those of OpenSSL are passed on as their fixed reason only.

import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import type { Path } from './read-value.ts';
import type { Report } from './report.ts';

const BEGIN_CERTIFICATE = '-----BEGIN CERTIFICATE-----';
const END_CERTIFICATE = '-----END CERTIFICATE-----';

export interface PrivateKey {
  /** PEM. */
  readonly text: string;
  readonly key: KeyObject;
}

/** @returns the certificates, at least one, or a sentence */
export function readCertificates(text: string): readonly X509Certificate[] | string {
  const [, ...pieces] = text.split(BEGIN_CERTIFICATE);
  if (pieces.length === 0) return 'the file holds no certificate in PEM form';
  const certificates: X509Certificate[] = [];
  for (const piece of pieces) {
    const [body = ''] = piece.split(END_CERTIFICATE, 1);
    try {
      certificates.push(new X509Certificate(`${BEGIN_CERTIFICATE}${body}${END_CERTIFICATE}`));
    } catch {
      return `certificate ${certificates.length + 1} of the file cannot be read`;
    }
  }
  return certificates;
}

/** @returns the key, or a sentence */
export function readKey(text: string): PrivateKey | string {
  if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) return 'the file holds no private key in PEM form';
  // Of PKCS #8, and of OpenSSL's old forms. Node tells it by an error that is another one from version to version.
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(text)) {
    return 'the private key is encrypted; it has to be there without a passphrase';
  }
  try {
    return { text, key: createPrivateKey(text) };
  } catch {
    return 'the private key cannot be read';
  }
}

/** Certificates alone: comments make no other upstream, and a key that lies in the same file stays out. */
export function printAll(certificates: readonly X509Certificate[] | undefined): string {
  return certificates?.map(String).join('') ?? '';
}

/** OpenSSL's own opinion: of keys that are too short for its security level, for instance. */
export function checkUse(options: SecureContextOptions, path: Path, report: Report): void {
  try {
    createSecureContext(options);
  } catch (error) {
    const { reason = 'it cannot be used' } = error as { reason?: string };
    report.add(path, { message: `OpenSSL refuses it: ${reason}` });
  }
}
