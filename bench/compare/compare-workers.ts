// bench:compare --workers N: does a request cost more CPU time with N workers than with one? Both in the same run, on the same
// cores. nginx beside them shows what the machine makes of more processes.

import { availableParallelism } from 'node:os';
import { type Cores, shareCores } from '../support/cores.ts';
import { type MeasuredLoad, measureLoad } from '../support/measure-load.ts';
import { median } from '../support/median.ts';
import { startUpstream } from '../support/start-upstream.ts';
import { chooseLoad } from './choose-load.ts';
import { nginx } from './contenders/nginx.ts';
import { sluice, sluicePlain } from './contenders/sluice.ts';
import { entrantsOf } from './entrants-of.ts';
import { markdownTable } from './markdown-table.ts';
import type { ModeOptions, ModeReport } from './mode.ts';
import { printRatio, type Ratio, ratioOf } from './ratio.ts';
import { takeTurns } from './take-turns.ts';

export async function compareWorkers(options: ModeOptions, workerCount: number): Promise<ModeReport> {
  const { rounds, seconds, connections, tell } = options;
  const cores = coresFor(workerCount);
  const load = chooseLoad(tell);
  const upstream = await startUpstream(cores.other);
  try {
    const measured = await takeTurns<MeasuredLoad>({
      entrants: [1, workerCount].flatMap((count) =>
        entrantsOf([nginx, sluicePlain, sluice], upstream.port, cores, options, count).map((entrant) => ({
          ...entrant,
          name: named(entrant.name, count),
        })),
      ),
      rounds,
      warmUp: ({ port }, warmUpSeconds) => load.run({ port, connections, core: cores.other, seconds: warmUpSeconds }),
      measure: ({ pid, port }) => measureLoad(pid, load.run, { port, connections, core: cores.other, seconds }),
      onResult: (round, name, { cpuUs, requestsPerSecond }) =>
        tell(`round ${round + 1}  ${name.padEnd(24)} ${cpuUs.toFixed(1)} µs  ${requestsPerSecond.toFixed(0)}/s`),
    });
    const where =
      cores.gateway === cores.other
        ? `workers, upstream and load all share cores ${cores.gateway}: there is no core for each`
        : `workers on cores ${cores.gateway}, upstream and load on core ${cores.other}`;
    const head = `medians of ${rounds} rounds of ${seconds} s, ${connections} connections (${load.name}); ${where}`;
    const ratios = ratiosOf(measured, workerCount);
    return { text: `${head}\n\n${print(measured, ratios)}`, rounds: Object.fromEntries(measured), ratios };
  } finally {
    await upstream.stop();
  }
}

/** A core for each worker and one more, or else all cores for everyone. */
function coresFor(workerCount: number): Cores {
  const coreCount = availableParallelism();
  if (coreCount > workerCount) return shareCores(workerCount);
  const all = `0-${coreCount - 1}`;
  return { gateway: all, other: all };
}

function named(name: string, count: number): string {
  return `${name}, ${count} worker${count === 1 ? '' : 's'}`;
}

function ratiosOf(measured: ReadonlyMap<string, readonly MeasuredLoad[]>, workerCount: number): Record<string, Ratio> {
  const ratios: Record<string, Ratio> = {};
  for (const { name } of [nginx, sluicePlain, sluice]) {
    const [one, many] = [measured.get(named(name, 1)), measured.get(named(name, workerCount))];
    if (one === undefined || many === undefined) continue;
    ratios[`${name}, ${workerCount} workers / 1`] = ratioOf(
      many.map(({ cpuUs }) => cpuUs),
      one.map(({ cpuUs }) => cpuUs),
    );
  }
  return ratios;
}

function print(
  measured: ReadonlyMap<string, readonly MeasuredLoad[]>,
  ratios: Readonly<Record<string, Ratio>>,
): string {
  const rows = [...measured].map(([name, own]) => [
    name,
    median(own.map(({ cpuUs }) => cpuUs)).toFixed(1),
    median(own.map(({ requestsPerSecond }) => requestsPerSecond)).toFixed(0),
  ]);
  const lines = Object.entries(ratios).map(([name, ratio]) => [name, printRatio(ratio)]);
  return (
    `${markdownTable([['contender', 'CPU µs per request', 'requests/s'], ...rows])}\n` +
    markdownTable([['ratio of CPU per request', 'median (min–max)'], ...lines])
  );
}
