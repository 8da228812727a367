// The files of `upstreams.NAME.tls` → their texts, checked as far as can be told without connecting.

import type { UpstreamTlsConfig } from './config.ts';
import type { ConfigFiles } from './config-files.ts';
import { checkUse, printAll, readCertificates, readKey } from './read-pem.ts';
import type { Path } from './read-value.ts';
import type { Report } from './report.ts';
import type { UpstreamTlsSection } from './upstream-schema.ts';

/** @returns the texts; '' for those that were reported */
export function readUpstreamTls(
  tls: UpstreamTlsSection,
  path: Path,
  files: ConfigFiles,
  report: Report,
): UpstreamTlsConfig {
  const read = <T>(name: 'ca' | 'cert' | 'key', parse: (text: string) => T | string): T | undefined => {
    const file = tls[name];
    if (file === undefined) return undefined;
    const text = files.read(file);
    const parsed = text.ok ? parse(text.value) : text.error;
    if (typeof parsed !== 'string') return parsed;
    // Of a key not even the path: what stands there may be the key itself.
    report.add([...path, name], { message: parsed, showsFound: !text.ok && name !== 'key' });
    return undefined;
  };
  const ca = read('ca', readCertificates);
  const cert = read('cert', readCertificates);
  const key = read('key', readKey);
  const texts = { ca: printAll(ca), cert: printAll(cert), key: key?.text ?? '' };
  if (ca !== undefined) checkUse({ ca: texts.ca }, [...path, 'ca'], report);
  if (cert?.[0] !== undefined && key !== undefined) {
    if (!cert[0].checkPrivateKey(key.key)) {
      report.add([...path, 'key'], { message: 'the private key does not fit the first certificate in cert' });
    } else checkUse({ cert: texts.cert, key: texts.key }, [...path, 'cert'], report);
  }
  return { ...texts, serverName: tls.serverName ?? '', verify: tls.verify };
}
