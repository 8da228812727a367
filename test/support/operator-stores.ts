// Stores of operators and of the audit log for tests, of one deployment however often they are opened: LMDB in a folder of the
// test's own, and a real Redis.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AuditStore } from '../../src/control/audit/audit-store.ts';
import { LmdbAuditStore } from '../../src/control/audit/lmdb-audit-store.ts';
import { RedisAuditStore } from '../../src/control/audit/redis-audit-store.ts';
import { LmdbOperatorStore } from '../../src/control/operators/lmdb-operator-store.ts';
import type { OperatorStore } from '../../src/control/operators/operator-store.ts';
import { RedisOperatorStore } from '../../src/control/operators/redis-operator-store.ts';
import { RedisConnection } from '../../src/control/redis/redis-connection.ts';
import { startRedisServer } from './redis-server.ts';

interface Teardown {
  teardown(end: () => unknown): unknown;
}

export interface StoreSource {
  audit(): Promise<AuditStore>;
  operators(): Promise<OperatorStore>;
}

export async function lmdbStores(t: Teardown): Promise<StoreSource> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-operators-'));
  const opened: { close(): Promise<void> }[] = [];
  t.teardown(async () => {
    await Promise.all(opened.map((store) => store.close()));
    await rm(folder, { recursive: true });
  });
  const keep = <T extends { close(): Promise<void> }>(store: T): T => {
    opened.push(store);
    return store;
  };
  return {
    audit: async () => keep(new LmdbAuditStore(join(folder, 'audit'))),
    operators: async () => keep(new LmdbOperatorStore(join(folder, 'operators'))),
  };
}

let deployments = 0;

export async function redisStores(t: Teardown): Promise<StoreSource> {
  const server = await startRedisServer();
  t.teardown(() => server.stop());
  const prefix = `test-${process.pid}-${deployments++}`;
  const connect = (): Promise<RedisConnection> =>
    new Promise((resolve) => {
      const settings = { url: server.url, commandTimeoutMs: 5_000 };
      const connection: RedisConnection = new RedisConnection(settings, ({ status }) => {
        if (status === 'up') resolve(connection);
      });
      t.teardown(() => connection.close());
    });
  return {
    audit: async () => new RedisAuditStore(await connect(), prefix),
    operators: async () => new RedisOperatorStore(await connect(), prefix),
  };
}
