// A disk that does what the test says: answers when it is told to, with what it is told.

import type { LogIo } from '../../src/gateway/telemetry/log-io.ts';

export function systemError(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: as the test wants it`), { code });
}

export class ToldDisk implements LogIo {
  /** What each file has, by path. */
  readonly files = new Map<string, string>();
  /** Pieces that were written, in order. */
  readonly pieces: string[] = [];
  readonly openFds = new Set<number>();
  isRegular = true;
  /** Opening fails with it. */
  openError: string | undefined;
  /** What becomes of a write: all of it is taken, or so many bytes, or an error's code; undefined: it hangs. */
  onWrite: (length: number) => number | string | undefined = (length) => length;
  #nextFd = 10;
  readonly #paths = new Map<number, string>();
  readonly #hanging: (() => void)[] = [];

  get hangingCount(): number {
    return this.#hanging.length;
  }

  open(file: string, callback: Parameters<LogIo['open']>[1]): void {
    if (this.openError !== undefined) return callback(systemError(this.openError), -1, false);
    const fd = this.#nextFd++;
    this.openFds.add(fd);
    this.#paths.set(fd, file);
    if (!this.files.has(file)) this.files.set(file, '');
    callback(null, fd, this.isRegular);
  }

  write(...call: Parameters<LogIo['write']>): void {
    const [fd, bytes, offset, length, callback] = call;
    if (!this.openFds.has(fd)) throw new Error('written after it was closed');
    const outcome = this.onWrite(length);
    if (outcome === undefined) {
      this.#hanging.push(() => this.write(...call));
    } else if (typeof outcome === 'string') {
      callback(systemError(outcome), 0);
    } else {
      const piece = Buffer.from(bytes.subarray(offset, offset + outcome)).toString('latin1');
      const path = this.#paths.get(fd) as string;
      this.pieces.push(piece);
      this.files.set(path, this.files.get(path) + piece);
      callback(null, outcome);
    }
  }

  close(fd: number): void {
    if (!this.openFds.delete(fd)) throw new Error('closed twice');
  }

  /** Writes that hang are done as onWrite says now. */
  release(): void {
    for (const write of this.#hanging.splice(0)) write();
  }

  /** The lines of a file, without the empty one behind the last newline. */
  lines(file: string): readonly string[] {
    return (this.files.get(file) ?? '').split('\n').filter((line) => line !== '');
  }
}
