// npm run bench:compare: CPU time per request of Sluice and its peers, in alternating rounds of one run.
//
//   npm run bench:compare -- [--rounds 5] [--seconds 4] [--connections 64] [--workers 1] [--only nginx,sluice] [--json FILE]
//
// The method, and how to read the table: docs/benchmarks.md.

import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { describeMachine } from '../support/machine.ts';
import { readCount } from '../support/read-count.ts';
import { compare } from './compare.ts';
import { contenders } from './contenders/all.ts';
import { printTable } from './print-table.ts';
import { summarize } from './summarize.ts';
import { yardsticks } from './yardsticks.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '4' },
    connections: { type: 'string', default: '64' },
    workers: { type: 'string', default: '1' },
    only: { type: 'string' },
    json: { type: 'string' },
  },
});
const only = values.only?.split(',');
const unknown = only?.filter((name) => contenders.every((contender) => contender.name !== name)) ?? [];
if (unknown.length > 0) throw new Error(`no contender is called ${unknown.join(', ')}`);

const workers = readCount('workers', values.workers);
const comparison = await compare({
  contenders: contenders.filter(({ name }) => only === undefined || only.includes(name)),
  rounds: readCount('rounds', values.rounds),
  seconds: readCount('seconds', values.seconds),
  connections: readCount('connections', values.connections),
  workers,
  tell: (line) => void process.stdout.write(`${line}\n`),
});
const summaries = summarize(comparison.rounds, yardsticks);
const { cores, load, missing } = comparison;
process.stdout.write(
  `\nmedians of ${values.rounds} rounds of ${values.seconds} s, ${values.connections} connections; gateway with ` +
    `${workers} worker${workers === 1 ? '' : 's'} on core ${cores.gateway}, upstream and load (${load}) on core ${cores.other}\n\n` +
    printTable(summaries, contenders, yardsticks),
);
if (values.json !== undefined) {
  const rounds = Object.fromEntries(comparison.rounds);
  const report = { machine: describeMachine(), options: values, cores, load, missing, summaries, rounds };
  writeFileSync(values.json, `${JSON.stringify(report, undefined, 2)}\n`);
}
