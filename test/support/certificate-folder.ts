// A folder with copies of the certificates of test/support/tls, which a test may replace as their owner would.

import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tlsFolder } from './tls-files.ts';

type Name = 'server' | 'orders' | 'client' | 'stranger';

export interface CertificateFolder {
  /** { cert: …, key: … } without its braces, for sluice.yaml. */
  pair(name: string): string;
  path(file: string): string;
  /** Make NAME.crt and NAME.key those of another one. */
  put(name: string, from: Name): void;
  write(file: string, text: string): void;
}

export function certificateFolder(t: { teardown(end: () => unknown): unknown }): CertificateFolder {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-tls-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const path = (file: string): string => join(folder, file);
  return {
    path,
    pair: (name) => `cert: ${path(name)}.crt, key: ${path(name)}.key`,
    put(name, from) {
      for (const kind of ['crt', 'key']) copyFileSync(`${tlsFolder}${from}.${kind}`, path(`${name}.${kind}`));
    },
    write: (file, text) => writeFileSync(path(file), text),
  };
}
