// One gateway worker, as the fleet keeps it: its thread's port, and who waits for what it says.

import type { MessagePort } from 'node:worker_threads';
import type { WorkerIndex } from '../../base/ids.ts';

export interface FleetWorker {
  readonly index: WorkerIndex;
  port: MessagePort | undefined;
  descriptors: readonly number[];
  registered: boolean;
  /** It has opened its listeners. */
  serves: boolean;
  /** The certificates that it uses (tls-rotation.ts); 0 for those of the start. */
  tlsRound: number;
  /** Certificates that it holds ready, and the apps that have them. */
  prepared: { readonly round: number; readonly descriptors: readonly number[] } | undefined;
  /** Moments of its failures within the last minute. */
  failuresMs: number[];
  onAttached: Map<number, () => void>;
  onReady: ((ports: readonly number[]) => void) | undefined;
  /** Set until it serves. */
  onStartFailed: ((error: Error) => void) | undefined;
  onStoppedListening: (() => void) | undefined;
  onAsksLimits: (() => void) | undefined;
  onDrained: (() => void) | undefined;
  ended: Promise<void>;
}

/** One whose thread has not been started. */
export function absentWorker(index: WorkerIndex): FleetWorker {
  return {
    index,
    port: undefined,
    descriptors: [],
    registered: false,
    serves: false,
    tlsRound: 0,
    prepared: undefined,
    failuresMs: [],
    onAttached: new Map(),
    onReady: undefined,
    onStartFailed: undefined,
    onStoppedListening: undefined,
    onAsksLimits: undefined,
    onDrained: undefined,
    ended: Promise.resolve(),
  };
}
