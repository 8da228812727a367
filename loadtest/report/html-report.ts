// A result as one page that needs nothing but itself. Its policy forbids every request, so that this stays so.

import type { LoadTestResult } from '../result.ts';
import { printQuantity, printThreshold, type Verdict } from '../thresholds.ts';
import { escapeHtml as e } from './escape-html.ts';
import { type LineChart, lineChart } from './line-chart.ts';
import { latencyChart, percentileChart, throughputChart } from './report-charts.ts';
import { style } from './style.ts';
import { printVerdict, summaryRows } from './text-report.ts';

export function htmlReport(result: LoadTestResult): string {
  const verdict = result.isPassed
    ? '<span class="verdict good">passed</span>'
    : '<span class="verdict bad">failed</span>';
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${e(`${result.scenario}: ${result.isPassed ? 'passed' : 'failed'}`)}</title>
<style>${style}</style>
</head>
<body>
<h1>${e(result.scenario)} ${verdict}</h1>
<p class="soft">${e(result.shows)}</p>
${result.warnings.map((warning) => `<p class="warning">${e(warning)}</p>`).join('\n')}
<h2>Thresholds</h2>
<table>
<tr><th>Verdict</th><th>Threshold</th><th>Measured</th><th>May be</th><th>What it is</th></tr>
${result.thresholds.map(thresholdRow).join('\n')}
</table>
<h2>Run</h2>
<table class="summary">
${summaryRows(result)
  .map(([name, value]) => `<tr><th>${e(name)}</th><td>${e(value)}</td></tr>`)
  .join('\n')}
</table>
${figure(latencyChart(result), 'Of the answers of each moment, as measured.')}
${figure(percentileChart(result.percentiles), percentileNote(result))}
${figure(throughputChart(result), 'A failure has no whole answer, or a status that the scenario does not expect.')}
</body>
</html>
`;
}

function thresholdRow(verdict: Verdict): string {
  const className = verdict.isPassed === undefined ? 'soft' : verdict.isPassed ? 'good' : 'bad';
  return [
    `<tr><td class="${className}">${printVerdict(verdict)}</td>`,
    `<td class="number">${e(verdict.name)}</td>`,
    `<td class="number">${e(printQuantity(verdict.measured, verdict.unit))}</td>`,
    `<td class="number">${e(printThreshold(verdict))}</td>`,
    `<td>${e(verdict.says)}</td></tr>`,
  ].join('');
}

function figure(chart: LineChart, note: string): string {
  const legend = chart.series.map(({ label, className }) => `<li><i class="${className}"></i>${e(label)}</li>`);
  return `<h2>${e(chart.title)}</h2>
<p class="soft">${e(note)}</p>
${chart.series.length > 1 ? `<ul class="legend">${legend.join('')}</ul>` : ''}
${lineChart(chart)}`;
}

function percentileNote({ settings }: LoadTestResult): string {
  return settings.ratePerSecond === 0
    ? 'Each step to the right is ten times rarer. As measured: a load without a rate sends less while it waits.'
    : 'Each step to the right is ten times rarer. Corrected for the requests that could not be sent while one was waited for.';
}
