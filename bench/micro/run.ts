// npm run bench:hot (also bench:micro): nanoseconds of what every request calls, and of publishing, with ratios where there is
// something to compare with. One thread, medians of mitata's samples.
//
//   --only TEXT      cases whose name contains it
//   --quick          a tenth of the time per case: does it run? (V8 has not compiled everything by then)
//   --json           one JSON document instead of the table

import { parseArgs } from 'node:util';
import { measure } from 'mitata';
import { describeMachine } from '../support/machine.ts';
import { handleCases } from './handle-cases.ts';
import { limitCases } from './limit-cases.ts';
import { matchCases } from './match-cases.ts';
import type { MicroCase } from './micro-case.ts';
import { publishCases } from './publish-cases.ts';

interface MicroResult {
  readonly name: string;
  /** Nanoseconds per call. */
  readonly medianNs: number;
  readonly p99Ns: number;
  readonly against?: string;
  readonly ratio?: number;
}

const ROUTE_COUNTS = [10, 1_000, 10_000];
const PUBLISHED_ROUTE_COUNT = 10_000;
// Per case. V8 has compiled the larger ones after some 300 ms; mitata by itself takes 642 ms to measure.
const WARM_UP_MS = 500;
const MEASURE_MS = 1_000;
// With --quick.
const QUICK_SHARE = 0.1;

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const cases = [
  ...ROUTE_COUNTS.flatMap(matchCases),
  ...limitCases(),
  ...handleCases(),
  ...publishCases(PUBLISHED_ROUTE_COUNT),
].filter(({ name }) => name.includes(values.only));

const results: MicroResult[] = [];
for (const each of cases) {
  results.push(await measureCase(each));
  if (!values.json) process.stdout.write(resultLine(results.at(-1) as MicroResult));
}
if (values.json) process.stdout.write(`${JSON.stringify({ machine: describeMachine(), results }, undefined, 2)}\n`);

async function measureCase({ name, against, prepare }: MicroCase): Promise<MicroResult> {
  const share = values.quick ? QUICK_SHARE : 1;
  const run = await prepare();
  const warmUntilMs = performance.now() + WARM_UP_MS * share;
  while (performance.now() < warmUntilMs) await run();
  const { p50, p99 } = await measure(run, { min_cpu_time: MEASURE_MS * 1e6 * share });
  const other = results.find((result) => result.name === against);
  return {
    name,
    medianNs: p50,
    p99Ns: p99,
    ...(other !== undefined && { against: other.name, ratio: p50 / other.medianNs }),
  };
}

function resultLine({ name, medianNs, ratio, against }: MicroResult): string {
  const compared = ratio === undefined ? '' : `   ${ratio.toFixed(2)} × ${against}`;
  return `${name.padEnd(52)} ${print(medianNs).padStart(10)}${compared}\n`;
}

function print(ns: number): string {
  return ns < 1e6 ? `${ns.toFixed(ns < 100 ? 1 : 0)} ns` : `${(ns / 1e6).toFixed(1)} ms`;
}
