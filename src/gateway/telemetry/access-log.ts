// The access log of one worker. A request's line is put straight into a buffer; there are two, one being filled while the
// other is being written. When neither has room, lines are dropped and counted: a request never waits for a disk, and the
// log never takes more memory than the two.

import type { Clock } from '../../base/clock.ts';
import type { WorkerIndex } from '../../base/ids.ts';
import type { ControlBlock } from '../../shm/control-block.ts';
import type { Exchange } from '../pipeline/exchange.ts';
import type { AccessLogPlan } from '../snapshot.ts';
import { AccessLine, LINE_BYTES_MAX } from './access-line.ts';
import { LineBuffer } from './line-buffer.ts';
import { LogFile } from './log-file.ts';
import type { LogIo } from './log-io.ts';

// Some 600 lines of an ordinary API.
const BUFFER_BYTES = 256 * 1024;
const FULL_BYTES = BUFFER_BYTES - LINE_BYTES_MAX;
// Between ticks, a buffer that is half full is written out; the other half is for the time that takes.
const FLUSH_BYTES = BUFFER_BYTES / 2;
const REPORT_INTERVAL_MS = 60_000;
const CLOSE_ROUND_MS = 5;

export interface AccessLogOptions {
  /** Has the counters of lines written and dropped. */
  readonly control: ControlBlock;
  readonly worker: WorkerIndex;
  readonly clock: Clock;
  readonly io: LogIo;
  /** Milliseconds since 1970. */
  wallMs(): number;
  /** Lines are lost, or the file cannot be opened; at most once a minute. */
  onTrouble(message: string): void;
}

export class AccessLog {
  readonly #options: AccessLogOptions;
  readonly #file: LogFile;
  readonly #line = new AccessLine();
  /** '' while there is no log. */
  #path = '';
  #filling: LineBuffer | undefined;
  /** Undefined while it is being written. */
  #spare: LineBuffer | undefined;
  /** From the monotonic clock to the time of day, which may be set at any moment. */
  #wallOffsetMs = 0;
  #droppedSinceReport = 0;
  #reportsAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: AccessLogOptions) {
    this.#options = options;
    this.#file = new LogFile(options.io, (buffer, written) => this.#onWritten(buffer, written));
    this.#readClocks();
  }

  /** @param path  where to, from now on; undefined: no log. Buffers are made with the first one. */
  use(path: string | undefined): void {
    if ((path ?? '') === this.#path) return;
    this.#path = path ?? '';
    if (path === undefined) return;
    if (this.#filling === undefined) {
      this.#filling = new LineBuffer(BUFFER_BYTES);
      this.#spare = new LineBuffer(BUFFER_BYTES);
    }
    this.#file.open(path);
  }

  /** The file may have been moved away: open it anew. */
  reopen(): void {
    if (this.#path !== '') this.#file.open(this.#path);
  }

  /** An exchange has ended. Which log, if any, its own snapshot says. @hot npm run bench:hot: access log */
  record(x: Exchange): void {
    const plan = x.snapshot.plan.accessLog;
    if (plan === undefined || !isWanted(x, plan)) return;
    if (this.#filling !== undefined && this.#filling.end > FULL_BYTES) this.#flush();
    const buffer = this.#filling;
    // Without a path, the exchange began while there still was a log.
    if (buffer === undefined || buffer.end > FULL_BYTES || this.#path === '') return this.#countDropped(1);
    this.#line.put(buffer, x, x.endUs / 1_000 + this.#wallOffsetMs, x.snapshot.masker, plan.hasQueries === true);
    if (buffer.end >= FLUSH_BYTES) this.#flush();
  }

  /** The worker's tick: lines wait no longer than from one to the next. */
  tick(): void {
    if (this.#filling === undefined) return;
    const nowMs = this.#readClocks();
    this.#file.tick(nowMs);
    this.#flush();
    if (this.#path === '' && !this.#hasLines()) this.#file.close();
    this.#report(nowMs);
  }

  /**
   * Write out what there is, and let go of the file. What is not written within the time is dropped.
   * @param timeoutMs  at the most; with nothing to write, none of it passes
   */
  async close(timeoutMs: number): Promise<void> {
    for (let waitedMs = 0; this.#hasLines() && waitedMs < timeoutMs; waitedMs += CLOSE_ROUND_MS) {
      this.tick();
      await new Promise((resolve) => setTimeout(resolve, CLOSE_ROUND_MS));
    }
    this.#countDropped(this.#file.abandon() + (this.#filling?.lineCount ?? 0));
    this.#filling = undefined;
    this.#report(this.#readClocks());
  }

  #flush(): void {
    const full = this.#filling;
    if (full === undefined || full.lineCount === 0 || this.#spare === undefined || !this.#file.isReady) return;
    this.#filling = this.#spare;
    this.#spare = undefined;
    this.#file.write(full);
  }

  #onWritten(buffer: LineBuffer, written: number): void {
    const { control, worker } = this.#options;
    control.add(worker, 'logLines', written);
    if (written < buffer.lineCount) this.#countDropped(buffer.lineCount - written);
    buffer.clear();
    this.#spare = buffer;
    if (this.#filling !== undefined && this.#filling.end >= FLUSH_BYTES) this.#flush();
  }

  #countDropped(count: number): void {
    const { control, worker } = this.#options;
    control.add(worker, 'logLinesDropped', count);
    this.#droppedSinceReport += count;
  }

  #hasLines(): boolean {
    return this.#filling !== undefined && (this.#filling.lineCount > 0 || this.#spare === undefined);
  }

  #report(nowMs: number): void {
    const { trouble } = this.#file;
    if ((this.#droppedSinceReport === 0 && trouble === '') || nowMs < this.#reportsAtMs) return;
    const why = trouble === '' ? 'it is not written fast enough' : trouble;
    this.#options.onTrouble(`access log ${this.#path}: ${why}; ${this.#droppedSinceReport} lines dropped`);
    this.#reportsAtMs = nowMs + REPORT_INTERVAL_MS;
    this.#droppedSinceReport = 0;
    this.#file.trouble = '';
  }

  /** @returns monotonic milliseconds */
  #readClocks(): number {
    const nowMs = this.#options.clock.nowUs() / 1_000;
    this.#wallOffsetMs = this.#options.wallMs() - nowMs;
    return nowMs;
  }
}

/** @hot */
function isWanted(x: Exchange, plan: AccessLogPlan): boolean {
  if (plan.errors !== 'sampled' && isError(x)) return plan.errors === 'all';
  return plan.sampleShare >= 1 || Math.random() < plan.sampleShare;
}

/** @hot */
function isError(x: Exchange): boolean {
  return x.errorId !== 0 || x.shadowRejections !== undefined || x.status >= 500 || x.wasCut;
}
