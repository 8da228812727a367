// `npm run sim:leases [seconds [seeds]]`: what leased shares use, refuse and cost, without a Redis. Prints a table, with * beside
// whatever misses its target; the figures of docs/decisions/0015-leases.md.

import { missed, targets } from '../test/control/quota/leases/scenarios.ts';
import { type Outcome, simulate } from '../test/control/quota/leases/simulation.ts';

const seconds = Number(process.argv[2] ?? 60);
const seedCount = Number(process.argv[3] ?? 3);

function mean(outcomes: readonly Outcome[], of: (outcome: Outcome) => number): number {
  return outcomes.reduce((sum, outcome) => sum + of(outcome), 0) / outcomes.length;
}

const percent = (part: number, digits: number): string => `${(part * 100).toFixed(digits)} %`;

console.log(
  `| situation | used | of one bucket | wrongly refused | commands per 1,000 | most per s and instance | waited | over |`,
);
console.log('| --- | --- | --- | --- | --- | --- | --- | --- |');
for (const target of targets) {
  const outcomes = Array.from({ length: seedCount }, (_, seed) => simulate(target.scenario(seed + 1, seconds)));
  const cells = [
    target.name,
    percent(
      mean(outcomes, ({ used }) => used),
      1,
    ),
    percent(
      mean(outcomes, ({ ideal, admitted }) => admitted / ideal),
      1,
    ),
    percent(
      mean(outcomes, ({ wronglyRefused }) => wronglyRefused),
      2,
    ),
    mean(outcomes, ({ commandsPerThousand }) => commandsPerThousand).toFixed(1),
    Math.max(...outcomes.map(({ commandsPerSecondMax }) => commandsPerSecondMax)),
    percent(
      mean(outcomes, ({ waited, admitted }) => waited / admitted),
      1,
    ),
    Math.max(...outcomes.map(({ excess }) => excess)) <= 0 ? 'none' : 'OVER',
  ];
  console.log(`| ${cells.join(' | ')} |${outcomes.some((outcome) => missed(target, outcome).length > 0) ? ' *' : ''}`);
}
