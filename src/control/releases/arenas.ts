// The recycled pool of arenas. Shared buffers do not push the collector (200 fresh ones of 8 MiB stayed resident), so one
// is used again as soon as no worker pins it.

import { ARENA_COUNT, type ControlBlock } from '../../shm/control-block.ts';

export interface ArenaSlot {
  readonly index: number;
  /** undefined: not allocated yet. */
  buffer: SharedArrayBuffer | undefined;
}

// A snapshot that grows by a third still fits its arena.
const HEADROOM = 4 / 3;
const BYTES_MIN = 64 * 1024;

/** How many bytes an arena gets for a snapshot of `bytes`. */
export function arenaBytes(bytes: number): number {
  return Math.max(BYTES_MIN, (Math.ceil(bytes * HEADROOM) + 4_095) & ~4_095);
}

export class Arenas {
  readonly #slots: ArenaSlot[] = Array.from({ length: ARENA_COUNT }, (_, index) => ({ index, buffer: undefined }));
  readonly #reserved = new Set<number>();
  readonly #control: ControlBlock;

  constructor(control: ControlBlock) {
    this.#control = control;
  }

  /**
   * Take a slot for a snapshot that is about to be compiled: the largest free buffer, else an empty slot.
   * @returns undefined when every arena is in use: 64 snapshots have exchanges under way
   */
  reserve(): ArenaSlot | undefined {
    let best: ArenaSlot | undefined;
    for (const slot of this.#slots) {
      if (this.#reserved.has(slot.index) || this.#control.isPinned(slot.index)) continue;
      if (best === undefined || (slot.buffer?.byteLength ?? 0) > (best.buffer?.byteLength ?? 0)) best = slot;
    }
    if (best !== undefined) this.#reserved.add(best.index);
    return best;
  }

  /** The slot's snapshot is not, or no longer, the one that new workers get. Pins protect what is still read. */
  release(slot: ArenaSlot): void {
    this.#reserved.delete(slot.index);
  }

  /** Bytes of all buffers, for metrics. */
  get bytes(): number {
    return this.#slots.reduce((sum, slot) => sum + (slot.buffer?.byteLength ?? 0), 0);
  }
}
