// One load, by the client that is always here (load-client.ts).

import { fileURLToPath } from 'node:url';
import { Child } from './child.ts';

export interface LoadOptions {
  readonly port: number;
  readonly connections: number;
  readonly seconds: number;
  /** For taskset -c. */
  readonly core: string;
}

export interface LoadResult {
  /** That were answered with 200; any other answer fails the load. */
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

// To start, connect, and wait for the last answers.
const GRACE_MS = 15_000;

const client = fileURLToPath(new URL('./load-client.js', import.meta.url));

/** @throws when an answer is not 200, or a connection fails */
export async function runLoad({ port, connections, seconds, core }: LoadOptions): Promise<LoadResult> {
  const child = new Child(core, [process.execPath, client, String(port), String(connections), String(seconds)]);
  return JSON.parse(await child.finished(seconds * 1_000 + GRACE_MS)) as LoadResult;
}
