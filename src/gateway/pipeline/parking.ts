// Where exchanges wait for a decision that is not on this thread: a store's grant, an authoriser's answer, a hashed
// password. Bounded in number and in time; resumed in the order of arrival; an abort takes its exchange out at once.

import { errors, type Verdict, WAIT } from './errors.ts';
import { type Exchange, Phase } from './exchange.ts';
import { endGathering } from './whole-body.ts';

// 1,024 waiting exchanges per worker hold at most 64 MiB of request bodies between them (BUFFERED_BYTES_MAX in body.ts).
export const PARKED_COUNT_MAX = 1_024;

/** A wake's verdict that lets each waiting exchange run its policy again, in order. */
export const RERUN = -2;

interface Queue {
  first: Exchange | undefined;
  last: Exchange | undefined;
}

export class Parking {
  readonly #queues = new Map<string, Queue>();
  readonly #proceed: (x: Exchange, verdict: Verdict) => void;
  readonly #arm: (x: Exchange, ms: number) => void;
  readonly #countMax: number;
  #count = 0;

  /**
   * @param proceed  goes on with an exchange: RERUN its step, ADMIT to the next one, or refuse it
   * @param arm  sets the exchange's deadline
   */
  constructor(
    proceed: (x: Exchange, verdict: Verdict) => void,
    arm: (x: Exchange, ms: number) => void,
    countMax = PARKED_COUNT_MAX,
  ) {
    this.#proceed = proceed;
    this.#arm = arm;
    this.#countMax = countMax;
  }

  get count(): number {
    return this.#count;
  }

  /**
   * Let the exchange wait; the policy returns what this returns.
   * @param key  what it waits for; exchanges with one key form a queue
   * @param timeoutMs  how long at most
   * @param wayOut  the verdict when the time is over
   */
  park(x: Exchange, key: string, timeoutMs: number, wayOut: Verdict): Verdict {
    if (this.#count >= this.#countMax) return errors.PARKING_FULL.id;
    let queue = this.#queues.get(key);
    if (queue === undefined) {
      queue = { first: undefined, last: undefined };
      this.#queues.set(key, queue);
    }
    if (queue.last === undefined) queue.first = x;
    else queue.last.parkNext = x;
    queue.last = x;
    x.parkKey = key;
    x.parkVerdict = wayOut;
    x.parkNext = undefined;
    x.phase = Phase.PARKED;
    this.#count++;
    this.#arm(x, timeoutMs);
    return WAIT;
  }

  /**
   * The decision came: resume everybody who waits for the key, in the order of arrival.
   * @param verdict  ADMIT, an error's id, or RERUN: those who must wait again keep their order before later arrivals
   * @returns how many were resumed
   */
  wake(key: string, verdict: Verdict = RERUN): number {
    const queue = this.#queues.get(key);
    if (queue === undefined) return 0;
    this.#queues.delete(key);
    let resumed = 0;
    let x = queue.first;
    while (x !== undefined) {
      // An exchange that a resumed one brought down (its connection closed) has left; its link still leads on.
      const next: Exchange | undefined = x.parkNext;
      x.parkNext = undefined;
      if (x.phase === Phase.PARKED && x.parkKey === key) {
        this.#release(x);
        resumed++;
        this.#proceed(x, verdict);
      }
      x = next;
    }
    return resumed;
  }

  /** The exchange waited too long: it goes on with its way out. */
  expire(x: Exchange): void {
    this.leave(x);
    this.#proceed(x, x.parkVerdict);
  }

  /** Take one out of its queue: it was aborted, or its time is over. */
  leave(x: Exchange): void {
    const queue = this.#queues.get(x.parkKey);
    if (queue !== undefined) {
      unlink(queue, x);
      if (queue.first === undefined) this.#queues.delete(x.parkKey);
    }
    this.#release(x);
  }

  #release(x: Exchange): void {
    if (x.isGathering) endGathering(x);
    this.#count--;
    x.phase = Phase.DECIDING;
  }
}

// A queue is short (one key's waiting exchanges on one worker, at most 1,024), and leaving it early is rare.
function unlink(queue: Queue, x: Exchange): void {
  let previous: Exchange | undefined;
  let at = queue.first;
  while (at !== undefined && at !== x) {
    previous = at;
    at = at.parkNext;
  }
  if (at === undefined) return;
  if (previous === undefined) queue.first = x.parkNext;
  else previous.parkNext = x.parkNext;
  if (queue.last === x) queue.last = previous;
  x.parkNext = undefined;
}
