// npm run bench:overhead: what an API key, two limits and an access log add to a proxied request. Sluice without them and Sluice
// with them run at the same time on the gateway's core; the difference is taken round by round. Metrics, request ids and
// X-Forwarded-* are always on, on both sides.
//
//   npm run bench:overhead -- [--rounds 24] [--seconds 2] [--turns] [--smoke]
//
//     --turns    both processes are alive, but their loads take turns: figures as each costs alone, which move more

import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chooseLoad, type Load } from './compare/choose-load.ts';
import { type Cores, shareCores } from './support/cores.ts';
import { readCount } from './support/read-count.ts';
import { SideBySide } from './support/side-by-side.ts';
import { type Spread, spreadOf } from './support/spread.ts';
import { startSluice } from './support/start-sluice.ts';

interface Pair {
  readonly plainUs: number;
  readonly jobUs: number;
}

// Processes are started afresh after so many rounds: V8 does not compile the same program alike twice.
const ROUNDS_PER_BLOCK = 6;
const CONNECTIONS = 64;
// V8 goes on compiling for so long on a core that it shares.
const WARM_UP_SECONDS = 15;
const KINDS = ['plain', 'logged'] as const;

const program = fileURLToPath(new URL('../src/main.js', import.meta.url));

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '24' },
    seconds: { type: 'string', default: '2' },
    turns: { type: 'boolean', default: false },
    smoke: { type: 'boolean', default: false },
  },
});
const roundCount = values.smoke ? 2 : readCount('rounds', values.rounds);
const seconds = values.smoke ? 1 : readCount('seconds', values.seconds);
const warmUpSeconds = values.smoke ? 1 : WARM_UP_SECONDS;
const cores = shareCores(1);
const load = values.turns ? chooseLoad(tell) : undefined;

const pairs: Pair[] = [];
for (let block = 0; pairs.length < roundCount; block++) {
  const rounds = Math.min(ROUNDS_PER_BLOCK, roundCount - pairs.length);
  for (const pair of await measureBlock(cores, block % 2 === 1, rounds)) pairs.push(pair);
}
report(pairs);

/** @param isJobFirst  which of the two is started first makes a per cent or two */
async function measureBlock(cores: Cores, isJobFirst: boolean, rounds: number): Promise<readonly Pair[]> {
  const kinds = isJobFirst ? KINDS.toReversed() : KINDS;
  const beside = new SideBySide(cores, CONNECTIONS);
  try {
    await beside.start(
      kinds.map(
        (kind) => (upstreamPort) => startSluice({ core: cores.gateway, upstreamPort, workers: 1, kind, program }),
      ),
    );
    await measureBoth(beside, 0, warmUpSeconds);
    const measured: Pair[] = [];
    for (let round = 0; round < rounds; round++) {
      const [first = 0, second = 0] = await measureBoth(beside, round, seconds);
      const pair = isJobFirst ? { plainUs: second, jobUs: first } : { plainUs: first, jobUs: second };
      measured.push(pair);
      const added = pair.jobUs - pair.plainUs;
      tell(`plain ${pair.plainUs.toFixed(1)} µs  job ${pair.jobUs.toFixed(1)} µs  added ${added.toFixed(2)} µs`);
    }
    return measured;
  } finally {
    await beside.stop();
  }
}

/** @returns CPU time per request of the first and of the second, microseconds */
async function measureBoth(beside: SideBySide, round: number, seconds: number): Promise<readonly number[]> {
  if (load === undefined) return (await beside.measure(seconds)).map(({ cpuUs }) => cpuUs);
  return measureInTurns(beside, round, seconds, load);
}

async function measureInTurns(beside: SideBySide, round: number, seconds: number, { run }: Load): Promise<number[]> {
  const figures: number[] = [];
  for (const index of round % 2 === 0 ? [0, 1] : [1, 0]) {
    figures[index] = (await beside.measureOne(index, seconds, run)).cpuUs;
  }
  return figures;
}

function report(pairs: readonly Pair[]): void {
  const manner = load === undefined ? 'at the same time, under a load each (node)' : `in turns, under ${load.name}`;
  tell(
    `\n${pairs.length} rounds of ${seconds} s, ${CONNECTIONS} connections; both on core ${cores.gateway} ${manner}, ` +
      `upstream and load on core ${cores.other}`,
  );
  tell(line('sluice plain', spreadOf(pairs.map(({ plainUs }) => plainUs))));
  tell(line('sluice, key, two limits, access log', spreadOf(pairs.map(({ jobUs }) => jobUs))));
  tell(line('added', spreadOf(pairs.map(({ plainUs, jobUs }) => jobUs - plainUs))));
  if (load === undefined) tell('on a core that both share a microsecond is charged with some 1.3: see --turns');
}

function line(name: string, { median, min, max, low, high }: Spread): string {
  const interval =
    low > Number.NEGATIVE_INFINITY ? `${low.toFixed(2)} to ${high.toFixed(2)}` : 'none with so few rounds';
  const numbers = `min ${min.toFixed(2)}, max ${max.toFixed(2)}; 99 % interval of the median: ${interval}`;
  return `${name.padEnd(36)} ${median.toFixed(2).padStart(6)} µs per request (${numbers})`;
}

function tell(text: string): void {
  process.stdout.write(`${text}\n`);
}
