// uWebSockets.js takes certificates and keys as names of files. What it reads must be what was checked, also when a file has been
// replaced, or is half written, since: a worker that is started in a failed one's place gets the certificates that its
// listener has.
//
// So the configured files are used while they hold the checked texts, before and after they were read. When they do not, the texts
// are written into memory (/dev/shm, mode 0600 in a folder 0700), read from there and removed at once: no key ever comes to a disk.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CertificatePlan } from '../../worker-messages.ts';

export interface PemFiles {
  readonly cert: string;
  readonly key: string;
}

const MEMORY_FOLDER = '/dev/shm';

/**
 * @param read  reads all files before it returns; called anew when they were replaced meanwhile
 * @param undo  takes back what the first call made
 * @throws what `read` throws; and when the texts are nowhere but in files that have changed
 */
export function withPemFiles<T>(
  certificates: readonly CertificatePlan[],
  read: (files: readonly PemFiles[]) => T,
  undo: (made: T) => void,
  memoryFolder: string = MEMORY_FOLDER,
): T {
  if (certificates.every(areUnchanged)) {
    const made = read(certificates.map(({ certFile, keyFile }) => ({ cert: certFile, key: keyFile })));
    if (certificates.every(areUnchanged)) return made;
    undo(made);
  }
  return readFromMemory(certificates, read, memoryFolder);
}

function readFromMemory<T>(
  certificates: readonly CertificatePlan[],
  read: (files: readonly PemFiles[]) => T,
  memoryFolder: string,
): T {
  const folder = mkdtempSync(join(memoryFolder, 'sluice-'));
  try {
    return read(
      certificates.map(({ cert, key }, index) => ({
        cert: written(join(folder, `${index}.crt`), cert),
        key: written(join(folder, `${index}.key`), key),
      })),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function written(file: string, text: string): string {
  writeFileSync(file, text, { mode: 0o600 });
  return file;
}

function areUnchanged({ certFile, keyFile, cert, key }: CertificatePlan): boolean {
  return holds(certFile, cert) && holds(keyFile, key);
}

function holds(file: string, text: string): boolean {
  try {
    return readFileSync(file, 'utf8') === text;
  } catch {
    return false;
  }
}
