// Puts the usage ledger together: shared memory, the names of what is published, the task pool that writes and reads.

import { randomUUID } from 'node:crypto';
import type { UsageTable } from '../../../shm/usage-table.ts';
import type { UsageView } from '../../admin/usage-pages.ts';
import type { UsageConfig } from '../../config/config.ts';
import type { Log } from '../../log.ts';
import type { Publisher } from '../../releases/publisher.ts';
import type { TaskPool } from '../../workers/task-pool.ts';
import { UsageLedger } from './usage-ledger.ts';

export interface LedgerParts {
  readonly table: UsageTable;
  readonly tasks: TaskPool;
  /** The data folder. */
  readonly folder: string;
  /** The address of the Redis that instances share, a secret; '' for none. */
  readonly redis: string;
  readonly log: Log;
  readonly publisher: Publisher;
  /** As it is now; undefined: nothing is kept. */
  config(): UsageConfig | undefined;
}

export interface WiredLedger {
  readonly ledger: UsageLedger;
  /** What the admin port reads. */
  readonly view: UsageView;
}

const MINUTE_MS = 60_000;
// Minutes are rolled up one at a time, two minutes after their end.
const LOCAL_MAINTAIN_MS = 20_000;
// What is in the stream is in no answer yet.
const SHARED_MAINTAIN_MS = 500;

export function wireLedger({ table, tasks, folder, redis, log, publisher, config }: LedgerParts): WiredLedger {
  const instance = randomUUID();
  const place = { folder, redis, instance };
  const ledger = new UsageLedger({
    table,
    instance,
    maintainMs: redis === '' ? LOCAL_MAINTAIN_MS : SHARED_MAINTAIN_MS,
    log,
    wallMs: Date.now,
    retention: () => config()?.retention,
    callerName: (index) => publisher.callerName(index),
    routeName: (index) => publisher.routeName(index),
    write: (delta) => tasks.writeUsage({ place, nowMinute: nowMinute(), delta }),
    maintain: (retention) => tasks.maintainUsage({ place, nowMinute: nowMinute(), retention }),
  });
  const view: UsageView = {
    config,
    nowMinute,
    query: (query) => tasks.queryUsage(place, query),
    statement: (query) => tasks.usageStatement(place, query),
  };
  return { ledger, view };
}

/** Since 1970. */
function nowMinute(): number {
  return Math.floor(Date.now() / MINUTE_MS);
}
