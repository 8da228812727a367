// A real master and its replica for tests, and a sentinel that makes the replica the master when the master is gone.

import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { untilDone } from './redis-cluster.ts';
import { freePort, launch, type RedisServer, redisBinary, startOwnServer } from './redis-server.ts';

export interface WatchedRedis {
  /** redis-sentinel://… with a sentinel that is none before the one that is. */
  readonly url: string;
  readonly master: RedisServer;
  readonly replica: RedisServer;
  stop(): Promise<void>;
}

export const MASTER_NAME = 'the-master';

export async function startWatchedRedis(): Promise<WatchedRedis> {
  const master = await startOwnServer(redisBinary(), ['--repl-diskless-sync-delay', '0']);
  const masterPort = new URL(master.url).port;
  const replica = await startOwnServer(redisBinary(), ['--replicaof', `127.0.0.1 ${masterPort}`]);
  const client = new Redis(replica.url);
  await untilDone(async () => {
    if (!/master_link_status:up/.test(await client.info('replication'))) throw new Error('not in step');
  });
  client.disconnect();
  const sentinel = await startSentinel(masterPort);
  return {
    url: `redis-sentinel://127.0.0.1:1,127.0.0.1:${sentinel.port}/${MASTER_NAME}`,
    master,
    replica,
    async stop() {
      await Promise.all([sentinel.stop(), master.stop(), replica.stop()]);
    },
  };
}

async function startSentinel(masterPort: string): Promise<{ port: number; stop(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-sentinel-'));
  const port = await freePort();
  const file = join(folder, 'sentinel.conf');
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    `dir ${folder}`,
    `sentinel monitor ${MASTER_NAME} 127.0.0.1 ${masterPort} 1`,
    `sentinel down-after-milliseconds ${MASTER_NAME} 600`,
    `sentinel failover-timeout ${MASTER_NAME} 2000`,
  ];
  await writeFile(file, `${lines.join('\n')}\n`);
  const child = await launch(redisBinary(), [file, '--sentinel'], /\+monitor master/);
  if (child === undefined) throw new Error(`port ${port} was taken`);
  const client = new Redis(port, '127.0.0.1', { enableReadyCheck: false });
  await untilDone(async () => {
    const replicas = (await client.call('SENTINEL', 'REPLICAS', MASTER_NAME)) as string[][];
    const isThere = replicas.some((fields) => fields[fields.indexOf('master-link-status') + 1] === 'ok');
    if (!isThere) throw new Error('the sentinel does not know the replica yet');
  });
  client.disconnect();
  return {
    port,
    async stop() {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'close');
      await rm(folder, { recursive: true, force: true });
    },
  };
}
