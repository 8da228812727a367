// A slow-down to try the gate with: how many microseconds make so many per cent.

import { fileURLToPath } from 'node:url';
import { median } from '../support/median.ts';
import { type BlockOptions, measureBlock, type Side } from './measure-block.ts';

/** Read by planted-gateway.worker.ts only. */
export const PLANT_VARIABLE = 'SLUICE_BENCH_PLANT_US';

const CALIBRATION_ROUNDS = 3;

const planted = fileURLToPath(new URL('./run-planted.js', import.meta.url));

/**
 * Measures what a request to the branch costs now, under the load that the gate itself makes.
 * @param percent  of that, to be burnt on top in every request
 */
export async function plant(percent: number, options: BlockOptions): Promise<Side> {
  const settings = { ...options.settings, roundsPerBlock: CALIBRATION_ROUNDS };
  const rounds = await measureBlock({ ...options, settings });
  const branchUs = median(rounds.map((round) => round.branchUs));
  return { program: planted, env: { [PLANT_VARIABLE]: String((branchUs * percent) / 100) } };
}
