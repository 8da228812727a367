// Whether the time of day was set while a load test ran: Redis counts limits by it, and where it is put forward by a second, a second's
// worth more is admitted. Clocks that are kept in step are slewed instead, by less than a thousandth.

const LOOK_MS = 50;
// Date.now() is in whole milliseconds, and a busy thread may be late between its two readings.
const STEP_MS_MIN = 30;

export class ClockWatch {
  readonly #timer: NodeJS.Timeout;
  #offsetMs = offset();
  /** Of all steps, forward. */
  forwardMs = 0;

  constructor() {
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const now = offset();
    const step = now - this.#offsetMs;
    if (Math.abs(step) < STEP_MS_MIN) return;
    // A reading that was late is not so twice.
    if (Math.abs(offset() - this.#offsetMs) < STEP_MS_MIN) return;
    this.forwardMs += Math.max(0, step);
    this.#offsetMs = now;
  }
}

function offset(): number {
  return Date.now() - performance.now();
}
