// A program: measures one case in a process of its own. In one process, cases change what V8 knows about the functions that
// they share, and pay for each other's garbage.
//
//   node dist/bench/micro/measure-case.js NAME SHARE        prints one line, a CaseTime as JSON; SHARE of the usual time

import { measure } from 'mitata';
import { allCases } from './all-cases.ts';

export interface CaseTime {
  /** Nanoseconds per call. */
  readonly medianNs: number;
  readonly p99Ns: number;
}

// V8 has compiled the larger ones after some 300 ms on a machine at rest; mitata by itself takes 642 ms to measure.
const WARM_UP_MS = 1_500;
const MEASURE_MS = 1_000;

const [name, share] = [process.argv[2], Number(process.argv[3])];
const found = allCases().find((each) => each.name === name);
if (found === undefined) throw new Error(`no case is called ${name}`);
const run = await found.prepare();
const warmUntilMs = performance.now() + WARM_UP_MS * share;
while (performance.now() < warmUntilMs) await run();
const { p50, p99 } = await measure(run, { min_cpu_time: MEASURE_MS * 1e6 * share });
const time: CaseTime = { medianNs: p50, p99Ns: p99 };
process.stdout.write(`${JSON.stringify(time)}\n`);
