// A log that cannot be written is a problem of the configuration, to be told before anything is published, and not one of
// the workers' later on.

import { constants } from 'node:fs';
import { access, mkdir, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { LOG_FILE_FLAGS, LOG_FILE_MODE } from '../../base/log-file-flags.ts';

/**
 * Make the file and the folders above it where they are missing.
 * @param file  an absolute path
 * @returns why it cannot be written, or undefined when it can
 */
export async function prepareLogFile(file: string): Promise<string | undefined> {
  try {
    await mkdir(dirname(file), { recursive: true });
    // The reader of a pipe would take our closing it for the end.
    if ((await stat(file).catch(() => undefined))?.isFIFO() === true) {
      await access(file, constants.W_OK);
      return undefined;
    }
    const handle = await open(file, LOG_FILE_FLAGS, LOG_FILE_MODE);
    await handle.close();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
