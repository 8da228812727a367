// Lets so many lines of one kind through within a while, and says how many were left out: when a network falls apart, the
// log is not what buries the process.

import type { Clock } from '../base/clock.ts';
import type { Log, LogLevel } from './log.ts';

const LINES_MAX = 50;
const WINDOW_MS = 10_000;

export class LogValve {
  readonly #log: Log;
  readonly #clock: Clock;
  #windowStartMs = Number.NEGATIVE_INFINITY;
  #lines = 0;
  #leftOut = 0;

  constructor(log: Log, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  readonly write: Log = (level: LogLevel, message: string): void => {
    const nowMs = this.#clock.nowUs() / 1_000;
    if (nowMs - this.#windowStartMs >= WINDOW_MS) {
      if (this.#leftOut > 0) this.#log('warn', `${this.#leftOut} more lines like these were left out`);
      this.#windowStartMs = nowMs;
      this.#lines = 0;
      this.#leftOut = 0;
    }
    if (this.#lines++ < LINES_MAX) this.#log(level, message);
    else this.#leftOut++;
  };
}
