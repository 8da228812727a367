// A comparison as a table in Markdown.

import type { Contender } from './contender.ts';
import { markdownTable } from './markdown-table.ts';
import { printRatio } from './ratio.ts';
import type { Summary } from './summarize.ts';

export function printTable(
  summaries: readonly Summary[],
  contenders: readonly Contender[],
  yardsticks: readonly string[],
): string {
  const columns = [
    ...['contender', 'CPU µs per request'],
    ...yardsticks.map((yardstick) => `ratio to ${yardstick} (min–max)`),
    ...['requests/s', 'p50 ms', 'p99 ms', 'RSS MiB', 'does'],
  ];
  const rows = summaries.map((summary) => [
    summary.name,
    summary.cpuUs.toFixed(1),
    ...yardsticks.map((yardstick) => {
      const ratio = summary.ratios[yardstick];
      return ratio === undefined ? '–' : printRatio(ratio);
    }),
    summary.requestsPerSecond.toFixed(0),
    summary.p50Ms.toFixed(2),
    summary.p99Ms.toFixed(2),
    summary.residentMib.toFixed(0),
    contenders.find(({ name }) => name === summary.name)?.job ?? '',
  ]);
  return markdownTable([columns, ...rows]);
}
