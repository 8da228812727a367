// The files of `gateway.listen[].tls` → their texts, checked as far as can be told without a handshake.

import type { X509Certificate } from 'node:crypto';
import type { ConfigFiles } from './config-files.ts';
import type { CertificateConfig, ListenTlsConfig } from './listen-config.ts';
import type { ListenSection, ListenTlsSection } from './listen-schema.ts';
import { checkUse, type PrivateKey, readCertificates, readKey } from './read-pem.ts';
import type { Path } from './read-value.ts';
import type { Report } from './report.ts';
import { isKnownToUws } from './uws-keys.ts';

const DAY_MS = 86_400_000;
/** From when on a certificate's end is warned of. */
const EXPIRES_SOON_MS = 14 * DAY_MS;

/** @returns the texts; '' for those that were reported */
export function readListenTls(
  tls: ListenTlsSection,
  engine: ListenSection['engine'],
  path: Path,
  files: ConfigFiles,
  report: Report,
  nowMs: number,
): ListenTlsConfig {
  const reader = new CertificateReader(engine, files, report, nowMs);
  const certificates = [
    reader.read({ ...tls, hosts: [] }, path),
    ...tls.sni.map((item, index) => reader.read(item, [...path, 'sni', index])),
  ];
  const minVersion = tls.minVersion === '1.3' ? 'TLSv1.3' : 'TLSv1.2';
  const ciphers = tls.ciphers ?? '';
  if (ciphers !== '') checkUse({ ciphers }, [...path, 'ciphers'], report);
  return {
    certificates,
    ...{ ciphers, minVersion },
    clientCa: reader.readClientCa(tls, path),
    clientCaFile: tls.clientCa ?? '',
    clientAuth: tls.clientCa === undefined ? 'none' : (tls.clientAuth ?? 'require'),
    hsts: printHsts(tls.hsts),
  };
}

class CertificateReader {
  readonly #engine: ListenSection['engine'];
  readonly #files: ConfigFiles;
  readonly #report: Report;
  readonly #nowMs: number;

  constructor(engine: ListenSection['engine'], files: ConfigFiles, report: Report, nowMs: number) {
    this.#engine = engine;
    this.#files = files;
    this.#report = report;
    this.#nowMs = nowMs;
  }

  read(from: { cert: string; key: string; hosts: readonly string[] }, path: Path): CertificateConfig {
    const { cert: certFile, key: keyFile, hosts } = from;
    const cert = this.#parse(certFile, [...path, 'cert'], readChain);
    const key = this.#parse(keyFile, [...path, 'key'], readKey);
    const first = cert?.certificates[0];
    const expiresMs = first === undefined ? 0 : Date.parse(first.validTo);
    if (first !== undefined) this.#checkCertificate(first, expiresMs, hosts, path);
    if (cert !== undefined && first !== undefined && key !== undefined) {
      if (first.checkPrivateKey(key.key)) this.#checkPair(cert.text, key, path);
      else {
        const message = 'the private key does not fit the first certificate in cert';
        this.#report.add([...path, 'key'], { message });
      }
    }
    return { hosts, certFile, keyFile, cert: cert?.text ?? '', key: key?.text ?? '', expiresMs };
  }

  readClientCa({ clientCa }: ListenTlsSection, path: Path): string {
    if (clientCa === undefined) return '';
    const at = [...path, 'clientCa'];
    const ca = this.#parse(clientCa, at, readChain);
    if (ca !== undefined) checkUse({ ca: ca.text }, at, this.#report);
    return ca?.text ?? '';
  }

  #parse<T>(file: string, path: Path, parse: (text: string) => T | string): T | undefined {
    const text = this.#files.read(file);
    const parsed = text.ok ? parse(text.value) : text.error;
    if (typeof parsed !== 'string') return parsed;
    // Of a key not even the path: what stands there may be the key itself.
    this.#report.add(path, { message: parsed, showsFound: !text.ok && path.at(-1) !== 'key' });
    return undefined;
  }

  #checkCertificate(certificate: X509Certificate, expiresMs: number, hosts: readonly string[], path: Path): void {
    const at = [...path, 'cert'];
    const day = certificate.validTo;
    if (expiresMs <= this.#nowMs) this.#report.add(at, { message: `the certificate expired on ${day}` });
    else if (expiresMs - this.#nowMs < EXPIRES_SOON_MS) {
      this.#report.add(at, { severity: 'warning', message: `the certificate expires on ${day}` });
    }
    if (Date.parse(certificate.validFrom) > this.#nowMs) {
      this.#report.add(at, { message: `the certificate is not valid before ${certificate.validFrom}` });
    }
    for (const [index, host] of hosts.entries()) {
      // A name in the place of the star, which a certificate for the same names must cover.
      if (certificate.checkHost(host.replace(/^\*/, 'any')) !== undefined) continue;
      const message = 'the certificate is not for this host: clients will refuse it';
      this.#report.add([...path, 'hosts', index], { severity: 'warning', message });
    }
  }

  #checkPair(cert: string, key: PrivateKey, path: Path): void {
    checkUse({ cert, key: key.text }, [...path, 'cert'], this.#report);
    if (this.#engine === 'uws' && !isKnownToUws(key.key)) {
      const message =
        'engine: uws takes keys of RSA, of ECDSA on P-256, P-384 or P-521 and of Ed25519; others need engine: node';
      this.#report.add([...path, 'key'], { message });
    }
  }
}

/** The text as it is, and what is in it. */
function readChain(text: string): { text: string; certificates: readonly X509Certificate[] } | string {
  const certificates = readCertificates(text);
  return typeof certificates === 'string' ? certificates : { text, certificates };
}

/** RFC 6797 §6.1 */
function printHsts(hsts: ListenTlsSection['hsts']): string {
  if (hsts === undefined) return '';
  const { maxAge, includeSubDomains, preload } = hsts;
  const directives = [`max-age=${Math.floor(maxAge / 1_000)}`];
  if (includeSubDomains) directives.push('includeSubDomains');
  if (preload) directives.push('preload');
  return directives.join('; ');
}
