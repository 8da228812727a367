// A slow-down to try the gate with, in per cent of what a request costs as the gate measures it.
//
// A microsecond that is burnt costs more than one: on a core that three busy processes share, interrupts for everyone's sockets,
// switches between processes and the cold caches after them fall on a process in proportion to the time it takes, not to the
// requests it serves. The processor is charged with 1.2 to 1.35 µs for it. So a probe is planted first, and what it adds to a
// request is measured: a plant of 15 % of the bare figure would cost 18 to 20 %.
//
// What a request costs moves by a third with the machine's neighbours, and what is burnt in a register does not. So the plant
// follows the base, from round to round.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { median } from '../support/median.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import type { GateRound } from './decide.ts';
import { type BlockOptions, measureBlock, type Side } from './measure-block.ts';

/** The file that holds the microseconds to burn. Read by planted-gateway.worker.ts only. */
export const PLANT_VARIABLE = 'SLUICE_BENCH_PLANT_FILE';

export interface Plant {
  readonly side: Side;
  /** Measured microseconds for each one that is burnt. */
  readonly charge: number;
  /** To be told of every round: what the base costs now. */
  follow(round: GateRound): void;
}

// A third of a request or more, so that it stands out of the noise of rounds (4 %) by far.
const PROBE_US = 20;
// What is burnt is charged at the least; more than twice as much is a calibration that something else ran into.
const CHARGE_MIN = 1;
const CHARGE_MAX = 2;

const planted = fileURLToPath(new URL('./run-planted.js', import.meta.url));

/** @param percent  of what a request to the branch costs without it */
export async function plant(percent: number, options: BlockOptions): Promise<Plant> {
  const file = join(temporaryFolder(), 'plant-us');
  const burn = (us: number): void => writeFileSync(file, us.toFixed(3));
  const side: Side = { program: planted, env: { [PLANT_VARIABLE]: file } };
  burn(PROBE_US);
  const rounds: GateRound[] = [];
  for (let block = 0; block < options.settings.blocksMin; block++) {
    const turn = { ...options, base: options.branch, branch: side, isBranchFirst: block % 2 === 1 };
    for (const round of await measureBlock(turn)) rounds.push(round);
  }
  const added = median(rounds.map(({ branchUs, baseUs }) => branchUs - baseUs));
  const charge = Math.min(CHARGE_MAX, Math.max(CHARGE_MIN, added / PROBE_US));
  burn((median(rounds.map(({ baseUs }) => baseUs)) * percent) / 100 / charge);
  return { side, charge, follow: ({ baseUs }) => burn((baseUs * percent) / 100 / charge) };
}
