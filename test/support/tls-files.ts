// The certificates and keys of test/support/tls, which the compiler leaves where they are.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export type TlsFile = 'ca.crt' | 'other-ca.crt' | 'client-encrypted.key' | `${TlsPair}.crt` | `${TlsPair}.key`;
type TlsPair = 'server' | 'orders' | 'client' | 'stranger' | 'short';

export const tlsFolder: string = fileURLToPath(new URL('../../../test/support/tls/', import.meta.url));

export function tlsText(file: TlsFile): string {
  return readFileSync(tlsFolder + file, 'utf8');
}
