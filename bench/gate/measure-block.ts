// One block of rounds: three servers side by side on the gateway's core.

import type { Cores } from '../support/cores.ts';
import { measureLoad } from '../support/measure-load.ts';
import { type LoadOptions, runLoad } from '../support/run-load.ts';
import type { StartedServer } from '../support/start-server.ts';
import { startSluice } from '../support/start-sluice.ts';
import { startUpstream } from '../support/start-upstream.ts';
import type { GateRound } from './decide.ts';
import type { GateSettings } from './settings.ts';

/** A gateway that is built: a program that takes -c FILE, and what it needs in its environment. */
export interface Side {
  readonly program: string;
  readonly env: Readonly<Record<string, string>>;
}

export interface BlockOptions {
  readonly base: Side;
  readonly branch: Side;
  readonly cores: Cores;
  readonly settings: GateSettings;
  /** Blocks take turns in this. */
  readonly isBranchFirst: boolean;
  /** For progress, one line each. */
  readonly tell: (line: string) => void;
}

interface Servers {
  readonly base: StartedServer;
  readonly branch: StartedServer;
  readonly rawUws: StartedServer;
}

export async function measureBlock({
  base,
  branch,
  isBranchFirst,
  cores,
  settings,
  tell,
}: BlockOptions): Promise<GateRound[]> {
  const started: StartedServer[] = [];
  const keep = async (starting: Promise<StartedServer>): Promise<StartedServer> => {
    const server = await starting;
    started.push(server);
    return server;
  };
  try {
    const upstream = await keep(startUpstream(cores.other));
    const start = (side: Side): Promise<StartedServer> =>
      keep(startSluice({ ...side, core: cores.gateway, upstreamPort: upstream.port, workers: 1, kind: 'job' }));
    // Which of the two comes first makes a per cent or two.
    const first = await start(isBranchFirst ? branch : base);
    const second = await start(isBranchFirst ? base : branch);
    const servers: Servers = {
      base: isBranchFirst ? second : first,
      branch: isBranchFirst ? first : second,
      rawUws: await keep(startUpstream(cores.gateway)),
    };
    const load = { connections: settings.connections, core: cores.other };
    await measureRound(servers, { ...load, seconds: settings.warmUpSeconds });
    const rounds: GateRound[] = [];
    for (let round = 0; round < settings.roundsPerBlock; round++) {
      const measured = await measureRound(servers, { ...load, seconds: settings.roundSeconds });
      rounds.push(measured);
      tell(roundLine(measured));
    }
    return rounds;
  } finally {
    // The upstream last: nothing is to fail while a gateway drains.
    for (const server of started.reverse()) await server.stop();
  }
}

/**
 * All three under load at the same time. They share core, upstream and whatever else the machine does in that second, so that
 * it falls on all of them; when they took turns, rounds differed by 20 % for no reason of theirs.
 */
async function measureRound({ base, branch, rawUws }: Servers, load: Omit<LoadOptions, 'port'>): Promise<GateRound> {
  const measured = await Promise.all(
    [base, branch, rawUws].map(({ pid, port }) => measureLoad(pid, runLoad, { ...load, port })),
  );
  const [baseUs = 0, branchUs = 0, rawUwsUs = 0] = measured.map(({ cpuUs }) => cpuUs);
  return { baseUs, branchUs, rawUwsUs };
}

function roundLine({ baseUs, branchUs, rawUwsUs }: GateRound): string {
  const ratio = (branchUs / baseUs).toFixed(3);
  return `base ${baseUs.toFixed(1)} µs  branch ${branchUs.toFixed(1)} µs  raw uWS ${rawUwsUs.toFixed(1)} µs  branch/base ${ratio}`;
}
