// Gateways that share a Redis, each a process with a data folder and an access log of its own.

import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Child, startChild } from './child-process.ts';
import { OwnRedis } from './own-redis.ts';

const cli = fileURLToPath(new URL('../../src/cli/sluice.js', import.meta.url));
const LISTENING = /^listening on (\S+)\nadmin on (\S+)$/m;
const WORKERS = 2;
// Redis gives nothing for the first three seconds; and many start at once.
const READY_TIMEOUT_MS = 60_000;
const READY_ASK_MS = 50;

export interface OwnInstance {
  readonly url: string;
  readonly adminUrl: string;
  readonly pid: number;
  /** What it admitted. */
  readonly logFile: string;
  readonly child: Child;
}

export interface ClusterOptions {
  /** sluice.yaml, with ${REDIS_URL} and ${ACCESS_LOG}. */
  readonly file: string;
  /** For everything that they write. */
  readonly folder: string;
  readonly instanceCount: number;
}

export class OwnCluster {
  readonly redis: OwnRedis;
  /** Those that run. */
  readonly instances: OwnInstance[] = [];
  /** Of all that ever ran. */
  readonly logFiles: string[] = [];
  readonly #options: ClusterOptions;

  private constructor(redis: OwnRedis, options: ClusterOptions) {
    this.redis = redis;
    this.#options = options;
  }

  /** Resolves when all are ready. @throws when one is not; nothing is left behind */
  static async start(options: ClusterOptions): Promise<OwnCluster> {
    const redis = await OwnRedis.start(join(options.folder, 'redis'));
    const cluster = new OwnCluster(redis, options);
    try {
      await Promise.all(Array.from({ length: options.instanceCount }, () => cluster.add()));
      return cluster;
    } catch (error) {
      await cluster.close();
      throw error;
    }
  }

  /** One more. Resolves when it is ready. */
  async add(): Promise<OwnInstance> {
    const name = `instance-${this.logFiles.length + 1}`;
    const logFile = join(this.#options.folder, `${name}.log`);
    this.logFiles.push(logFile);
    const child = startChild(
      [cli, 'run', '-c', this.#options.file, '--data', join(this.#options.folder, name), '--workers', String(WORKERS)],
      { REDIS_URL: this.redis.url, ACCESS_LOG: logFile },
    );
    try {
      const [, url = '', adminUrl = ''] = await child.waitForLine(LISTENING);
      await isReady(adminUrl);
      const instance = { url, adminUrl, pid: child.pid, logFile, child };
      this.instances.push(instance);
      return instance;
    } catch (error) {
      await child.kill();
      throw error;
    }
  }

  /** SIGKILL. */
  async kill(instance: OwnInstance): Promise<void> {
    this.instances.splice(this.instances.indexOf(instance), 1);
    await instance.child.kill();
  }

  async close(): Promise<void> {
    await Promise.all(this.instances.map(({ child }) => child.stop()));
    await this.redis.close();
  }
}

/** @throws when it is not in time */
async function isReady(adminUrl: string): Promise<void> {
  const deadlineMs = performance.now() + READY_TIMEOUT_MS;
  for (;;) {
    const answer = await fetch(new URL('/readyz', adminUrl)).catch(() => undefined);
    if (answer?.status === 200) return;
    if (performance.now() > deadlineMs) throw new Error(`${adminUrl} is not ready: ${await answer?.text()}`);
    await sleep(READY_ASK_MS);
  }
}
