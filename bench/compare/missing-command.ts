import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

// Debian puts nginx and haproxy where a user's PATH does not lead.
const SYSTEM_FOLDERS = ['/usr/sbin', '/usr/local/sbin'];

/** @returns undefined when the command is here, else the remedy */
export function missingCommand(command: string, remedy: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...SYSTEM_FOLDERS];
  return folders.some((folder) => isExecutable(join(folder, command))) ? undefined : remedy;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
