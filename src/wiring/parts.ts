// The parts of a process, once they know each other.

import type { Clock } from '../base/clock.ts';
import type { ConsumerCatalog } from '../control/catalog/consumer-catalog.ts';
import type { GatewayConfig } from '../control/config/config.ts';
import type { UpstreamWatch } from '../control/health/upstream-watch.ts';
import type { WiredLedger } from '../control/metering/ledger/wire-ledger.ts';
import type { ClusterLimits } from '../control/quota/leases/cluster-limits.ts';
import type { LimitRegistry } from '../control/quota/limit-registry.ts';
import type { Publisher } from '../control/releases/publisher.ts';
import type { Reloader } from '../control/releases/reloader.ts';
import type { TakeOver } from '../control/takeover/take-over.ts';
import type { SpanForwarder } from '../control/telemetry/span-forwarder.ts';
import type { ConnectionWatch } from '../control/workers/connection-watch.ts';
import type { ListenerPlan } from '../control/workers/listener-plan.ts';
import type { WorkerFleet } from '../control/workers/worker-fleet.ts';
import type { Acceptors } from '../gateway/listener/uws/acceptors.ts';
import type { SharedMemory } from '../shm/shared-memory.ts';
import type { WiredAdmin } from './wire-admin.ts';
import type { WiredQuotas } from './wire-quotas.ts';

export interface Parts {
  /** With the ports of a gateway that is taken over from. */
  readonly gateway: GatewayConfig;
  readonly takeOver: TakeOver;
  readonly clock: Clock;
  readonly shm: SharedMemory;
  readonly limits: LimitRegistry;
  readonly quotas: WiredQuotas;
  readonly plan: ListenerPlan;
  readonly acceptors: Acceptors;
  readonly fleet: WorkerFleet;
  readonly publisher: Publisher;
  readonly reloader: Reloader;
  readonly spans: SpanForwarder;
  readonly upstreams: UpstreamWatch;
  /** undefined: no address has a limit of connections that the main thread would have to count. */
  readonly connections: ConnectionWatch | undefined;
  readonly usage: WiredLedger;
  /** Consumers and keys that are managed at run time. */
  readonly catalog: ConsumerCatalog;
  /** undefined: there is no store that instances share. */
  readonly cluster: ClusterLimits | undefined;
  readonly admin: WiredAdmin;
}
