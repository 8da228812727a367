// The style of a report's page: of the page itself, no fonts or pictures from elsewhere; light and dark as the reader has it.

export const style = `
:root { color-scheme: light dark; --back: #fff; --text: #1c2330; --soft: #5b6472; --line: #e1e5ea; --mark: #e9edf3;
  --good: #1a7f37; --bad: #c42b1c; --p50: #2563eb; --p99: #c2570c; --max: #8a93a0; }
@media (prefers-color-scheme: dark) { :root { --back: #14181f; --text: #e6e9ee; --soft: #9aa4b2; --line: #2b323d;
  --mark: #232a35; --good: #56d364; --bad: #ff7b72; --p50: #6ea8fe; --p99: #f5a15b; --max: #717a87; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 960px; padding: 32px 24px; background: var(--back); color: var(--text);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { margin: 0; font-size: 26px; }
h2 { margin: 36px 0 8px; font-size: 18px; }
p { margin: 6px 0; }
.soft, th { color: var(--soft); font-weight: normal; }
.verdict { margin-left: 8px; padding: 2px 10px; border: 1px solid; border-radius: 999px; font-size: 15px; vertical-align: 4px; }
.good { color: var(--good); }
.bad { color: var(--bad); }
table { width: 100%; border-collapse: collapse; }
td, th { padding: 6px 16px 6px 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
.summary th { width: 1%; white-space: nowrap; }
td { overflow-wrap: anywhere; }
.number { font-variant-numeric: tabular-nums; white-space: nowrap; }
.warning { margin: 16px 0 0; padding: 10px 14px; border-left: 4px solid var(--bad); background: var(--mark); }
svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--soft); font: 12px system-ui, sans-serif; }
.grid line { stroke: var(--line); }
.mark rect { fill: var(--mark); }
.line { fill: none; stroke: currentColor; stroke-width: 1.75; stroke-linejoin: round; }
.dots circle { fill: currentColor; opacity: 0; }
.dots circle:hover { opacity: 1; }
.series-p50 { color: var(--p50); }
.series-p99 { color: var(--p99); }
.series-max { color: var(--max); }
.series-failed { color: var(--bad); }
.legend { display: flex; flex-wrap: wrap; gap: 4px 20px; margin: 4px 0; padding: 0; list-style: none; color: var(--soft); }
.legend i { display: inline-block; width: 18px; height: 3px; margin-right: 6px; background: currentColor; vertical-align: 4px; }
`;
