// What the fleet of workers is told, and whom it tells.

import type { Clock } from '../../base/clock.ts';
import type { WorkerIndex } from '../../base/ids.ts';
import type { SpanBatch } from '../../gateway/telemetry/span-data.ts';
import type {
  LeaseQuestion,
  LimitQuestion,
  ListenerSettings,
  NonceQuestion,
  QuotaNeed,
} from '../../gateway/worker-messages.ts';
import type { SharedMemory } from '../../shm/shared-memory.ts';
import type { Log } from '../log.ts';
import type { WorkerThreads } from './worker-threads.ts';

/** Hands connections to workers; gateway/listener/uws has the real one, main.ts injects it. */
export interface Distributor {
  /** @param descriptors  of the worker's apps, one for each uws listener */
  add(descriptors: readonly number[]): void;
  remove(descriptors: readonly number[]): void;
  /** One worker's other apps, for those that get connections now. */
  swap(before: readonly number[], after: readonly number[]): void;
}

export interface PostedSnapshot {
  readonly epoch: number;
  readonly arena: number;
  readonly buffer: SharedArrayBuffer;
}

export interface WorkerFleetOptions {
  readonly threads: WorkerThreads;
  /** Of secrets in snapshots. */
  readonly sealKey: Uint8Array;
  readonly shm: SharedMemory;
  readonly clock: Clock;
  readonly distributor: Distributor;
  /** Listeners of a worker; asked again for a replacement, which gets its predecessor's ports. */
  listenersOf(worker: WorkerIndex): ListenerSettings;
  /** What a worker that starts now has to attach: the snapshot of now, and one that is being published. */
  snapshots(): readonly PostedSnapshot[];
  /** A worker wants new counts of connections (tellConnections). */
  onCountConnections(): void;
  /** A worker hands over spans that have ended. */
  onSpans(batch: SpanBatch): void;
  /** A worker asks whether a request may pass a rate limit; only after askLimits(true). */
  onLimitQuestion(worker: WorkerIndex, question: LimitQuestion): void;
  /** A request found nothing in its share of a limit over instances. */
  onLeaseQuestion(worker: WorkerIndex, question: LeaseQuestion): void;
  onNonceQuestion(worker: WorkerIndex, question: NonceQuestion): void;
  onQuotaNeed(need: QuotaNeed): void;
  readonly log: Log;
  /** A worker hung so long that only a new process helps. Does not return. */
  onHopeless(worker: WorkerIndex, lateMs: number): void;
}
