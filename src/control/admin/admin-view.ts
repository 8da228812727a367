// What the admin port may look at. main.ts fills it from the parts that it wires together.

import type { LoadIndex } from '../../base/ids.ts';
import type { SharedMemory } from '../../shm/shared-memory.ts';
import type { AlertCounts } from '../alerts/alert-desk.ts';
import type { ListenConfig } from '../config/listen-config.ts';
import type { UpstreamStatus } from '../health/upstream-status.ts';
import type { RouteLatency } from '../metering/latency-summary.ts';
import type { LedgerCounts } from '../metering/ledger/usage-ledger.ts';
import type { BlockStatus } from '../quota/blocks/block-counters.ts';
import type { ClusterLimitsStatus } from '../quota/leases/cluster-limits.ts';
import type { PublishedUpstream } from '../releases/publisher.ts';
import type { SpanCounts } from '../telemetry/span-forwarder.ts';
import type { UsageView } from './usage-pages.ts';

/** Of the admin port itself. */
export interface SecurityCounts {
  /** Of the last entry of the audit log, as far as this instance knows; undefined: it has not been read. */
  auditSequence(): number | undefined;
  auditFailures(): number;
  /** By reason. */
  refusals(): Readonly<Record<'token' | 'permission' | 'origin', number>>;
}

export interface AdminView {
  readonly shm: SharedMemory;
  nowMs(): number;
  /** The lines of /metrics that grow with the routes, as UTF-8. */
  seriesMetrics(): Promise<Uint8Array>;
  readonly usage: UsageView;
  /** undefined: there is no usage ledger. */
  ledger(): LedgerCounts | undefined;
  latencies(): Promise<readonly RouteLatency[]>;
  /** The longest delay of the main thread's event loop since the last call. */
  mainLoopDelayMs(): number;
  /** 'upstream\norigin' with its target index. */
  targets(): Iterable<[string, number]>;
  /** Every upstream of the published configuration, with its targets. */
  upstreams(): readonly UpstreamStatus[];
  /** The same upstreams, with their places in shared memory. */
  publishedUpstreams(): readonly PublishedUpstream[];
  /** Publications of discovered targets. */
  republished(): { readonly published: number; readonly refused: number };
  /** Upstreams that have a limit, with their load index. */
  loads(): Iterable<[string, LoadIndex]>;
  registeredWorkers(): number;
  workerRestarts(): number;
  reloadsPublished(): number;
  reloadsRefused(): number;
  arenaBytes(): number;
  limitOverflows(): number;
  /** undefined: there is no store. */
  clusterLimits(): ClusterLimitsStatus | undefined;
  /** undefined: there is no store, or the data folder cannot be used. */
  quotaBlocks(): BlockStatus | undefined;
  /** undefined: there are none. */
  alerts(): AlertCounts | undefined;
  /** With their certificates, as they are published. */
  listeners(): readonly ListenConfig[];
  readonly security: SecurityCounts;
  /** What became of the spans that the workers handed over. */
  spans(): SpanCounts;
  /** Why the gateway should get no traffic; empty when it is ready. */
  notReady(): readonly string[];
}
