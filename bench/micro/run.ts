// npm run bench:hot (also bench:micro): nanoseconds of what every request calls, and of publishing, with ratios where there is
// something to compare with. One thread, a process for each case, medians of mitata's samples.
//
//   --only TEXT      cases whose name contains it
//   --quick          a tenth of the time per case: does it run? (V8 has not compiled everything by then)
//   --json           one JSON document instead of the table

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { describeMachine } from '../support/machine.ts';
import { allCases } from './all-cases.ts';
import type { CaseTime } from './measure-case.ts';
import type { MicroCase } from './micro-case.ts';

interface MicroResult extends CaseTime {
  readonly name: string;
  readonly against?: string;
  /** Of the medians. */
  readonly ratio?: number;
}

// The longest takes some seconds a call, and mitata some calls.
const CASE_TIMEOUT_MS = 120_000;
const QUICK_SHARE = 0.1;

const program = fileURLToPath(new URL('./measure-case.js', import.meta.url));

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const results: MicroResult[] = [];
for (const each of allCases().filter(({ name }) => name.includes(values.only))) {
  const result = await measureCase(each);
  results.push(result);
  if (!values.json) process.stdout.write(resultLine(result));
}
if (values.json) process.stdout.write(`${JSON.stringify({ machine: describeMachine(), results }, undefined, 2)}\n`);

async function measureCase({ name, against }: MicroCase): Promise<MicroResult> {
  const args = [program, name, String(values.quick ? QUICK_SHARE : 1)];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: CASE_TIMEOUT_MS });
  const time = JSON.parse(stdout) as CaseTime;
  const other = results.find((result) => result.name === against);
  return {
    name,
    ...time,
    ...(other !== undefined && { against: other.name, ratio: time.medianNs / other.medianNs }),
  };
}

function resultLine({ name, medianNs, ratio, against }: MicroResult): string {
  const compared = ratio === undefined ? '' : `   ${ratio.toFixed(2)} × ${against}`;
  return `${name.padEnd(52)} ${print(medianNs).padStart(10)}${compared}\n`;
}

function print(ns: number): string {
  return ns < 1e6 ? `${ns.toFixed(ns < 100 ? 1 : 0)} ns` : `${(ns / 1e6).toFixed(1)} ms`;
}
