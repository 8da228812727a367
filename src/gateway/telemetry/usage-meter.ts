// Counts who called what, on one worker, and hands the counts over to the main thread ten times a second.

import type { WorkerIndex } from '../../base/ids.ts';
import { OTHER_SERIES } from '../../shm/series-table.ts';
import { ANONYMOUS_CALLER, type UsageTable } from '../../shm/usage-table.ts';
import type { Exchange } from '../pipeline/exchange.ts';
import { causeOfError } from './usage-cause.ts';

// With the main thread's flush every 300 ms, and 50 ms or so to write: what kill -9 loses is some half second old, and younger than
// a whole one where cores are scarce.
const TURN_MS = 100;
const MINUTE_MS = 60_000;

export class UsageMeter {
  readonly #table: UsageTable;
  readonly #worker: WorkerIndex;
  readonly #wallMs: () => number;
  #turnedMs = Number.NEGATIVE_INFINITY;

  /** @param wallMs  milliseconds since 1970 */
  constructor(table: UsageTable, worker: WorkerIndex, wallMs: () => number) {
    this.#table = table;
    this.#worker = worker;
    this.#wallMs = wallMs;
  }

  /** @param us  its latency @hot this worker's own words: plain stores */
  record(x: Exchange, us: number): void {
    const table = this.#table;
    const caller = x.consumer === undefined ? ANONYMOUS_CALLER : x.consumer.caller;
    const series = x.route === undefined ? OTHER_SERIES : x.route.series;
    const row = table.rowOf(this.#worker, caller, series, 0, 0);
    table.count(row, Math.trunc(x.status / 100), causeOfError[x.errorId] as number, us);
    table.addBytes(row, x.bodyBytes, x.answerBytes);
  }

  /** @param nowMs  of the worker's clock */
  tick(nowMs: number): void {
    if (nowMs - this.#turnedMs < TURN_MS) return;
    this.#turnedMs = nowMs;
    this.#table.turn(this.#worker, Math.floor(this.#wallMs() / MINUTE_MS));
  }
}
