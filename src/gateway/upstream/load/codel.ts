// CoDel, RFC 8289 §5: whether a queue stands. Bursts may wait; when everything has waited longer than the target for a whole
// interval, requests are dropped one by one, and the faster the longer that lasts. The clock is passed in.

const INTERVAL_MS = 100;
// Within so many intervals after it has dropped, it goes on about as fast as it had come to be (RFC 8289 §5.5, the newer code).
const MEMORY_INTERVALS = 16;

export class Codel {
  /** What may wait always. No less than the time that one request takes to be served (RFC 8289 §4.4). */
  targetMs: number;
  #firstAboveMs = 0;
  #dropNextMs = 0;
  #count = 0;
  #lastCount = 0;
  #isDropping = false;
  /** What follows in the code of §5.5 after a drop: judging the next request. */
  #isOwed = false;
  #hasEntered = false;

  constructor(targetMs: number) {
    this.targetMs = targetMs;
  }

  /** The queue stands. */
  get isDropping(): boolean {
    return this.#isDropping;
  }

  /**
   * Asked for the request that would be next, and again for the one behind it as long as the answer is yes.
   * @param sojournMs  how long it has waited
   * @param isLast  nobody waits behind it
   */
  drops(sojournMs: number, isLast: boolean, nowMs: number): boolean {
    const isLate = this.#isLate(sojournMs, isLast, nowMs);
    if (this.#hasEntered) {
      this.#hasEntered = false;
      return false;
    }
    if (!this.#isDropping) return isLate && this.#enter(nowMs);
    if (!isLate) {
      this.#isDropping = false;
      this.#isOwed = false;
      return false;
    }
    if (this.#isOwed) this.#dropNextMs += this.#gapMs();
    this.#isOwed = nowMs >= this.#dropNextMs;
    if (this.#isOwed) this.#count++;
    return this.#isOwed;
  }

  /** Nobody waits. */
  empty(): void {
    this.#firstAboveMs = 0;
    if (!this.#hasEntered) this.#isDropping = false;
    this.#hasEntered = false;
    this.#isOwed = false;
  }

  #isLate(sojournMs: number, isLast: boolean, nowMs: number): boolean {
    if (sojournMs < this.targetMs || isLast) {
      this.#firstAboveMs = 0;
      return false;
    }
    if (this.#firstAboveMs === 0) {
      this.#firstAboveMs = nowMs + INTERVAL_MS;
      return false;
    }
    return nowMs >= this.#firstAboveMs;
  }

  #enter(nowMs: number): boolean {
    const delta = this.#count - this.#lastCount;
    this.#isDropping = true;
    this.#hasEntered = true;
    this.#count = delta > 1 && nowMs - this.#dropNextMs < MEMORY_INTERVALS * INTERVAL_MS ? delta : 1;
    this.#dropNextMs = nowMs + this.#gapMs();
    this.#lastCount = this.#count;
    return true;
  }

  /** The control law. */
  #gapMs(): number {
    return INTERVAL_MS / Math.sqrt(this.#count);
  }
}
