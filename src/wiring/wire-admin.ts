// Who may ask the admin port, and the log of what they did: LMDB in the data folder for one instance, Redis for several.

import { join } from 'node:path';
import { HostGuard } from '../control/admin/host-guard.ts';
import { OperatorGate } from '../control/admin/operator-gate.ts';
import { RefusalTally } from '../control/admin/refusal-tally.ts';
import { AuditLog } from '../control/audit/audit-log.ts';
import type { AuditStore } from '../control/audit/audit-store.ts';
import { LmdbAuditStore } from '../control/audit/lmdb-audit-store.ts';
import type { AdminConfig } from '../control/config/admin-config.ts';
import type { Log } from '../control/log.ts';
import { LmdbOperatorStore } from '../control/operators/lmdb-operator-store.ts';
import { OperatorDesk } from '../control/operators/operator-desk.ts';
import type { OperatorStore } from '../control/operators/operator-store.ts';
import type { RedisConnection } from '../control/redis/redis-connection.ts';
import { STORE_PREFIX } from '../control/redis/store-prefix.ts';

export interface WiredAdmin {
  readonly audit: AuditLog;
  readonly desk: OperatorDesk;
  readonly tally: RefusalTally;
  readonly gate: OperatorGate;
  readonly guard: HostGuard;
  /** Resolves to the token of the first operator when this instance has made it. */
  readonly firstToken: Promise<string>;
  /** @returns when the store has been asked for the operators, and a first one has been made if need be. Traffic waits for no Redis. */
  start(): Promise<void>;
  close(): Promise<void>;
}

export interface AdminWiring {
  /** The data folder. */
  readonly folder: string;
  /** '' for one instance. */
  readonly redis: string;
  readonly admin: AdminConfig;
  readonly log: Log;
}

// An operator waits for it: longer than a request may.
const COMMAND_TIMEOUT_MS = 1_000;
const CONNECT_MS_MAX = 2_000;
const HEAD_MS = 10_000;

export function wireAdmin({ folder, redis, admin, log }: AdminWiring): WiredAdmin {
  const stores = redis === '' ? new FolderStores(folder) : new RedisStores(redis);
  const audit = new AuditLog({ store: () => stores.audit(), log });
  const { promise, resolve } = withResolver<string>();
  const desk = new OperatorDesk({ open: () => stores.open(), audit, log, onFirstToken: resolve });
  const tally = new RefusalTally(audit);
  let headTimer: NodeJS.Timeout | undefined;
  return {
    ...{ audit, desk, tally, firstToken: promise },
    gate: new OperatorGate({ desk, anonymous: admin.anonymous, tally }),
    guard: new HostGuard(admin.host, admin.allowedHosts),
    async start() {
      tally.start();
      // What other instances have written; and whether the store has lost any of it.
      headTimer = setInterval(() => void audit.head().catch(() => {}), HEAD_MS);
      await desk.start();
    },
    async close() {
      clearInterval(headTimer);
      await desk.close();
      await audit.close();
      await stores.close();
    },
  };
}

interface Stores {
  /** @throws when they cannot be used now */
  open(): Promise<OperatorStore>;
  /** @throws when it is not open */
  audit(): AuditStore;
  close(): Promise<void>;
}

class FolderStores implements Stores {
  readonly #folder: string;
  #audit: LmdbAuditStore | undefined;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async open(): Promise<OperatorStore> {
    try {
      this.#audit ??= new LmdbAuditStore(join(this.#folder, 'audit'));
      return new LmdbOperatorStore(join(this.#folder, 'operators'));
    } catch (error) {
      throw new Error(`the data folder ${this.#folder} cannot be used: ${(error as Error).message}`);
    }
  }

  audit(): AuditStore {
    if (this.#audit === undefined) throw new Error('the data folder cannot be used');
    return this.#audit;
  }

  async close(): Promise<void> {
    await this.#audit?.close();
  }
}

class RedisStores implements Stores {
  readonly #url: string;
  #connection: RedisConnection | undefined;
  #audit: AuditStore | undefined;
  #onUp: () => void = () => {};

  constructor(url: string) {
    this.#url = url;
  }

  async open(): Promise<OperatorStore> {
    // The client of Redis is loaded where there is one.
    const [{ RedisConnection }, { RedisAuditStore }, { RedisOperatorStore }] = await Promise.all([
      import('../control/redis/redis-connection.ts'),
      import('../control/audit/redis-audit-store.ts'),
      import('../control/operators/redis-operator-store.ts'),
    ]);
    const settings = { url: this.#url, name: 'sluice-admin', commandTimeoutMs: COMMAND_TIMEOUT_MS };
    this.#connection ??= new RedisConnection(settings, ({ status }) => {
      if (status === 'up') this.#onUp();
    });
    if (this.#connection.state.status !== 'up') await this.#up();
    const { status, error } = this.#connection.state;
    if (status !== 'up') throw new Error(`Redis does not answer${error === undefined ? '' : `: ${error.message}`}`);
    this.#audit = new RedisAuditStore(this.#connection, STORE_PREFIX);
    return new RedisOperatorStore(this.#connection, STORE_PREFIX);
  }

  audit(): AuditStore {
    if (this.#audit === undefined) throw new Error('Redis has not answered yet');
    return this.#audit;
  }

  async close(): Promise<void> {
    this.#onUp();
    this.#connection?.close();
  }

  #up(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, CONNECT_MS_MAX);
      this.#onUp = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

function withResolver<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((set) => {
    resolve = set;
  });
  return { promise, resolve };
}
