// The main thread's part of the usage ledger: takes what the workers have counted, names it, and has it written in the task
// pool, one delta after the other. Only what is in that one delta leaves shared memory: while the store cannot be written, workers
// go on adding up in the memory that they have.

import { setTimeout as wait } from 'node:timers/promises';
import type { WorkerIndex } from '../../../base/ids.ts';
import {
  ANONYMOUS_CALLER,
  USAGE_ROW_WORDS,
  type UsageBank,
  type UsageTable,
  usageRow,
} from '../../../shm/usage-table.ts';
import type { UsageRetention } from '../../config/config.ts';
import type { Log } from '../../log.ts';
import type { DeltaBank, UsageDelta } from './usage-delta.ts';
import type { StoreReport } from './usage-store.ts';
import type { Maintained } from './usage-tasks.ts';

export interface UsageLedgerOptions {
  readonly table: UsageTable;
  /** Of this start of the process. */
  readonly instance: string;
  readonly log: Log;
  /** Milliseconds since 1970. */
  wallMs(): number;
  /** undefined: nothing is kept. */
  retention(): UsageRetention | undefined;
  /** 'consumer\nkey\nplan' */
  callerName(index: number): string | undefined;
  /** 'service\nroute' */
  routeName(index: number): string | undefined;
  /** Between two looks at what there is to maintain. */
  readonly maintainMs: number;
  /** Rejects when it cannot be written; it may have been, all the same. */
  write(delta: UsageDelta): Promise<StoreReport | undefined>;
  /** Roll up, and delete what is old. */
  maintain(retention: UsageRetention): Promise<Maintained>;
}

export interface LedgerCounts {
  /** The last write succeeded. */
  readonly isUp: boolean;
  readonly deltas: number;
  /** Calls that found no row of their own. */
  readonly overflow: number;
  /** undefined: the store is this instance's own, or nothing is known of it yet. */
  readonly store: StoreReport | undefined;
}

const FLUSH_MS = 300;
// Workers hand over ten times a second.
const SETTLE_MS = 250;
const RETRY_MS = 2_000;
const MINUTE_MS = 60_000;
// A worker's two banks have twice as many: some 5 ms of this thread.
const ROWS_AT_ONCE = 4_096;
const NOBODY = '\n';
const OTHER = '*\n*';

export class UsageLedger {
  readonly #options: UsageLedgerOptions;
  #flushTimer: NodeJS.Timeout | undefined;
  #maintainTimer: NodeJS.Timeout | undefined;
  #writing: Promise<void> | undefined;
  #isMaintaining = false;
  #isClosed = false;
  /** Since something was kept, there may be something to write. */
  #hasKept = false;
  /** Taken, and not known to be written. */
  #delta: UsageDelta | undefined;
  #sequence = 0;
  #nextWorker = 0;
  /** There was more to take. */
  #isPartial = false;
  #isUp = true;
  #triedMs = 0;
  #deltas = 0;
  #overflow = 0;
  #report: StoreReport | undefined;
  #hasSaidStuck = false;

  constructor(options: UsageLedgerOptions) {
    this.#options = options;
  }

  /** undefined: nothing is kept. */
  get counts(): LedgerCounts | undefined {
    if (this.#options.retention() === undefined) return undefined;
    return { isUp: this.#isUp, deltas: this.#deltas, overflow: this.#overflow, store: this.#report };
  }

  start(): void {
    this.#flushTimer = setInterval(() => {
      if (this.#isUp || this.#options.wallMs() - this.#triedMs >= RETRY_MS) void this.flush();
    }, FLUSH_MS);
    this.#maintainTimer = setInterval(() => void this.#maintain(), this.#options.maintainMs);
  }

  /** Have what the workers handed over written. One at a time. */
  flush(): Promise<void> {
    this.#writing ??= this.#writeAll(false).finally(() => {
      this.#writing = undefined;
    });
    return this.#writing;
  }

  /** Resolves when what was counted before is named, or cannot be: the store is away. */
  async settle(): Promise<void> {
    if (!this.#keeps()) return;
    await wait(SETTLE_MS);
    await this.#writing;
    await this.flush();
  }

  /**
   * The end, when every worker's thread has ended: nothing that was counted is left behind.
   * @returns whether all of it was written in time
   */
  async close(timeoutMs: number): Promise<boolean> {
    clearInterval(this.#flushTimer);
    clearInterval(this.#maintainTimer);
    this.#isClosed = true;
    if (!this.#keeps()) return true;
    const abort = new AbortController();
    const late = wait(timeoutMs, 'late', { signal: abort.signal }).catch(() => 'done');
    const isWritten = (await Promise.race([late, this.#writeRest()])) === true;
    abort.abort();
    if (!isWritten) this.#options.log('error', 'usage of the last moments is lost: it could not be written in time');
    return isWritten;
  }

  async #writeRest(): Promise<boolean> {
    await this.#writing;
    // What could not be written before, then what was handed over or not.
    if (this.#delta !== undefined) await this.#write(true);
    await this.#writeAll(true);
    return this.#delta === undefined;
  }

  async #writeAll(isEnded: boolean): Promise<void> {
    do await this.#write(isEnded);
    while (this.#isPartial && this.#delta === undefined);
  }

  async #write(isEnded: boolean): Promise<void> {
    this.#delta ??= this.#take(isEnded);
    const delta = this.#delta;
    if (delta === undefined) return;
    this.#triedMs = this.#options.wallMs();
    try {
      this.#note(await this.#options.write(delta));
      this.#delta = undefined;
      this.#deltas++;
      if (!this.#isUp) this.#options.log('info', 'usage is written again; none was lost');
      this.#isUp = true;
    } catch (error) {
      if (this.#isUp) {
        this.#options.log('error', `usage cannot be written, and is kept in memory: ${(error as Error).message}`);
      }
      this.#isUp = false;
    }
  }

  async #maintain(): Promise<void> {
    const retention = this.#options.retention();
    // Also while nothing can be written: rolling up may be what makes room.
    if (retention === undefined || this.#isMaintaining) return;
    this.#isMaintaining = true;
    try {
      // A minute at a time: deltas get their turn in between.
      for (let isMore = true; isMore && !this.#isClosed; ) {
        const maintained = await this.#options.maintain(retention);
        this.#note(maintained.report);
        isMore = maintained.isMore;
      }
      this.#hasSaidStuck = false;
    } catch (error) {
      if (!this.#isClosed && !this.#hasSaidStuck) {
        this.#options.log('error', `usage cannot be rolled up: ${(error as Error).message}`);
      }
      this.#hasSaidStuck = true;
    } finally {
      this.#isMaintaining = false;
    }
  }

  /** What goes elsewhere than to its store is said once, and once when it is there again. */
  #note(report: StoreReport | undefined): void {
    const { log } = this.#options;
    const before = this.#report;
    this.#report = report;
    if (report === undefined) return;
    const [was, is] = [before, report].map((each) => each && (each.outboxPackets > 0 || each.trouble !== undefined));
    if (is && !was) {
      log(
        'warn',
        `usage waits on this disk: Redis does not take it (${report.trouble ?? 'its stream is full, or no stream'})`,
      );
    }
    if (was && !is) log('info', 'usage that waited on this disk is in Redis; none was lost');
    const lost = report.missingDeltas - (before?.missingDeltas ?? 0);
    if (lost > 0) log('error', `Redis came back without ${lost} writes of usage that it had taken: they are lost`);
  }

  #keeps(): boolean {
    this.#hasKept ||= this.#options.retention() !== undefined;
    return this.#hasKept;
  }

  #take(isEnded: boolean): UsageDelta | undefined {
    const { table, instance } = this.#options;
    if (!this.#keeps()) return undefined;
    const banks: DeltaBank[] = [];
    let rowCount = 0;
    let workers = 0;
    for (; workers < table.workerCount && rowCount < ROWS_AT_ONCE; workers++) {
      for (const bank of table.take(this.#nextWorker as WorkerIndex, isEnded)) {
        banks.push(this.#named(bank));
        rowCount += bank.rows.length / USAGE_ROW_WORDS;
      }
      this.#nextWorker = (this.#nextWorker + 1) % table.workerCount;
    }
    this.#isPartial = workers < table.workerCount;
    return banks.length === 0 ? undefined : { instance, sequence: ++this.#sequence, banks };
  }

  #named({ minute, rows, overflow }: UsageBank): DeltaBank {
    let names = '';
    for (let at = 0; at < rows.length; at += USAGE_ROW_WORDS) {
      names += overflow > 0 && at === 0 ? `${OTHER}\n\n${OTHER}\n\n` : this.#namesOf(rows, at);
    }
    this.#overflow += overflow;
    return { minute: minute === 0 ? Math.floor(this.#options.wallMs() / MINUTE_MS) : minute, rows, names };
  }

  /** Six lines: without an environment, until there are any. */
  #namesOf(rows: Uint32Array, at: number): string {
    const caller = rows[at + usageRow.caller] as number;
    const callerName = this.#options.callerName(caller) ?? `${caller === ANONYMOUS_CALLER ? NOBODY : OTHER}\n`;
    return `${callerName}\n${this.#options.routeName(rows[at + usageRow.series] as number) ?? NOBODY}\n\n`;
  }
}
