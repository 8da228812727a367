import t from 'tap';
import { compare } from '../../bench/compare/compare.ts';
import { contenders } from '../../bench/compare/contenders/all.ts';
import { rawUws } from '../../bench/compare/contenders/raw-uws.ts';
import { missingCommand } from '../../bench/compare/missing-command.ts';
import { printTable } from '../../bench/compare/print-table.ts';
import { summarize } from '../../bench/compare/summarize.ts';
import { yardsticks } from '../../bench/compare/yardsticks.ts';
import { Latencies } from '../../bench/support/latencies.ts';
import type { MeasuredLoad } from '../../bench/support/measure-load.ts';
import { median } from '../../bench/support/median.ts';

function measured(cpuUs: number): MeasuredLoad {
  return { cpuUs, requests: 1, requestsPerSecond: 1_000, p50Ms: 1, p99Ms: 2, residentMib: 30 };
}

const rounds = new Map([
  ['nginx', [10, 20, 40].map(measured)],
  ['sluice', [20, 20, 60].map(measured)],
]);

t.test('ratios are taken round by round, and their median is not the ratio of the medians', async (t) => {
  const [, sluice] = summarize(rounds, ['nginx', 'raw uWS']);
  t.match(sluice, { name: 'sluice', cpuUs: 20, ratios: { nginx: { median: 1.5, min: 1, max: 2 } } });
  t.notOk(sluice?.ratios['raw uWS'], 'it is not here');
});

t.test('the table says what each contender does, and has a dash where a yardstick is missing', async (t) => {
  const table = printTable(summarize(rounds, yardsticks), contenders, yardsticks);
  t.match(
    table,
    '| sluice | 20.0 | 1.50 (1.00–2.00) | – | – | 1000 | 1.00 | 2.00 | 30 | the same with API key, two limits and access log |',
  );
});

t.test('names of contenders are unique, and the yardsticks are among them', async (t) => {
  const names = contenders.map(({ name }) => name);
  t.equal(new Set(names).size, names.length);
  t.ok(yardsticks.every((name) => names.includes(name)));
});

t.test('a contender that is not here is named with its remedy, and the others are measured', async (t) => {
  const lines: string[] = [];
  const absent = { ...rawUws, name: 'absent', missing: () => missingCommand('no-such-command', 'apt-get install it') };
  const present = { ...rawUws, warmUpSeconds: 1 };
  const comparison = await compare({
    contenders: [absent, present],
    rounds: 1,
    seconds: 1,
    connections: 2,
    tell: (line) => lines.push(line),
  });
  t.same(comparison.missing, [['absent', 'apt-get install it']]);
  t.same(lines[0], 'absent is not here (apt-get install it); going on without it');
  t.same([...comparison.rounds.keys()], ['raw uWS']);
  t.ok((comparison.rounds.get('raw uWS')?.[0]?.cpuUs ?? 0) > 0);
});

t.test('a command is found, or not', async (t) => {
  t.equal(missingCommand('node', 'install it'), undefined);
  t.equal(missingCommand('no-such-command', 'install it'), 'install it');
});

t.test('latencies have the quantiles of what was recorded, to 10 µs', async (t) => {
  const latencies = new Latencies();
  t.equal(latencies.quantileMs(0.5), 0);
  for (let ms = 1; ms <= 100; ms++) latencies.record(ms);
  t.equal(latencies.quantileMs(0.5), 50.01);
  t.equal(latencies.quantileMs(0.99), 99.01);
  latencies.record(1e9);
  t.equal(latencies.quantileMs(1), 2_000);
});

t.test('the median of an even number lies between the two in the middle', async (t) => {
  t.equal(median([4, 1, 3]), 3);
  t.equal(median([4, 1, 3, 2]), 2.5);
  t.ok(Number.isNaN(median([])));
});
