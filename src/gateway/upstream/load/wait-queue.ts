// Who waits for a place, by priority, and within a priority in the order of arrival.

import { LEVEL_COUNT } from '../../../shm/load-table.ts';

/** One that waits. The queue keeps its links here. */
export interface Waiting<T> {
  readonly level: number;
  /** When it came, in milliseconds. */
  readonly sinceMs: number;
  next: T | undefined;
  previous: T | undefined;
}

export class WaitQueue<T extends Waiting<T>> {
  readonly #oldest = new Array<T | undefined>(LEVEL_COUNT).fill(undefined);
  readonly #newest = new Array<T | undefined>(LEVEL_COUNT).fill(undefined);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** The highest priority of all that wait; -1 when nobody does. */
  get top(): number {
    let level = LEVEL_COUNT - 1;
    while (level >= 0 && this.#oldest[level] === undefined) level--;
    return level;
  }

  push(waiter: T): void {
    const last = this.#newest[waiter.level];
    waiter.previous = last;
    waiter.next = undefined;
    if (last === undefined) this.#oldest[waiter.level] = waiter;
    else last.next = waiter;
    this.#newest[waiter.level] = waiter;
    this.#count++;
  }

  /** @param waiter  waits here */
  remove(waiter: T): void {
    const { previous, next, level } = waiter;
    if (previous === undefined) this.#oldest[level] = next;
    else previous.next = next;
    if (next === undefined) this.#newest[level] = previous;
    else next.previous = previous;
    waiter.previous = undefined;
    waiter.next = undefined;
    this.#count--;
  }

  /** Whose turn it is: of the highest priority. */
  first(isNewestFirst: boolean): T | undefined {
    return (isNewestFirst ? this.#newest : this.#oldest)[this.top];
  }

  /** Who goes first when somebody must: the oldest of the lowest priority. */
  lowest(): T | undefined {
    return this.#oldest.find((waiter) => waiter !== undefined);
  }

  /** Who has waited longest, of a priority. */
  oldestAt(level: number): T | undefined {
    return this.#oldest[level];
  }

  /** Who has waited longest. */
  oldest(): T | undefined {
    let oldest: T | undefined;
    for (const waiter of this.#oldest) {
      if (waiter !== undefined && (oldest === undefined || waiter.sinceMs < oldest.sinceMs)) oldest = waiter;
    }
    return oldest;
  }
}
