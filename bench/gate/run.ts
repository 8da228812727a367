// npm run bench:gate: fails when this branch costs more CPU time per request than it may, against its base and against raw
// uWebSockets.js, all three measured in the same rounds.
//
//   npm run bench:gate -- --base REF            the base is built in a temporary git worktree
//   npm run bench:gate -- --against FOLDER      the base is a checkout that is built already
//     --quick, --smoke       fewer and shorter rounds (settings.ts)
//     --plant PERCENT        slow this branch down by so much: the gate must fail
//
// The exit code is 0 when it passes, 1 when it does not, 2 when nothing could be measured.

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { shareCores } from '../support/cores.ts';
import { readCount } from '../support/read-count.ts';
import { gateBounds } from './bounds.ts';
import { buildBase } from './build-base.ts';
import { type Decision, decide } from './decide.ts';
import type { Judgement } from './judge.ts';
import { measureBlock, type Side } from './measure-block.ts';
import { plant } from './plant.ts';
import { type GateSettings, gateSettings } from './settings.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));

// exitCode, not exit(): what was printed must get out.
try {
  process.exitCode = await gate();
} catch (error) {
  process.stderr.write(`the gate could not measure: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}

async function gate(): Promise<number> {
  const { values } = parseArgs({
    options: {
      base: { type: 'string' },
      against: { type: 'string' },
      quick: { type: 'boolean', default: false },
      smoke: { type: 'boolean', default: false },
      plant: { type: 'string' },
    },
  });
  if ((values.base === undefined) === (values.against === undefined)) throw new Error('give --base or --against');
  const settings: GateSettings = gateSettings[values.smoke ? 'smoke' : values.quick ? 'quick' : 'full'];
  const cores = shareCores(1);
  const base = sideOf(values.against ?? buildBase(root, values.base as string));
  let branch = sideOf(root);
  if (values.plant !== undefined) {
    branch = await plant(readCount('plant', values.plant), {
      base,
      branch,
      isBranchFirst: false,
      cores,
      settings,
      tell,
    });
    tell(`planted in the branch: ${JSON.stringify(branch.env)}`);
  }
  const decision = await decide(
    (block) => measureBlock({ base, branch, isBranchFirst: block % 2 === 1, cores, settings, tell }),
    gateBounds,
    settings,
  );
  report(decision);
  return decision.passes ? 0 : 1;
}

function sideOf(folder: string): Side {
  return { program: join(folder, 'dist', 'src', 'main.js'), env: {} };
}

function report({ rounds, toBase, toRawUws, passes }: Decision): void {
  tell(`\n${rounds.length} rounds, CPU time per request`);
  tell(judgementLine('branch / base   ', toBase, gateBounds.toBase));
  tell(judgementLine('branch / raw uWS', toRawUws, gateBounds.toRawUws));
  tell(passes ? 'the gate passes' : 'the gate fails');
}

function judgementLine(name: string, { ratio, low, high, isWorse, isClear }: Judgement, bound: number): string {
  const numbers = `${ratio.toFixed(3)} (${low.toFixed(3)}–${high.toFixed(3)})`;
  return `${name}  ${numbers}, bound ${bound}: ${isWorse ? 'worse' : 'passes'}${isClear ? '' : ', by the median alone'}`;
}

function tell(line: string): void {
  process.stdout.write(`${line}\n`);
}
