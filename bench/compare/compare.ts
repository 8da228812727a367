// The rounds of a comparison: in each, every contender once, started afresh, warmed up, measured, stopped. The order is
// rotated from round to round, so that whatever the machine does next to us falls on nobody in particular.

import { type Cores, shareCores } from '../support/cores.ts';
import { type MeasuredLoad, measureLoad } from '../support/measure-load.ts';
import type { LoadOptions, LoadResult } from '../support/run-load.ts';
import { startUpstream } from '../support/start-upstream.ts';
import { chooseLoad, type Load } from './choose-load.ts';
import type { Contender } from './contender.ts';
import { presentContenders } from './present-contenders.ts';
import { rotated } from './rotated.ts';

export interface CompareOptions {
  readonly contenders: readonly Contender[];
  readonly rounds: number;
  /** Of load, measured, per round and contender. */
  readonly seconds: number;
  readonly connections: number;
  /** Hardly any warm-up: does it run? */
  readonly isSmoke?: boolean;
  /** For progress, one line each. */
  readonly tell: (line: string) => void;
}

export interface Comparison {
  /** The load generator. */
  readonly load: Load['name'];
  readonly cores: Cores;
  /** Contenders that are not here, with the remedy. */
  readonly missing: readonly (readonly [name: string, remedy: string])[];
  /** By contender; the same index is the same round for all. */
  readonly rounds: ReadonlyMap<string, readonly MeasuredLoad[]>;
}

/** @throws when a contender does not start, or does not answer every request with 200 */
export async function compare(options: CompareOptions): Promise<Comparison> {
  const { contenders, tell } = options;
  const cores = shareCores(1);
  const { present, missing } = presentContenders(contenders, tell);
  const load = chooseLoad(tell);

  const upstream = await startUpstream(cores.other);
  const rounds = new Map<string, MeasuredLoad[]>(present.map(({ name }) => [name, []]));
  try {
    for (let round = 0; round < options.rounds; round++) {
      for (const contender of rotated(present, round)) {
        const measured = await measure(contender, upstream.port, cores, load.run, options);
        rounds.get(contender.name)?.push(measured);
        tell(roundLine(round, contender.name, measured));
      }
    }
  } finally {
    await upstream.stop();
  }
  return { load: load.name, cores, missing, rounds };
}

async function measure(
  contender: Contender,
  upstreamPort: number,
  cores: Cores,
  run: (options: LoadOptions) => Promise<LoadResult>,
  { connections, seconds, isSmoke = false }: CompareOptions,
): Promise<MeasuredLoad> {
  const server = await contender.start({ upstreamPort, core: cores.gateway, workers: 1 });
  try {
    const load = { port: server.port, connections, core: cores.other };
    await run({ ...load, seconds: isSmoke ? 1 : contender.warmUpSeconds });
    return await measureLoad(server.pid, run, { ...load, seconds });
  } finally {
    await server.stop();
  }
}

function roundLine(round: number, name: string, { cpuUs, requestsPerSecond }: MeasuredLoad): string {
  return `round ${round + 1}  ${name.padEnd(20)} ${cpuUs.toFixed(1).padStart(6)} µs  ${requestsPerSecond.toFixed(0)}/s`;
}
