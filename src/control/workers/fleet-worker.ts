// One gateway worker, as the fleet keeps it: its thread's port, and who waits for what it says.

import type { MessagePort } from 'node:worker_threads';
import type { WorkerIndex } from '../../base/ids.ts';
import type { ToWorker } from '../../gateway/worker-messages.ts';

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
  /** By epoch: a reload may wait for it, and the worker's own start. */
  readonly onAttached: Map<number, Set<() => void>>;
  onReady: ((ports: readonly number[]) => void) | undefined;
  /** Set until it serves. */
  onStartFailed: ((error: Error) => void) | undefined;
  onStoppedListening: (() => void) | undefined;
  onAsksLimits: (() => void) | undefined;
  /** By the message's number. */
  onCurbed: Map<number, () => void>;
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
    onCurbed: new Map(),
    onDrained: undefined,
    ended: Promise.resolve(),
  };
}

/** @param settle  called when the worker holds the snapshot ready, or has ended */
export function expectAttached(worker: FleetWorker, epoch: number, settle: () => void): void {
  const others = worker.onAttached.get(epoch);
  if (others === undefined) worker.onAttached.set(epoch, new Set([settle]));
  else others.add(settle);
}

/** It has attached, or never will. @param epochs  undefined: all */
export function settleAttached(worker: FleetWorker, epochs: readonly number[] = [...worker.onAttached.keys()]): void {
  for (const epoch of epochs) {
    const waiting = worker.onAttached.get(epoch);
    worker.onAttached.delete(epoch);
    for (const settle of waiting ?? []) settle();
  }
}

/**
 * Tell every worker that runs, and wait for each to say that it has done so.
 * @param expect  called for each: whoever hears its answer is to settle
 * @returns whether all have within the time; one that hangs has not
 */
export async function tellAll(
  workers: readonly FleetWorker[],
  timeoutMs: number,
  message: ToWorker,
  expect: (worker: FleetWorker, settle: () => void) => void,
): Promise<boolean> {
  const told = workers
    .filter(({ port }) => port !== undefined)
    .map(
      (worker) =>
        new Promise<void>((resolve) => {
          expect(worker, resolve);
          worker.port?.postMessage(message);
        }),
    );
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), timeoutMs);
  });
  const all = await Promise.race([Promise.all(told).then(() => true), late]);
  clearTimeout(timer);
  return all;
}
