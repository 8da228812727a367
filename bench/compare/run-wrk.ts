// One load by wrk, the quickest load generator: more of the other core is left to the upstream.

import { Child } from '../support/child.ts';
import type { LoadOptions, LoadResult } from '../support/run-load.ts';
import { REQUEST_HEADERS, REQUEST_PATH } from '../support/workload.ts';

const GRACE_MS = 15_000;

export interface WrkOptions extends LoadOptions {
  readonly path?: string;
  /** A file in Lua, for other requests than GET. */
  readonly script?: string;
}

/** For whole seconds, which is what wrk takes. @throws when an answer is not 200, or a connection fails */
export async function runWrk(options: WrkOptions): Promise<LoadResult> {
  const { port, connections, seconds, core, path = REQUEST_PATH, script } = options;
  const headers = REQUEST_HEADERS.flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
  const child = new Child(core, [
    ...['wrk', '-t1', `-c${connections}`, `-d${Math.ceil(seconds)}s`, '--latency', ...headers],
    ...(script === undefined ? [] : ['-s', script]),
    `http://127.0.0.1:${port}${path}`,
  ]);
  const output = await child.finished(seconds * 1_000 + GRACE_MS);
  if (/Non-2xx|Socket errors/.test(output)) throw new Error(`the load failed:\n${output}`);
  const first = (pattern: RegExp): string => pattern.exec(output)?.[1] ?? '0';
  return {
    requests: Number(first(/(\d+) requests in/)),
    requestsPerSecond: Number(first(/Requests\/sec:\s+([\d.]+)/)),
    p50Ms: milliseconds(first(/50%\s+([\d.]+\w+)/)),
    p99Ms: milliseconds(first(/99%\s+([\d.]+\w+)/)),
  };
}

/** 1.23ms, 456.00us, 1.2s */
function milliseconds(text: string): number {
  const value = Number.parseFloat(text);
  if (text.endsWith('us')) return value / 1_000;
  return text.endsWith('ms') ? value : value * 1_000;
}
