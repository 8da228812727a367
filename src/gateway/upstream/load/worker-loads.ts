// The limits of all upstreams that a worker goes to, one per upstream whatever snapshots name it: its queue outlives a reload.

import type { Clock } from '../../../base/clock.ts';
import type { LoadIndex, WorkerIndex } from '../../../base/ids.ts';
import type { LoadTable } from '../../../shm/load-table.ts';
import { type LoadContext, UpstreamLoad } from './upstream-load.ts';

/** How often a worker that has somebody waiting looks for places that others gave back. */
const LOOK_MS = 1;

export class WorkerLoads implements LoadContext {
  readonly table: LoadTable;
  readonly worker: WorkerIndex;
  readonly random = Math.random;
  readonly #clock: Clock;
  readonly #loads = new Map<LoadIndex, { readonly load: UpstreamLoad; users: number }>();
  readonly #poll = (): void => this.#pollAll();
  #immediate: NodeJS.Immediate | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(table: LoadTable, worker: WorkerIndex, clock: Clock) {
    this.table = table;
    this.worker = worker;
    this.#clock = clock;
  }

  nowMs(): number {
    return this.#clock.nowUs() / 1_000;
  }

  /** For a snapshot; each is followed by one release(). */
  acquire(index: LoadIndex): UpstreamLoad {
    let entry = this.#loads.get(index);
    if (entry === undefined) {
      entry = { load: new UpstreamLoad(index, this), users: 0 };
      this.#loads.set(index, entry);
    }
    entry.users++;
    return entry.load;
  }

  release(index: LoadIndex): void {
    const entry = this.#loads.get(index);
    if (entry !== undefined && --entry.users === 0) this.#loads.delete(index);
  }

  tick(nowMs: number): void {
    for (const { load } of this.#loads.values()) load.tick(nowMs);
  }

  // Not within leave(): the transport may be in the midst of ending the call whose place it was.
  wakeSoon(): void {
    this.#immediate ??= setImmediate(this.#poll);
  }

  keepAwake(): void {
    this.#timer ??= setTimeout(this.#poll, LOOK_MS).unref();
  }

  #pollAll(): void {
    clearImmediate(this.#immediate);
    clearTimeout(this.#timer);
    this.#immediate = undefined;
    this.#timer = undefined;
    const nowMs = this.nowMs();
    let waiting = 0;
    for (const { load } of this.#loads.values()) {
      if (load.waiting > 0) load.poll(nowMs);
      waiting += load.waiting;
    }
    if (waiting > 0) this.keepAwake();
  }
}
