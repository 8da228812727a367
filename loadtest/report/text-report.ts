// A result as text, for a terminal or a log.

import type { LoadTestResult } from '../result.ts';
import { printNumber, printQuantity, printThreshold, type Verdict } from '../thresholds.ts';

export function textReport(result: LoadTestResult): string {
  const rows = summaryRows(result);
  const nameChars = Math.max(...rows.map(([name]) => name.length));
  return [
    `${result.scenario}: ${result.isPassed ? 'passed' : 'FAILED'}`,
    result.shows,
    '',
    ...rows.map(([name, value]) => `  ${name.padEnd(nameChars)}  ${value}`),
    '',
    ...table(result.thresholds.map(thresholdCells)).map((line) => `  ${line}`),
    ...result.warnings.map((warning) => `\nWarning: ${warning}`),
    '',
  ].join('\n');
}

/** What both reports show on top. */
export function summaryRows(result: LoadTestResult): readonly (readonly [name: string, value: string])[] {
  const { counts, latencyMs, settings } = result;
  const rate = settings.ratePerSecond === 0 ? 'as fast as answers come' : `${settings.ratePerSecond} requests/s`;
  const perSecond = result.elapsedMs === 0 ? 0 : (counts.answered * 1000) / result.elapsedMs;
  return [
    ['target', `${result.method} ${result.url}${result.isOwnTarget ? ' (started for this run)' : ''}`],
    ['asked for', `${printNumber(settings.durationMs / 1000)} s, ${settings.connectionCount} connections, ${rate}`],
    ['started', result.startedAt],
    ['ran', `${printNumber(result.elapsedMs / 1000)} s, ${printNumber(perSecond)} answers/s`],
    [
      'requests',
      `${counts.sent} sent, ${counts.answered} answered, ${counts.failed} failed, ${counts.unfinished} under way at the end`,
    ],
    ['outcomes', printOutcomes(result.outcomes)],
    [
      'latency',
      (['mean', 'p50', 'p90', 'p99', 'p999', 'max'] as const)
        .map((name) => `${name === 'p999' ? 'p99.9' : name} ${printNumber(latencyMs[name])} ms`)
        .join(', '),
    ],
    ...result.facts,
  ];
}

/** pass, fail, or - for what could not be measured. */
export function printVerdict({ isPassed }: Verdict): string {
  if (isPassed === undefined) return '-';
  return isPassed ? 'pass' : 'FAIL';
}

function thresholdCells(verdict: Verdict): readonly string[] {
  return [
    printVerdict(verdict),
    verdict.name,
    printQuantity(verdict.measured, verdict.unit),
    printThreshold(verdict),
    verdict.says,
  ];
}

/** 1980 × 200, 20 × 503 */
function printOutcomes(outcomes: Readonly<Record<string, number>>): string {
  const texts = Object.entries(outcomes)
    .sort(([, a], [, b]) => b - a)
    .map(([outcome, count]) => `${count} × ${outcome}`);
  return texts.length === 0 ? 'none' : texts.join(', ');
}

function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] as string).length)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] as number))
      .join('  ')
      .trimEnd(),
  );
}
