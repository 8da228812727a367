// The file behind a log: takes one buffer of lines at a time and writes it out, in the background. Whatever the system
// says, it ends with each line either written or lost, and the buffer back.
//
//   short write      the rest follows
//   EAGAIN, EINTR    the rest follows at the next tick: a pipe whose reader is slow
//   anything else    what is left of the buffer is lost; the next buffer is tried as if nothing had happened
//
// A line of which a part was written before an error is lost; the next write starts a new one, so that a torn line spoils
// no other. Several workers append to one file: a write to a regular file is not mixed with another's, and everything else
// gets pieces of whole lines that a pipe takes whole or not at all.

import { FIRST_LINE_AT, type LineBuffer } from './line-buffer.ts';
import type { LogIo } from './log-io.ts';

const NEWLINE = 0x0a;
// PIPE_BUF of Linux. No line is longer (LINE_BYTES_MAX).
const PIECE_BYTES_MAX = 4_096;
const OPEN_AGAIN_MS = 1_000;
const NO_FILE = -1;

/** @param written  lines of the buffer that are in the file; the others are lost */
type Written = (buffer: LineBuffer, written: number) => void;

export class LogFile {
  /** The last thing that went wrong, or ''; whoever tells it clears it. */
  trouble = '';
  readonly #io: LogIo;
  readonly #onDone: Written;
  readonly #onWritten = (error: NodeJS.ErrnoException | null, count: number): void => this.#wrote(error, count);
  #path = '';
  #fd = NO_FILE;
  #isRegular = false;
  /** Opened, and used from the next buffer on. */
  #nextFd = NO_FILE;
  #nextIsRegular = false;
  #isOpening = false;
  #opensAtMs = Number.POSITIVE_INFINITY;
  #nowMs = 0;
  #buffer: LineBuffer | undefined;
  /** What is written of #buffer. */
  #from = 0;
  #waitsForTick = false;
  #isTorn = false;
  #isAbandoned = false;

  /** @param onDone  the buffer is no longer used, and may be given again at once */
  constructor(io: LogIo, onDone: Written) {
    this.#io = io;
    this.#onDone = onDone;
  }

  /** A buffer would be written now. */
  get isReady(): boolean {
    return this.#fd !== NO_FILE && this.#buffer === undefined;
  }

  /** Write to this file from now on; the same path is opened anew. Without success, the old one goes on meanwhile. */
  open(path: string): void {
    this.#path = path;
    this.#opensAtMs = Number.NEGATIVE_INFINITY;
    this.#openIfDue();
  }

  /** Write no more. While a buffer is being written, afterwards. */
  close(): void {
    this.#path = '';
    this.#opensAtMs = Number.POSITIVE_INFINITY;
    if (this.#buffer === undefined) this.#closeAll();
  }

  /** @param buffer  this file's until onDone; the file must be ready */
  write(buffer: LineBuffer): void {
    this.#buffer = buffer;
    this.#from = this.#isTorn ? 0 : FIRST_LINE_AT;
    this.#writePiece();
  }

  tick(nowMs: number): void {
    this.#nowMs = nowMs;
    this.#openIfDue();
    if (!this.#waitsForTick) return;
    this.#waitsForTick = false;
    this.#writePiece();
  }

  /**
   * For an end that waits no longer: nothing more is told of a buffer that is being written.
   * @returns its lines that are not written, as far as is known
   */
  abandon(): number {
    const buffer = this.#buffer;
    const lost = buffer === undefined ? 0 : buffer.lineCount - this.#linesUntil(this.#from);
    this.#isAbandoned = true;
    // A write that is under way holds the file open until it returns.
    if (this.#waitsForTick) this.#buffer = undefined;
    this.close();
    return lost;
  }

  #openIfDue(): void {
    if (this.#isOpening || this.#nowMs < this.#opensAtMs) return;
    this.#isOpening = true;
    this.#opensAtMs = Number.POSITIVE_INFINITY;
    const path = this.#path;
    this.#io.open(path, (error, fd, isRegular) => {
      this.#isOpening = false;
      if (error === null) this.#opened(path, fd, isRegular);
      else this.#notOpened(path, error);
    });
  }

  #opened(path: string, fd: number, isRegular: boolean): void {
    if (path !== this.#path) {
      // Another file is wanted by now, or none.
      this.#io.close(fd);
      return this.#openIfDue();
    }
    if (this.#nextFd !== NO_FILE) this.#io.close(this.#nextFd);
    this.#nextFd = fd;
    this.#nextIsRegular = isRegular;
    if (this.#buffer === undefined) this.#change();
    this.#openIfDue();
  }

  #notOpened(path: string, error: NodeJS.ErrnoException): void {
    if (path === this.#path) {
      this.trouble = error.message;
      if (this.#opensAtMs === Number.POSITIVE_INFINITY) this.#opensAtMs = this.#nowMs + OPEN_AGAIN_MS;
    }
    this.#openIfDue();
  }

  #change(): void {
    if (this.#nextFd === NO_FILE) return;
    if (this.#fd !== NO_FILE) this.#io.close(this.#fd);
    this.#fd = this.#nextFd;
    this.#isRegular = this.#nextIsRegular;
    this.#nextFd = NO_FILE;
    this.#isTorn = false;
  }

  #closeAll(): void {
    if (this.#nextFd !== NO_FILE) this.#io.close(this.#nextFd);
    if (this.#fd !== NO_FILE) this.#io.close(this.#fd);
    this.#nextFd = NO_FILE;
    this.#fd = NO_FILE;
  }

  #writePiece(): void {
    const { bytes, end } = this.#buffer as LineBuffer;
    const from = this.#from;
    let to = end;
    if (!this.#isRegular && end - from > PIECE_BYTES_MAX)
      to = bytes.lastIndexOf(NEWLINE, from + PIECE_BYTES_MAX - 1) + 1;
    this.#io.write(this.#fd, bytes, from, to - from, this.#onWritten);
  }

  #wrote(error: NodeJS.ErrnoException | null, count: number): void {
    const buffer = this.#buffer as LineBuffer;
    const isPassing = error === null ? count === 0 : error.code === 'EAGAIN' || error.code === 'EINTR';
    if (error === null) this.#from += count;
    // At 0, not even the end of the line that was torn before is written.
    if (this.#from > 0) this.#isTorn = buffer.bytes[this.#from - 1] !== NEWLINE;
    if (this.#isAbandoned || (error !== null && !isPassing)) {
      if (error !== null) this.trouble = error.message;
      return this.#done(buffer);
    }
    if (this.#from >= buffer.end) return this.#done(buffer);
    if (isPassing) this.#waitsForTick = true;
    else this.#writePiece();
  }

  #done(buffer: LineBuffer): void {
    const written = this.#linesUntil(this.#from);
    this.#buffer = undefined;
    if (this.#path === '') this.#closeAll();
    else this.#change();
    if (!this.#isAbandoned) this.#onDone(buffer, written);
  }

  /** Lines of the buffer that are written when its bytes up to a place are: one that lacks but its end gets that next. */
  #linesUntil(end: number): number {
    const { bytes, lineCount, end: all } = this.#buffer as LineBuffer;
    if (end >= all) return lineCount;
    let lines = 0;
    for (let at = bytes.indexOf(NEWLINE, FIRST_LINE_AT); at >= 0 && at <= end; at = bytes.indexOf(NEWLINE, at + 1)) {
      lines++;
    }
    return lines;
  }
}
