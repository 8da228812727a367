// The distance from the monotonic clock to the time of day.
//
// Date.now() gives whole milliseconds, rounded down, so that a single reading is up to 1 ms short; of many readings the
// largest distance is the truest. It is taken over a minute, and then anew: the time of day is corrected now and then.

const WINDOW_US = 60_000_000;

export class EpochOffset {
  #offsetUs = Number.NEGATIVE_INFINITY;
  #windowMaxUs = Number.NEGATIVE_INFINITY;
  #windowEndUs = 0;

  /**
   * What to add to a monotonic moment to get microseconds since 1970. Never too large; short by less than 1 ms after one
   * reading, by some 10 µs after a hundred.
   */
  get us(): number {
    return this.#offsetUs;
  }

  /**
   * Two readings of one moment.
   * @param nowUs  the monotonic clock's
   * @param epochMs  Date.now()'s
   */
  read(nowUs: number, epochMs: number): void {
    const distanceUs = epochMs * 1_000 - nowUs;
    if (nowUs >= this.#windowEndUs) {
      // The time of day was put back: what was measured before holds no longer.
      if (this.#windowMaxUs > Number.NEGATIVE_INFINITY) this.#offsetUs = this.#windowMaxUs;
      this.#windowMaxUs = distanceUs;
      this.#windowEndUs = nowUs + WINDOW_US;
    }
    this.#windowMaxUs = Math.max(this.#windowMaxUs, distanceUs);
    this.#offsetUs = Math.max(this.#offsetUs, distanceUs);
  }
}
