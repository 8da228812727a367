// What the process that this one has taken over from still has in flight counts against this one's concurrency limits, in a
// row of the table that no worker of its own has.

import type { WorkerIndex } from '../../base/ids.ts';
import type { ConcurrencyTable } from '../../shm/concurrency-table.ts';

// Above any limit: these exchanges are under way, whatever the limit.
const ANY_COUNT = 2 ** 29;
const KEY_WORDS = 3;

export class ForeignPermits {
  readonly #table: ConcurrencyTable;
  readonly #row: WorkerIndex;
  /** By key: its slot, once per exchange. */
  #held = new Map<string, number[]>();

  constructor(table: ConcurrencyTable) {
    this.#table = table;
    this.#row = (table.workerCount - 1) as WorkerIndex;
  }

  /** @param keys  what it has now, as ConcurrencyTable.inFlightKeys gives it; the rest has ended */
  set(keys: Int32Array): void {
    const before = this.#held;
    this.#held = new Map();
    for (let at = 0; at + KEY_WORDS <= keys.length; at += KEY_WORDS) {
      const [low, high, count] = [keys[at] as number, keys[at + 1] as number, keys[at + 2] as number];
      const key = `${low} ${high}`;
      const slots = before.get(key) ?? [];
      before.delete(key);
      this.#resize(slots, low, high, count);
      this.#held.set(key, slots);
    }
    for (const slots of before.values()) this.#resize(slots, 0, 0, 0);
  }

  clear(): void {
    this.set(new Int32Array());
  }

  #resize(slots: number[], low: number, high: number, count: number): void {
    while (slots.length > count) this.#table.release(slots.pop() as number, this.#row);
    while (slots.length < count) {
      const slot = this.#table.acquire(low, high, ANY_COUNT, this.#row);
      // Its bucket is full, and new keys of it are refused in any case.
      if (slot < 0) return;
      slots.push(slot);
    }
  }
}
