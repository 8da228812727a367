// What a log asks of the system. A parameter, so that tests can have a disk that is slow, full or broken.

import { close, fstat, open, write } from 'node:fs';
import { LOG_FILE_FLAGS, LOG_FILE_MODE } from '../../base/log-file-flags.ts';

type SystemError = NodeJS.ErrnoException | null;

/** Nothing blocks and nothing throws: each call answers through its callback, later. */
export interface LogIo {
  /**
   * Open for appending.
   * @param file  an absolute path, or '-' for standard output
   * @param callback  isRegular: a file on a disk, and no pipe, terminal or device
   */
  open(file: string, callback: (error: SystemError, fd: number, isRegular: boolean) => void): void;
  /** @param callback  how many of the bytes were taken, maybe less than asked */
  write(
    fd: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
    callback: (error: SystemError, written: number) => void,
  ): void;
  close(fd: number): void;
}

const STDOUT_FD = 1;

export const nodeLogIo: LogIo = {
  open(file, callback) {
    if (file === '-') return look(STDOUT_FD, callback);
    open(file, LOG_FILE_FLAGS, LOG_FILE_MODE, (error, fd) => {
      if (error === null) look(fd, callback);
      else callback(error, -1, false);
    });
  },
  write(fd, bytes, offset, length, callback) {
    write(fd, bytes, offset, length, null, callback);
  },
  close(fd) {
    // Standard output is the process's own. What close() could still say is of no use to anyone.
    if (fd !== STDOUT_FD) close(fd, () => {});
  },
};

function look(fd: number, callback: Parameters<LogIo['open']>[1]): void {
  fstat(fd, (error, stats) => {
    if (error === null) return callback(null, fd, stats.isFile());
    nodeLogIo.close(fd);
    callback(error, -1, false);
  });
}
