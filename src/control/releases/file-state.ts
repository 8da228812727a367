import { stat } from 'node:fs/promises';

/** Of a file that is not there. */
export const NO_FILE = '';

/** Another text when it is another file, or was written to; through links. */
export async function fileState(file: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(file, { bigint: true });
    return `${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`;
  } catch {
    return NO_FILE;
  }
}
