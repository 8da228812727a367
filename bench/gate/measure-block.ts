// One block of rounds: three servers side by side on the gateway's core.

import type { Cores } from '../support/cores.ts';
import { SideBySide } from '../support/side-by-side.ts';
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
  /** After the second half of the warm-up, and after every round. */
  readonly onRound?: (round: GateRound) => void;
}

export async function measureBlock(options: BlockOptions): Promise<GateRound[]> {
  const { base, branch, isBranchFirst, cores, settings, tell, onRound = () => {} } = options;
  const beside = new SideBySide(cores, settings.connections);
  const sides = isBranchFirst ? [branch, base] : [base, branch];
  const measureRound = async (seconds: number): Promise<GateRound> => {
    const [first = 0, second = 0, rawUwsUs = 0] = (await beside.measure(seconds)).map(({ cpuUs }) => cpuUs);
    const [branchUs, baseUs] = isBranchFirst ? [first, second] : [second, first];
    return { baseUs, branchUs, rawUwsUs };
  };
  try {
    // Which of the two comes first makes a per cent or two.
    await beside.start([
      ...sides.map((side) => (upstreamPort: number) => {
        return startSluice({ ...side, core: cores.gateway, upstreamPort, workers: 1, kind: 'job' });
      }),
      () => startUpstream(cores.gateway),
    ]);
    // In halves: the first one is V8's, and says nothing of what a request costs.
    await measureRound(settings.warmUpSeconds / 2);
    onRound(await measureRound(settings.warmUpSeconds / 2));
    const rounds: GateRound[] = [];
    for (let round = 0; round < settings.roundsPerBlock; round++) {
      const measured = await measureRound(settings.roundSeconds);
      rounds.push(measured);
      onRound(measured);
      tell(roundLine(measured));
    }
    return rounds;
  } finally {
    await beside.stop();
  }
}

function roundLine({ baseUs, branchUs, rawUwsUs }: GateRound): string {
  const ratio = (branchUs / baseUs).toFixed(3);
  return `base ${baseUs.toFixed(1)} µs  branch ${branchUs.toFixed(1)} µs  raw uWS ${rawUwsUs.toFixed(1)} µs  branch/base ${ratio}`;
}
