// bench:compare --bodies: 1 MiB each way. Answers come from nginx with sendfile, uploads go to uWebSockets.js, which throws them
// away: what is least work on the core that they share with wrk. 'no gateway' is wrk on the upstream itself: what that core gives.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Cores, shareCores } from '../support/cores.ts';
import { type MeasuredLoad, measureLoad } from '../support/measure-load.ts';
import { median } from '../support/median.ts';
import { processUsage } from '../support/process-usage.ts';
import type { StartedServer } from '../support/start-server.ts';
import { startUpstream } from '../support/start-upstream.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { watchMemory } from '../support/watch-memory.ts';
import { REQUEST_PATH, UPLOAD_PATH } from '../support/workload.ts';
import { nginxStreaming, nginxUnbuffered } from './contenders/nginx.ts';
import { sluicePlain } from './contenders/sluice.ts';
import { entrantsOf } from './entrants-of.ts';
import { markdownTable } from './markdown-table.ts';
import { missingCommand } from './missing-command.ts';
import type { ModeOptions, ModeReport } from './mode.ts';
import { printRatio, type Ratio, ratioOf } from './ratio.ts';
import { runWrk, type WrkOptions } from './run-wrk.ts';
import { startFileServer } from './start-file-server.ts';
import { takeTurns } from './take-turns.ts';

interface BodyResult extends MeasuredLoad {
  readonly beforeMib: number;
  readonly peakMib: number;
  /** A while after the load. */
  readonly afterMib: number;
}

interface Direction {
  readonly name: 'download' | 'upload';
  readonly request: Pick<WrkOptions, 'path' | 'script'>;
  startUpstream(core: string): Promise<StartedServer>;
}

const BODY_BYTES = 2 ** 20;
const REST_MS = 1_000;
const NO_GATEWAY = 'no gateway';
const CONTENDERS = [nginxStreaming, nginxUnbuffered, sluicePlain];

/** @throws without nginx and wrk */
export async function compareBodies(options: ModeOptions): Promise<ModeReport> {
  const missing = [
    missingCommand('nginx', 'apt-get install nginx-light'),
    missingCommand('wrk', 'apt-get install wrk'),
  ];
  const remedies = missing.filter((remedy) => remedy !== undefined);
  if (remedies.length > 0) throw new Error(`large bodies need nginx and wrk: ${remedies.join(', ')}`);
  const script = join(temporaryFolder(), 'upload.lua');
  writeFileSync(script, `wrk.method = "POST"\nwrk.body = string.rep("x", ${BODY_BYTES})\n`);
  const directions: readonly Direction[] = [
    {
      name: 'download',
      request: { path: REQUEST_PATH },
      startUpstream: (core) => startFileServer(core, BODY_BYTES),
    },
    { name: 'upload', request: { path: UPLOAD_PATH, script }, startUpstream },
  ];
  const cores = shareCores(1);
  const { rounds, seconds, connections } = options;
  const texts = [
    `bodies of 1 MiB, ${connections} connections (wrk), medians of ${rounds} rounds of ${seconds} s; gateway with one worker on core ` +
      `${cores.gateway}; load and upstream (nginx with sendfile for downloads, uWebSockets.js for uploads) on core ${cores.other}`,
  ];
  const all: Record<string, readonly BodyResult[]> = {};
  const ratios: Record<string, Ratio> = {};
  for (const direction of directions) {
    const measured = await measureDirection(direction, cores, options);
    const own = ratiosOf(measured, direction.name);
    texts.push(
      `${direction.name}\n\n${print(measured)}`,
      markdownTable([['ratio', 'median (min–max)'], ...printed(own)]),
    );
    Object.assign(ratios, own);
    for (const [name, results] of measured) all[`${direction.name}, ${name}`] = results;
  }
  return { text: texts.join('\n\n'), rounds: all, ratios };
}

async function measureDirection(direction: Direction, cores: Cores, options: ModeOptions) {
  const { rounds, seconds, connections, tell } = options;
  const upstream = await direction.startUpstream(cores.other);
  const load = { ...direction.request, connections, core: cores.other };
  try {
    return await takeTurns<BodyResult>({
      entrants: [
        ...entrantsOf(CONTENDERS, upstream.port, cores, options),
        // Stopped by whoever started it.
        { name: NO_GATEWAY, warmUpSeconds: 1, start: async () => ({ ...upstream, stop: async () => {} }) },
      ],
      rounds,
      warmUp: ({ port }, warmUpSeconds) => runWrk({ ...load, port, seconds: warmUpSeconds }),
      async measure({ pid, port }) {
        const beforeMib = processUsage(pid).residentMib;
        const peak = watchMemory(pid);
        const run = (each: WrkOptions) => runWrk({ ...direction.request, ...each });
        const result = await measureLoad(pid, run, { ...load, port, seconds });
        const peakMib = peak();
        await new Promise((resolve) => setTimeout(resolve, REST_MS));
        return { ...result, beforeMib, peakMib, afterMib: processUsage(pid).residentMib };
      },
      onResult: (round, name, { cpuUs, requestsPerSecond }) =>
        tell(
          `round ${round + 1}  ${direction.name.padEnd(8)} ${name.padEnd(18)} ${cpuUs.toFixed(0).padStart(5)} µs/MiB  ` +
            `${megabytes(requestsPerSecond)} MB/s`,
        ),
    });
  } finally {
    await upstream.stop();
  }
}

function ratiosOf(measured: ReadonlyMap<string, readonly BodyResult[]>, direction: string): Record<string, Ratio> {
  const ratios: Record<string, Ratio> = {};
  const own = measured.get(sluicePlain.name);
  for (const { name } of [nginxStreaming, nginxUnbuffered]) {
    const other = measured.get(name);
    if (own === undefined || other === undefined) continue;
    const ratio = (read: (result: BodyResult) => number): Ratio => ratioOf(own.map(read), other.map(read));
    ratios[`${direction}, throughput, ${sluicePlain.name} / ${name}`] = ratio((each) => each.requestsPerSecond);
    ratios[`${direction}, CPU per MiB, ${sluicePlain.name} / ${name}`] = ratio((each) => each.cpuUs);
  }
  return ratios;
}

function printed(ratios: Readonly<Record<string, Ratio>>): string[][] {
  return Object.entries(ratios).map(([name, ratio]) => [name, printRatio(ratio)]);
}

function print(measured: ReadonlyMap<string, readonly BodyResult[]>): string {
  const rows = [...measured].map(([name, own]) => {
    const middle = (read: (result: BodyResult) => number): number => median(own.map(read));
    return [
      name,
      megabytes(middle((each) => each.requestsPerSecond)),
      middle((each) => each.requestsPerSecond).toFixed(0),
      middle((each) => each.cpuUs).toFixed(0),
      (own[0]?.beforeMib ?? 0).toFixed(0),
      Math.max(...own.map((each) => each.peakMib)).toFixed(0),
      (own.at(-1)?.afterMib ?? 0).toFixed(0),
      CONTENDERS.find((contender) => contender.name === name)?.job ?? 'wrk on the upstream itself',
    ];
  });
  const memory = ['RSS MiB before the first round', 'peak of all', 'after the last'];
  return markdownTable([['contender', 'MB/s', 'requests/s', 'CPU µs per MiB', ...memory, 'does'], ...rows]);
}

/** Of 10⁶ bytes. */
function megabytes(requestsPerSecond: number): string {
  return ((requestsPerSecond * BODY_BYTES) / 1e6).toFixed(0);
}
