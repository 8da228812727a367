import fc from 'fast-check';
import t from 'tap';
import { escapeHtml } from '../../loadtest/report/escape-html.ts';
import { htmlReport } from '../../loadtest/report/html-report.ts';
import { latencyChart, percentileX } from '../../loadtest/report/report-charts.ts';
import { textReport } from '../../loadtest/report/text-report.ts';
import { ticks } from '../../loadtest/report/ticks.ts';
import { sampleResult } from './sample-result.ts';

t.test('the text says what passed, what failed and what could not be measured, with its value', async (t) => {
  const text = textReport(sampleResult);
  t.match(text, /^steady: FAILED\n/);
  t.match(text, / {2}FAIL {2}p99 +12\.3 ms +at most 10 ms +slow ones\n/);
  t.match(text, / {2}pass {2}errors +0 % +at most 1 %/);
  t.match(text, / {2}- {5}memory +not measured/);
  t.match(text, '2 × 200, 1 × ECONNRESET');
  t.match(text, 'Warning: A warning.');
  t.match(textReport({ ...sampleResult, isPassed: true }), /^steady: passed\n/);
});

t.test('the page asks for nothing from elsewhere, and says so to the browser', async (t) => {
  const page = htmlReport(sampleResult);
  t.match(page, "default-src 'none'");
  t.notMatch(page, /<script|<link|<img|@import|url\(|\bsrc=|\bhref=/);
  t.equal(page.match(/<svg /g)?.length, 3);
});

t.test('what comes from outside is text in the page, wherever it stands', async (t) => {
  const bad = "\"><script>alert('x')</script>&";
  const page = htmlReport({
    ...sampleResult,
    scenario: bad,
    shows: bad,
    url: `http://127.0.0.1/${bad}`,
    method: bad,
    outcomes: { [bad]: 1 },
    facts: [[bad, bad]],
    warnings: [bad],
    marks: [{ fromMs: 0, toMs: 1, label: bad }],
  });
  t.notMatch(page, '<script');
  t.equal(page.split('&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;').length - 1, 11);
});

t.test('escaped text holds nothing that HTML reads, and loses nothing', async () => {
  const plain: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" };
  fc.assert(
    fc.property(fc.string(), (text) => {
      const escaped = escapeHtml(text);
      const back = escaped.replace(/&(amp|lt|gt|quot|#39);/g, (_, name: string) => plain[name] as string);
      return !/[<>"']/.test(escaped) && back === text;
    }),
  );
});

t.test('a stretch without answers is a gap in the latency, not a zero', async (t) => {
  for (const series of latencyChart(sampleResult).series) t.equal(series.points[1]?.y, undefined);
});

t.test('each tenfold rarer share is one step on the percentile axis', async (t) => {
  for (const [percentile, x] of [
    [0, 0],
    [90, 1],
    [99, 2],
    [99.9, 3],
  ] as const) {
    t.ok(Math.abs(percentileX(percentile) - x) < 1e-9);
  }
});

t.test('a run without one answer still makes a page', async (t) => {
  const page = htmlReport({ ...sampleResult, slices: [], percentiles: [], marks: [], outcomes: {}, elapsedMs: 0 });
  t.notMatch(page, /NaN|Infinity|undefined/);
});

t.test('ticks are round, evenly spaced, reach the maximum and are not many more than asked for', async () => {
  fc.assert(
    fc.property(fc.double({ min: 1e-6, max: 1e9, noNaN: true }), fc.integer({ min: 2, max: 10 }), (max, count) => {
      const at = ticks(max, count).map((tick) => tick.at);
      const step = (at[1] as number) - (at[0] as number);
      const digits = Number((step / 10 ** Math.floor(Math.log10(step) + 1e-9)).toFixed(6));
      return (
        at[0] === 0 && (at.at(-1) as number) >= max * (1 - 1e-6) && at.length <= count + 2 && [1, 2, 5].includes(digits)
      );
    }),
  );
});
