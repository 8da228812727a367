// What run-profiled.ts and its worker say to each other. A worker's thread is met through a BroadcastChannel: its own port is the
// gateway's.

import type { HeapProfiler } from 'node:inspector';

export const HEAP_CHANNEL = 'sluice-bench-heap';

/** start: sample allocations. stop: the profile since. used: what is left after a collection. */
export const heapOrders = ['start', 'stop', 'used'] as const;
export type HeapOrder = (typeof heapOrders)[number];

export interface HeapAnswer {
  /** To stop. */
  readonly profile?: HeapProfiler.SamplingHeapProfile;
  /** To used. Bytes of the worker's own heap. */
  readonly heapBytes?: number;
  /** To used. Bytes of ArrayBuffers, which lie outside of the heap. */
  readonly bufferBytes?: number;
}
