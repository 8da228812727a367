// npm run bench:compare: CPU time per request of Sluice and its peers, in alternating rounds of one run.
//
//   npm run bench:compare -- [--rounds 5] [--seconds 4] [--connections 64] [--only nginx,sluice] [--json FILE] [--smoke]
//     --bodies            bodies of 1 MiB, both ways: throughput, CPU time per MiB, memory (16 connections)
//     --workers N         N workers beside one
//     --rate auto         latencies at equal load: half of what the slowest can do; or so many requests per second
//
// The method, and how to read the tables: docs/benchmarks.md.

import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { describeMachine } from '../support/machine.ts';
import { readCount } from '../support/read-count.ts';
import { compare } from './compare.ts';
import { compareBodies } from './compare-bodies.ts';
import { compareRate } from './compare-rate.ts';
import { compareWorkers } from './compare-workers.ts';
import { contenders } from './contenders/all.ts';
import { nginxUnbuffered } from './contenders/nginx.ts';
import type { ModeOptions } from './mode.ts';
import { printTable } from './print-table.ts';
import { summarize } from './summarize.ts';
import { yardsticks } from './yardsticks.ts';

// More large bodies at once only make longer queues.
const BODY_CONNECTIONS = '16';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    connections: { type: 'string' },
    only: { type: 'string' },
    json: { type: 'string' },
    smoke: { type: 'boolean', default: false },
    bodies: { type: 'boolean', default: false },
    workers: { type: 'string' },
    rate: { type: 'string' },
  },
});
const only = values.only?.split(',');
const known = [...contenders, nginxUnbuffered].map(({ name }) => name);
const unknown = only?.filter((name) => !known.includes(name)) ?? [];
if (unknown.length > 0) throw new Error(`no contender is called ${unknown.join(', ')}`);
const options: ModeOptions = {
  rounds: readCount('rounds', values.rounds ?? (values.smoke ? '1' : '5')),
  seconds: readCount('seconds', values.seconds ?? (values.smoke ? '1' : '4')),
  connections: readCount('connections', values.connections ?? (values.bodies ? BODY_CONNECTIONS : '64')),
  only,
  isSmoke: values.smoke,
  tell: (line) => void process.stdout.write(`${line}\n`),
};
const { text, ...figures } = await run();
process.stdout.write(`\n${text}\n`);
if (values.json !== undefined) {
  const report = { machine: describeMachine(), options: values, ...figures };
  writeFileSync(values.json, `${JSON.stringify(report, undefined, 2)}\n`);
}

async function run(): Promise<{ readonly text: string }> {
  if (values.bodies) return compareBodies(options);
  if (values.workers !== undefined) return compareWorkers(options, readCount('workers', values.workers));
  if (values.rate === 'auto') return compareRate(options, undefined);
  if (values.rate !== undefined) return compareRate(options, readCount('rate', values.rate));
  return compareAll();
}

async function compareAll() {
  const comparison = await compare({
    ...options,
    contenders: contenders.filter(({ name }) => only === undefined || only.includes(name)),
  });
  const { cores, load, missing } = comparison;
  const summaries = summarize(comparison.rounds, yardsticks);
  const head =
    `medians of ${options.rounds} rounds of ${options.seconds} s, ${options.connections} connections; gateway with one worker on ` +
    `core ${cores.gateway}, upstream and load (${load}) on core ${cores.other}`;
  const text = `${head}\n\n${printTable(summaries, contenders, yardsticks)}`;
  return { text, cores, load, missing, summaries, rounds: Object.fromEntries(comparison.rounds) };
}
