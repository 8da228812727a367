// The files that a configuration names and is read with: certificates, keys, lists of addresses. They are read while it is checked, so that
// a problem with one of them is told with its place in sluice.yaml, along with all others; what is checked later (routes
// that cannot be compiled, a log that cannot be written) has no place to tell any more. Only the task pool and `sluice
// check` come here: reading may take its time.

import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { err, ok, type Result } from '../../base/result.ts';
import { printSize } from '../../base/units.ts';
import { fileProblem } from './file-problem.ts';

// The certificate authorities of a whole system take a quarter of that.
const FILE_BYTES_MAX = 1024 * 1024;

export interface ConfigFiles {
  /**
   * @param path  as it is configured
   * @param bytesMax  1 MiB unless it is said
   * @returns the text, or a sentence without the path
   */
  read(path: string, bytesMax?: number): Result<string, string>;
}

/** @param folder  of the configuration file, to which paths are relative */
export function filesBeside(folder: string): ConfigFiles {
  return {
    read(path, bytesMax = FILE_BYTES_MAX) {
      try {
        return readBounded(resolve(folder, path), bytesMax);
      } catch (error) {
        return err(fileProblem(error));
      }
    },
  };
}

function readBounded(file: string, bytesMax: number): Result<string, string> {
  // Without O_NONBLOCK, opening a pipe waits for whoever writes into it.
  const descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stat = fstatSync(descriptor);
    if (stat.isDirectory()) return err('this is a folder, not a file');
    if (!stat.isFile()) return err('this is no regular file');
    if (stat.size > bytesMax) return err(`the file is larger than ${printSize(bytesMax)}`);
    return ok(readFileSync(descriptor, 'utf8'));
  } finally {
    closeSync(descriptor);
  }
}
