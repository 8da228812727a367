// A real Redis Cluster for tests: masters with the slots in equal parts, replicas of the first ones, all on loopback.

import { setTimeout as wait } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { freePort, type RedisServer, redisBinary, startOwnServer } from './redis-server.ts';

const SLOT_COUNT = 16_384;
const POLL_MS = 10;
const READY_TIMEOUT_MS = 30_000;

export interface ClusterNode {
  readonly server: RedisServer;
  readonly port: number;
  /** To this node alone; it reconnects. */
  readonly client: Redis;
}

export interface RedisCluster {
  /** redis-cluster://… with all nodes. */
  readonly url: string;
  readonly masters: readonly ClusterNode[];
  /** The first of the first master, and so on. */
  readonly replicas: readonly ClusterNode[];
  stop(): Promise<void>;
}

export async function startRedisCluster(masterCount: number, replicaCount = 0): Promise<RedisCluster> {
  const nodes = await Promise.all(Array.from({ length: masterCount + replicaCount }, startNode));
  const masters = nodes.slice(0, masterCount);
  const replicas = nodes.slice(masterCount);
  await Promise.all(masters.map((node, index) => giveSlots(node, index, masterCount)));
  const [first, ...others] = nodes as [StartedNode, ...StartedNode[]];
  for (const { port, busPort } of others) await first.client.call('CLUSTER', 'MEET', '127.0.0.1', port, busPort);
  await until(nodes, 'INFO', new RegExp(`cluster_known_nodes:${nodes.length}\\s`));
  for (const [index, replica] of replicas.entries()) {
    const id = String(await (masters[index] as StartedNode).client.call('CLUSTER', 'MYID'));
    await untilDone(() => replica.client.call('CLUSTER', 'REPLICATE', id));
  }
  await until(nodes, 'INFO', /cluster_state:ok/);
  for (const { client } of replicas)
    await untilDone(async () => expect(await client.info('replication'), /link_status:up/));
  return {
    url: `redis-cluster://${nodes.map(({ port }) => `127.0.0.1:${port}`).join(',')}`,
    masters,
    replicas,
    async stop() {
      for (const { client } of nodes) client.disconnect();
      await Promise.all(nodes.map(({ server }) => server.stop()));
    },
  };
}

/** Ask until it neither throws nor takes too long. */
export async function untilDone(act: () => Promise<unknown>): Promise<void> {
  const endMs = performance.now() + READY_TIMEOUT_MS;
  for (;;) {
    try {
      await act();
      return;
    } catch (error) {
      if (performance.now() > endMs) throw error;
    }
    await wait(POLL_MS);
  }
}

interface StartedNode extends ClusterNode {
  readonly busPort: number;
}

async function startNode(): Promise<StartedNode> {
  const busPort = await freePort();
  const server = await startOwnServer(redisBinary(), [
    ...['--cluster-enabled', 'yes', '--cluster-port', `${busPort}`, '--cluster-node-timeout', '1000'],
    // One master's slots without it are not all the others'.
    ...['--cluster-require-full-coverage', 'no'],
    // When the test says so, and not because the machine is busy.
    ...['--cluster-replica-no-failover', 'yes'],
    ...['--repl-diskless-sync-delay', '0'],
  ]);
  const port = Number(new URL(server.url).port);
  const client = new Redis(port, '127.0.0.1', { retryStrategy: () => 50, maxRetriesPerRequest: 0 });
  client.on('error', () => {});
  return { server, port, busPort, client };
}

async function giveSlots({ client }: StartedNode, index: number, count: number): Promise<void> {
  const slot = (part: number): number => Math.round((SLOT_COUNT * part) / count);
  await untilDone(() => client.ping());
  await client.call('CLUSTER', 'SET-CONFIG-EPOCH', index + 1);
  await client.call('CLUSTER', 'ADDSLOTSRANGE', slot(index), slot(index + 1) - 1);
}

async function until(nodes: readonly ClusterNode[], what: string, expected: RegExp): Promise<void> {
  for (const { client } of nodes) {
    await untilDone(async () => expect(String(await client.call('CLUSTER', what)), expected));
  }
}

function expect(found: string, expected: RegExp): void {
  if (!expected.test(found)) throw new Error(`${expected} is not in ${found}`);
}
