// npm run bench:gate: fails when this branch costs more CPU time per request than it may, against its base and against raw
// uWebSockets.js, all three measured in the same rounds.
//
//   npm run bench:gate -- --base REF            the base is built in a temporary git worktree
//   npm run bench:gate -- --against FOLDER      the base is a checkout that is built already
//     --quick, --smoke       fewer and shorter rounds (settings.ts)
//     --plant PERCENT        slow this branch down by so much: the gate must fail
//     --times COUNT          judge so many times, each for itself: how sure is the gate of what it says?
//
// The exit code is 0 when it passes (every time), 1 when it does not, 2 when nothing could be measured.

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { shareCores } from '../support/cores.ts';
import { readCount } from '../support/read-count.ts';
import { gateBounds } from './bounds.ts';
import { buildBase } from './build-base.ts';
import { type Decision, decide } from './decide.ts';
import type { Judgement } from './judge.ts';
import { type BlockOptions, measureBlock, type Side } from './measure-block.ts';
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
      times: { type: 'string', default: '1' },
    },
  });
  if ((values.base === undefined) === (values.against === undefined)) throw new Error('give --base or --against');
  const percent = values.plant === undefined ? undefined : readCount('plant', values.plant);
  const times = readCount('times', values.times);
  const settings: GateSettings = gateSettings[values.smoke ? 'smoke' : values.quick ? 'quick' : 'full'];
  const base = sideOf(values.against ?? buildBase(root, values.base as string));
  const options = { base, branch: sideOf(root), isBranchFirst: false, cores: shareCores(1), settings, tell };
  const decisions: Decision[] = [];
  while (decisions.length < times) {
    const decision = await judgeOnce(options, percent);
    report(decision);
    decisions.push(decision);
  }
  if (times > 1) reportAll(decisions);
  return decisions.every(({ passes }) => passes) ? 0 : 1;
}

/** @param percent  to be planted in the branch */
async function judgeOnce(options: BlockOptions, percent: number | undefined): Promise<Decision> {
  const planted = percent === undefined ? undefined : await plant(percent, options);
  if (planted !== undefined) tell(`a microsecond that is planted costs ${planted.charge.toFixed(2)} µs`);
  return decide(
    (block) => {
      const turn = { ...options, isBranchFirst: block % 2 === 1 };
      return measureBlock(planted === undefined ? turn : { ...turn, branch: planted.side, onRound: planted.follow });
    },
    gateBounds,
    options.settings,
  );
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

function reportAll(decisions: readonly Decision[]): void {
  const line = (name: string, ratios: readonly number[]): string => {
    const sorted = ratios.toSorted((a, b) => a - b).map((ratio) => ratio.toFixed(3));
    return `${name}  ${ratios.map((ratio) => ratio.toFixed(3)).join(' ')}: ${sorted[0]} to ${sorted.at(-1)}`;
  };
  tell(`\n${decisions.length} judgements`);
  tell(`passed            ${decisions.filter(({ passes }) => passes).length} of ${decisions.length}`);
  tell(
    line(
      'branch / base   ',
      decisions.map(({ toBase }) => toBase.ratio),
    ),
  );
  tell(
    line(
      'branch / raw uWS',
      decisions.map(({ toRawUws }) => toRawUws.ratio),
    ),
  );
}

function judgementLine(name: string, { ratio, low, high, isWorse, isClear }: Judgement, bound: number): string {
  const numbers = `${ratio.toFixed(3)} (${low.toFixed(3)}–${high.toFixed(3)})`;
  return `${name}  ${numbers}, bound ${bound}: ${isWorse ? 'worse' : 'passes'}${isClear ? '' : ', by the median alone'}`;
}

function tell(line: string): void {
  process.stdout.write(`${line}\n`);
}
