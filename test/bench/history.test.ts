import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { drawHistory } from '../../bench/history/draw-history.ts';
import { escapeXml } from '../../bench/history/escape-xml.ts';
import type { HistoryEntry } from '../../bench/history/history-entry.ts';
import { HistoryFile } from '../../bench/history/history-file.ts';

const machine = { cpu: 'Fast & <Cheap>', cores: 2, memoryGib: 8, kernel: 'Linux 6.1', node: 'v20.19.0' };

function entry(sluice: number | undefined, parts: Partial<HistoryEntry> = {}): HistoryEntry {
  const ratios = { nginx: { nginx: 1, haproxy: 1.1, ...(sluice !== undefined && { sluice }) } };
  return { commit: 'abc1234', date: '2026-01-02T03:04:05.000Z', machine, ratios, ...parts };
}

const lineOf = (svg: string): number => svg.split('<path').length - 1;

t.test('what is appended is read again, in order, and the folder is made', async (t) => {
  const file = new HistoryFile(join(t.testdir(), 'new', 'folder', 'history.jsonl'));
  t.same(file.read(), { entries: [], brokenLines: [] });
  file.append(entry(2));
  file.append(entry(1.5));
  t.same(file.read(), { entries: [entry(2), entry(1.5)], brokenLines: [] });
});

t.test('broken lines are told by number, left out and left alone', async (t) => {
  const name = join(t.testdir(), 'history.jsonl');
  const broken = ['{"commit":"a"}', 'nonsense', JSON.stringify({ ...entry(2), ratios: { nginx: { sluice: 'much' } } })];
  const text = [JSON.stringify(entry(2)), ...broken, '', JSON.stringify(entry(3))].join('\n');
  writeFileSync(name, text);
  const file = new HistoryFile(name);
  t.same(file.read(), { entries: [entry(2), entry(3)], brokenLines: [2, 3, 4] });
  file.append(entry(4));
  t.ok(readFileSync(name, 'utf8').startsWith(text));
});

t.test('a line that was cut off does not swallow the next', async (t) => {
  const name = join(t.testdir(), 'history.jsonl');
  writeFileSync(name, `${JSON.stringify(entry(2))}\n${JSON.stringify(entry(3)).slice(0, 40)}`);
  const file = new HistoryFile(name);
  file.append(entry(4));
  t.same(file.read(), { entries: [entry(2), entry(4)], brokenLines: [2] });
});

t.test('there is a line for each contender but the yardstick, with the latest ratio beside its name', async (t) => {
  const svg = drawHistory([entry(2), entry(1.25)], ['nginx', 'raw uWS']);
  t.equal(lineOf(svg), 2);
  t.match(svg, 'sluice: 1.25');
  t.match(svg, 'haproxy: 1.10');
  t.notMatch(svg, 'raw uWS', 'nothing was measured against it');
});

t.test('a contender has one colour in every panel', async (t) => {
  const both = { nginx: { 'raw uWS': 0.5, nginx: 1, sluice: 2 }, 'raw uWS': { 'raw uWS': 1, nginx: 2, sluice: 4 } };
  const svg = drawHistory([entry(2, { ratios: both })], ['nginx', 'raw uWS']);
  const colours = [...svg.matchAll(/stroke="(#\w+)" stroke-dasharray="none"\/>\n<text [^>]*>sluice:/g)].map(
    (m) => m[1],
  );
  t.equal(colours.length, 2);
  t.equal(colours[0], colours[1]);
});

t.test('a run without a contender leaves a gap in its line', async (t) => {
  const svg = drawHistory([entry(2), entry(2), entry(undefined), entry(2), entry(2)], ['nginx']);
  t.match(svg, /d="M[\d. ]+L[\d. ]+M[\d. ]+L[\d. ]+"/);
});

t.test('a change of the machine is marked, with what changed', async (t) => {
  const newer = { ...machine, node: 'v24.1.0' };
  const svg = drawHistory([entry(2), entry(2), entry(2, { machine: newer })], ['nginx']);
  t.equal(svg.split('stroke-dasharray="5 4"').length - 1, 1);
  t.match(svg, '>node v24.1.0<');
  t.match(svg, 'Fast &amp; &lt;Cheap&gt;');
  t.notMatch(drawHistory([entry(2), entry(3)], ['nginx']), '5 4');
});

t.test('no history and a history of one run can be drawn', async (t) => {
  t.match(drawHistory([], ['nginx']), 'nothing has been measured yet');
  t.match(drawHistory([entry(2)], ['nginx']), 'sluice: 2.00');
});

t.test('whatever was measured lies inside the panel', async (t) => {
  const ratio = fc.double({ min: 0.01, max: 1_000, noNaN: true });
  const law = fc.property(fc.array(ratio, { minLength: 1, maxLength: 40 }), (ratios) => {
    const svg = drawHistory(
      ratios.map((each) => entry(each)),
      ['nginx'],
    );
    return [...svg.matchAll(/cx="([\d.]+)" cy="([\d.]+)"/g)].every(([, x, y]) => {
      return Number(x) >= 70 && Number(x) <= 730 && Number(y) >= 50 && Number(y) <= 290;
    });
  });
  t.doesNotThrow(() => fc.assert(law));
});

t.test('text is escaped', async (t) => {
  t.equal(escapeXml('<a b="c">&</a>'), '&lt;a b=&quot;c&quot;&gt;&amp;&lt;/a&gt;');
});
