// npm run bench:heap: what a request allocates in a worker in steady state, by function, and what survives: the heap after a forced
// collection at N, 2N, 3N … requests, as bytes per request. That has to be about 0.
//
//   npm run bench:heap -- [--kind plain|job|logged] [--seconds 10] [--phases 5] [--top 20] [--smoke]

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Child } from '../support/child.ts';
import { shareCores } from '../support/cores.ts';
import { readCount } from '../support/read-count.ts';
import { runLoad } from '../support/run-load.ts';
import { slope } from '../support/slope.ts';
import { type SluiceConfigOptions, sluiceConfig } from '../support/sluice-config.ts';
import { startUpstream } from '../support/start-upstream.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import type { HeapAnswer, HeapOrder } from './heap-message.ts';
import { type Allocation, bytesByOwner, summarizeProfile } from './summarize-profile.ts';

interface Survivors {
  /** Answered since the warm-up. */
  readonly requests: number;
  readonly heapBytes: number;
  readonly bufferBytes: number;
}

const CONNECTIONS = 64;
// V8 compiles, and caches fill.
const WARM_UP_SECONDS = 15;
// The clients' connections are closed by then, and the answers' last events over.
const REST_MS = 500;
const CONTROL_TIMEOUT_MS = 30_000;

const program = fileURLToPath(new URL('./run-profiled.js', import.meta.url));

const { values } = parseArgs({
  options: {
    kind: { type: 'string', default: 'logged' },
    seconds: { type: 'string' },
    phases: { type: 'string' },
    top: { type: 'string', default: '20' },
    smoke: { type: 'boolean', default: false },
  },
});
const kind = readKind(values.kind);
const seconds = readCount('seconds', values.seconds ?? (values.smoke ? '1' : '10'));
const phases = readCount('phases', values.phases ?? (values.smoke ? '3' : '5'));
const top = readCount('top', values.top);

const cores = shareCores(1);
const upstream = await startUpstream(cores.other);
const file = join(temporaryFolder(), 'sluice.yaml');
writeFileSync(file, sluiceConfig({ upstreamPort: upstream.port, workers: 1, kind }));
const gateway = new Child(cores.gateway, [process.execPath, program, '-c', file]);
try {
  const port = Number(await gateway.printed(/^listening on http:\/\/127\.0\.0\.1:(\d+)$/m));
  const controlPort = Number(await gateway.printed(/^control on (\d+)$/m));
  const load = async (loadSeconds: number): Promise<number> =>
    (await runLoad({ port, connections: CONNECTIONS, seconds: loadSeconds, core: cores.other })).requests;
  const order = async (name: HeapOrder): Promise<HeapAnswer> => {
    const response = await fetch(`http://127.0.0.1:${controlPort}/${name}`, {
      signal: AbortSignal.timeout(CONTROL_TIMEOUT_MS),
    });
    return (await response.json()) as HeapAnswer;
  };
  await load(values.smoke ? 1 : WARM_UP_SECONDS);
  // First what survives: the profiler keeps its samples in the same heap.
  reportSurvivors(await measureSurvivors(load, order));
  await order('start');
  const requests = await load(seconds);
  const { profile } = await order('stop');
  if (profile === undefined) throw new Error('the worker gave no profile');
  reportAllocations(summarizeProfile(profile), requests);
} finally {
  await gateway.stop();
  await upstream.stop();
}

async function measureSurvivors(
  load: (seconds: number) => Promise<number>,
  order: (name: HeapOrder) => Promise<HeapAnswer>,
): Promise<readonly Survivors[]> {
  const survivors: Survivors[] = [];
  for (let phase = 0, requests = 0; phase < phases; phase++) {
    requests += await load(seconds);
    await new Promise((resolve) => setTimeout(resolve, REST_MS));
    const { heapBytes = 0, bufferBytes = 0 } = await order('used');
    survivors.push({ requests, heapBytes, bufferBytes });
  }
  return survivors;
}

function reportSurvivors(survivors: readonly Survivors[]): void {
  tell(`${kind}: ${CONNECTIONS} connections, ${phases} phases of ${seconds} s; what one worker's collections leave`);
  for (const { requests, heapBytes, bufferBytes } of survivors) {
    tell(
      `after ${String(requests).padStart(8)} requests  heap ${kilobytes(heapBytes)}  buffers ${kilobytes(bufferBytes)}`,
    );
  }
  const heapSlope = slope(survivors.map(({ requests, heapBytes }) => [requests, heapBytes]));
  const bufferSlope = slope(survivors.map(({ requests, bufferBytes }) => [requests, bufferBytes]));
  tell(`survives  ${heapSlope.toFixed(3)} bytes per request in the heap, ${bufferSlope.toFixed(3)} in buffers\n`);
}

function reportAllocations(allocations: readonly Allocation[], requests: number): void {
  const perRequest = (bytes: number): string => (bytes / requests).toFixed(0).padStart(6);
  const all = allocations.reduce((sum, { bytes }) => sum + bytes, 0);
  tell(`allocated ${perRequest(all).trim()} bytes per request (sampled over ${requests} requests)`);
  for (const [owner, bytes] of bytesByOwner(allocations)) tell(`${perRequest(bytes)}  ${owner}`);
  tell(`\nby function, the first ${top}`);
  for (const { owner, name, bytes } of allocations.slice(0, top)) {
    tell(`${perRequest(bytes)}  ${owner.padEnd(20)} ${name}`);
  }
}

function kilobytes(bytes: number): string {
  return `${(bytes / 1_024).toFixed(0).padStart(7)} KiB`;
}

function readKind(text: string): SluiceConfigOptions['kind'] {
  if (text === 'plain' || text === 'job' || text === 'logged') return text;
  throw new Error(`--kind takes plain, job or logged, not '${text}'`);
}

function tell(line: string): void {
  process.stdout.write(`${line}\n`);
}
