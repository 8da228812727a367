// One load at a fixed rate (rate-client.ts).

import { fileURLToPath } from 'node:url';
import { Child } from './child.ts';
import type { LoadOptions, LoadResult } from './run-load.ts';

export interface RateOptions extends LoadOptions {
  /** Requests per second, over all connections. */
  readonly rate: number;
  /** Of the times at which requests are due. */
  readonly seed: number;
}

export interface RateResult extends LoadResult {
  /** How late the generator itself was, with a connection free: what is not the gateway's of a latency. */
  readonly latenessP99Ms: number;
}

// To start, connect, and wait for the last answers.
const GRACE_MS = 15_000;

const client = fileURLToPath(new URL('./rate-client.js', import.meta.url));

/** @throws when an answer is not 200, a connection fails, or the answers stay behind by far */
export async function runRate({ port, connections, seconds, core, rate, seed }: RateOptions): Promise<RateResult> {
  const numbers = [port, connections, seconds, rate, seed].map(String);
  const child = new Child(core, [process.execPath, client, ...numbers]);
  return JSON.parse(await child.finished(seconds * 1_000 + GRACE_MS)) as RateResult;
}
