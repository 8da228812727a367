// Looks after the process's memory, which is one for all threads, and tells the workers what share of requests to shed.

import { totalmem } from 'node:os';
import type { ControlBlock } from '../../shm/control-block.ts';
import type { OverloadConfig } from '../config/config.ts';

const WATCH_MS = 500;
// From the limit to a tenth above it, the share rises from nothing to all.
const RAMP_SHARE = 0.1;

/** Resident bytes of the process, and what it may have at most. */
export interface Memory {
  residentBytes(): number;
  bytesMax(): number;
}

/** The container's limit (cgroup), where there is one below the machine's memory. */
export const processMemory: Memory = {
  residentBytes: () => process.memoryUsage.rss(),
  bytesMax: () => Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY),
};

export class MemoryWatch {
  readonly #control: ControlBlock;
  readonly #configured: () => OverloadConfig['memory'];
  readonly #memory: Memory;
  #timer: NodeJS.Timeout | undefined;

  /** @param configured  as of now: a reload may change it */
  constructor(control: ControlBlock, configured: () => OverloadConfig['memory'], memory: Memory = processMemory) {
    this.#control = control;
    this.#configured = configured;
    this.#memory = memory;
  }

  start(): void {
    this.#timer = setInterval(() => this.look(), WATCH_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  look(): void {
    const { bytes, share } = this.#configured();
    const limit = bytes ?? (share === undefined ? Number.POSITIVE_INFINITY : share * this.#memory.bytesMax());
    const excess = (this.#memory.residentBytes() - limit) / (limit * RAMP_SHARE);
    this.#control.setMemoryShed(Math.round(1_000 * Math.min(1, Math.max(0, Number.isNaN(excess) ? 0 : excess))));
  }
}
