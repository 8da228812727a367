// The data folder (gateway.data): what a gateway keeps on disk, and the socket over which it is taken over from.

import { chmodSync, lstatSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

const SOCKET_NAME = 'sluice.sock';
// sun_path has 108 bytes with its final zero; a name beyond it would be cut without a word.
const SOCKET_PATH_BYTES_MAX = 107;

/** The path where the running gateway of a data folder answers. */
export function socketPath(folder: string): string {
  return join(folder, SOCKET_NAME);
}

/** Where a process listens before the socket gets its name. */
export function ownSocketPath(folder: string): string {
  return join(folder, `${process.pid}.sock`);
}

/**
 * Make the folder if need be, for its owner only.
 * @returns why no gateway can be taken over from through it; undefined when one can
 */
export function prepareDataFolder(folder: string): string | undefined {
  const longest = Math.max(Buffer.byteLength(socketPath(folder)), Buffer.byteLength(ownSocketPath(folder)));
  if (longest > SOCKET_PATH_BYTES_MAX) {
    return `the path of its socket would have ${longest} bytes, and may have ${SOCKET_PATH_BYTES_MAX}: choose a shorter one`;
  }
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return statSync(folder).isDirectory() ? undefined : 'it is not a folder';
  } catch (error) {
    return (error as Error).message;
  }
}

/** Give a listening socket the name that others look for, in the place of whatever had it: in one step. */
export function publishSocket(folder: string): void {
  const own = ownSocketPath(folder);
  chmodSync(own, 0o600);
  renameSync(own, socketPath(folder));
}

/** The number by which a process knows its own socket again. */
export function socketInode(folder: string): number | undefined {
  try {
    return lstatSync(socketPath(folder)).ino;
  } catch {
    return undefined;
  }
}

/** At the end, unless another process has the name by now. */
export function removeSocket(folder: string, inode: number | undefined): void {
  if (inode !== undefined && socketInode(folder) === inode) rmSync(socketPath(folder), { force: true });
}
