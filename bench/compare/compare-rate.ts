// bench:compare --rate: latencies at equal load. All get the same requests at the same times, at a rate that each of them sustains;
// at their own full speed, latencies would say how long each one's queue is.

import { shareCores } from '../support/cores.ts';
import { median } from '../support/median.ts';
import { type RateResult, runRate } from '../support/run-rate.ts';
import { startUpstream } from '../support/start-upstream.ts';
import { chooseLoad } from './choose-load.ts';
import { nginx, nginxJob } from './contenders/nginx.ts';
import { sluice, sluicePlain } from './contenders/sluice.ts';
import { entrantsOf } from './entrants-of.ts';
import { markdownTable } from './markdown-table.ts';
import type { ModeOptions, ModeReport } from './mode.ts';
import { printRatio, type Ratio, ratioOf } from './ratio.ts';
import { takeTurns } from './take-turns.ts';

// Of what the slowest of them can do: nobody's queue grows.
const RATE_SHARE = 0.5;
// Below that, answers stayed behind.
const SUSTAINED_SHARE = 0.97;
const PAIRS = [
  [sluicePlain.name, nginx.name],
  [sluice.name, nginx.name],
  [sluice.name, nginxJob.name],
] as const;

/** @param wanted  requests per second; undefined: half of what the slowest of them can do */
export async function compareRate(options: ModeOptions, wanted: number | undefined): Promise<ModeReport> {
  const { rounds, seconds, connections, tell } = options;
  const cores = shareCores(1);
  const load = chooseLoad(tell);
  const fullSpeeds: number[] = [];
  const rate = (): number => wanted ?? Math.floor(Math.min(...fullSpeeds) * RATE_SHARE);
  const upstream = await startUpstream(cores.other);
  try {
    const measured = await takeTurns<RateResult>({
      entrants: entrantsOf([nginx, nginxJob, sluicePlain, sluice], upstream.port, cores, options),
      rounds,
      async warmUp({ port }, warmUpSeconds) {
        const full = { port, connections, core: cores.other };
        await load.run({ ...full, seconds: warmUpSeconds });
        fullSpeeds.push((await load.run({ ...full, seconds: 1 })).requestsPerSecond);
      },
      // The same times for all in one round, others in the next.
      measure: ({ port }, round) =>
        runRate({ port, connections, seconds, core: cores.other, rate: rate(), seed: round + 1 }),
      onResult: (round, name, { p50Ms, p99Ms }) =>
        tell(`round ${round + 1}  ${name.padEnd(20)} p50 ${p50Ms.toFixed(2)} ms  p99 ${p99Ms.toFixed(2)} ms`),
    });
    const head = `${rate()} requests/s at random times to each, ${connections} connections, medians of ${rounds} rounds of ${seconds} s; `;
    const where = `gateway on core ${cores.gateway}, upstream and load on core ${cores.other}`;
    const ratios = ratiosOf(measured);
    return {
      text: `${head}${where}\n\n${print(measured, ratios, rate())}`,
      rounds: Object.fromEntries(measured),
      ratios,
    };
  } finally {
    await upstream.stop();
  }
}

function ratiosOf(measured: ReadonlyMap<string, readonly RateResult[]>): Record<string, Ratio> {
  const ratios: Record<string, Ratio> = {};
  for (const [name, yardstick] of PAIRS) {
    const [own, other] = [measured.get(name), measured.get(yardstick)];
    if (own === undefined || other === undefined) continue;
    for (const quantile of ['p50Ms', 'p99Ms'] as const) {
      ratios[`${quantile.slice(0, 3)}, ${name} / ${yardstick}`] = ratioOf(
        own.map((each) => each[quantile]),
        other.map((each) => each[quantile]),
      );
    }
  }
  return ratios;
}

function print(
  measured: ReadonlyMap<string, readonly RateResult[]>,
  ratios: Readonly<Record<string, Ratio>>,
  rate: number,
): string {
  const rows = [...measured].map(([name, own]) => {
    const middle = (read: (result: RateResult) => number): string => median(own.map(read)).toFixed(2);
    const isSustained = own.every(({ requestsPerSecond }) => requestsPerSecond >= rate * SUSTAINED_SHARE);
    return [
      name,
      middle(({ p50Ms }) => p50Ms),
      middle(({ p99Ms }) => p99Ms),
      middle(({ latenessP99Ms }) => latenessP99Ms),
      isSustained ? 'yes' : 'no',
    ];
  });
  const lines = Object.entries(ratios).map(([name, ratio]) => [name, printRatio(ratio)]);
  const head = ['contender', 'p50 ms', 'p99 ms', 'of it the generator, p99 ms', 'rate sustained'];
  return `${markdownTable([head, ...rows])}\n${markdownTable([['ratio', 'median (min–max)'], ...lines])}`;
}
