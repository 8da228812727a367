// The history as one SVG: a panel per yardstick, a line per contender, runs from left to right at equal distances, ratios on a
// logarithmic scale (twice and half as much are equally far from 1). A dashed line stands where the machine changed.

import { escapeXml } from './escape-xml.ts';
import type { HistoryEntry } from './history-entry.ts';

interface Scale {
  x(run: number): number;
  y(ratio: number): number;
  /** Of the y axis. */
  readonly ticks: readonly number[];
}

const WIDTH = 960;
const PANEL_HEIGHT = 360;
const MARGIN = { left: 70, right: 230, top: 50, bottom: 70 };
const PLOT_WIDTH = WIDTH - MARGIN.left - MARGIN.right;
const PLOT_HEIGHT = PANEL_HEIGHT - MARGIN.top - MARGIN.bottom;
// So many dates fit side by side.
const DATE_COUNT_MAX = 7;
const LEGEND_LINE_HEIGHT = 18;
// Okabe and Ito's, which those who see few colours can tell apart.
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000'];

/** @param yardsticks  in the order of the panels; those without any ratio are left out */
export function drawHistory(entries: readonly HistoryEntry[], yardsticks: readonly string[]): string {
  const drawn = yardsticks.filter((yardstick) => contendersOf(entries, yardstick).length > 0);
  const height = Math.max(1, drawn.length) * PANEL_HEIGHT;
  const panels = drawn.map((yardstick, index) => {
    return `<g transform="translate(0 ${index * PANEL_HEIGHT})">\n${drawPanel(entries, yardstick)}\n</g>`;
  });
  if (drawn.length === 0) panels.push(text(WIDTH / 2, PANEL_HEIGHT / 2, 'nothing has been measured yet', 'middle'));
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="white"/>
${panels.join('\n')}
</svg>
`;
}

function drawPanel(entries: readonly HistoryEntry[], yardstick: string): string {
  const contenders = contendersOf(entries, yardstick);
  const scale = scaleOf(entries, yardstick);
  const lines = contenders.flatMap((contender, index) => {
    const colour = colourOf(entries, contender);
    const ratios = entries.map((entry) => entry.ratios[yardstick]?.[contender]);
    return [drawLine(ratios, colour, scale), drawLegend(contender, ratios.at(-1), colour, index)];
  });
  return [drawTitle(yardstick), drawAxes(entries, yardstick, scale), drawMachines(entries, scale), ...lines].join('\n');
}

/** The yardstick itself is 1 throughout: the axis shows it. */
function contendersOf(entries: readonly HistoryEntry[], yardstick: string): readonly string[] {
  const names = new Set(entries.flatMap((entry) => Object.keys(entry.ratios[yardstick] ?? {})));
  names.delete(yardstick);
  return [...names].sort();
}

/** The same in every panel. */
function colourOf(entries: readonly HistoryEntry[], contender: string): string {
  const names = new Set(entries.flatMap((entry) => Object.values(entry.ratios).flatMap(Object.keys)));
  return COLOURS[[...names].sort().indexOf(contender) % COLOURS.length] as string;
}

function scaleOf(entries: readonly HistoryEntry[], yardstick: string): Scale {
  const ratios = entries.flatMap((entry) => Object.values(entry.ratios[yardstick] ?? {}));
  const low = Math.floor(Math.log2(Math.min(1, ...ratios)));
  // A panel is a doubling high at the least.
  const high = Math.max(low + 1, Math.ceil(Math.log2(Math.max(1, ...ratios))));
  // One run lies in the middle.
  const steps = Math.max(1, entries.length - 1);
  const first = entries.length === 1 ? 0.5 : 0;
  return {
    x: (run) => MARGIN.left + ((run + first) / steps) * PLOT_WIDTH,
    y: (ratio) => MARGIN.top + ((high - Math.log2(ratio)) / (high - low)) * PLOT_HEIGHT,
    ticks: Array.from({ length: high - low + 1 }, (_, step) => 2 ** (low + step)),
  };
}

function drawTitle(yardstick: string): string {
  return `<text x="${MARGIN.left}" y="24" font-size="15">CPU time per request against ${escapeXml(yardstick)}, medians of one run each</text>`;
}

function drawAxes(entries: readonly HistoryEntry[], yardstick: string, { x, y, ticks }: Scale): string {
  const bottom = MARGIN.top + PLOT_HEIGHT;
  const rows = ticks.flatMap((tick) => [
    line(MARGIN.left, y(tick), MARGIN.left + PLOT_WIDTH, y(tick), tick === 1 ? '#666' : '#ddd'),
    text(MARGIN.left - 8, y(tick) + 4, String(tick), 'end'),
  ]);
  const every = Math.ceil(entries.length / DATE_COUNT_MAX);
  const dates = entries.flatMap(({ date, commit }, run) => {
    if (run % every !== 0) return [];
    return [
      line(x(run), bottom, x(run), bottom + 5, '#666'),
      text(x(run), bottom + 19, date.slice(0, 10), 'middle'),
      text(x(run), bottom + 33, commit, 'middle', '#666'),
    ];
  });
  const middle = MARGIN.top + PLOT_HEIGHT / 2;
  return [
    ...rows,
    ...dates,
    text(MARGIN.left + PLOT_WIDTH / 2, bottom + 54, 'run (day, commit)', 'middle'),
    `<text transform="translate(22 ${middle}) rotate(-90)" text-anchor="middle">ratio (${escapeXml(yardstick)} = 1)</text>`,
  ].join('\n');
}

function drawMachines(entries: readonly HistoryEntry[], { x }: Scale): string {
  const marks = entries.flatMap(({ machine }, run) => {
    const before = entries[run - 1]?.machine;
    if (before === undefined || JSON.stringify(before) === JSON.stringify(machine)) return [];
    // Between the two runs.
    const at = (x(run - 1) + x(run)) / 2;
    const what = escapeXml(`${machine.cpu}, ${machine.cores} cores, ${machine.kernel}, node ${machine.node}`);
    return [
      `<g><title>${what}</title>`,
      line(at, MARGIN.top, at, MARGIN.top + PLOT_HEIGHT, '#999', '5 4'),
      text(at, MARGIN.top - 6, changesOf(before, machine), 'middle', '#666'),
      '</g>',
    ];
  });
  return marks.join('\n');
}

/** What is new about a machine, in a word or two. */
function changesOf(before: HistoryEntry['machine'], after: HistoryEntry['machine']): string {
  const changes: string[] = [];
  if (before.cpu !== after.cpu || before.memoryGib !== after.memoryGib) changes.push('other machine');
  if (before.cores !== after.cores) changes.push(`${after.cores} cores`);
  if (before.kernel !== after.kernel) changes.push('other kernel');
  if (before.node !== after.node) changes.push(`node ${after.node}`);
  return changes.join(', ');
}

/** @param ratios  by run; a run without one leaves a gap */
function drawLine(ratios: readonly (number | undefined)[], colour: string, { x, y }: Scale): string {
  let path = '';
  const dots: string[] = [];
  for (const [run, ratio] of ratios.entries()) {
    if (ratio === undefined) continue;
    const place = `${x(run).toFixed(1)} ${y(ratio).toFixed(1)}`;
    path += `${ratios[run - 1] === undefined ? 'M' : 'L'}${place} `;
    dots.push(`<circle cx="${x(run).toFixed(1)}" cy="${y(ratio).toFixed(1)}" r="3" fill="${colour}"/>`);
  }
  return `<path d="${path.trim()}" fill="none" stroke="${colour}" stroke-width="2"/>\n${dots.join('')}`;
}

/** @param last  the latest run's ratio */
function drawLegend(contender: string, last: number | undefined, colour: string, index: number): string {
  const left = MARGIN.left + PLOT_WIDTH + 24;
  const y = MARGIN.top + 10 + index * LEGEND_LINE_HEIGHT;
  const label = last === undefined ? contender : `${contender}: ${last.toFixed(2)}`;
  return `${line(left, y - 4, left + 18, y - 4, colour)}\n${text(left + 26, y, label, 'start')}`;
}

function line(x1: number, y1: number, x2: number, y2: number, colour: string, dashes = 'none'): string {
  const [a, b, c, d] = [x1, y1, x2, y2].map((place) => place.toFixed(1));
  return `<line x1="${a}" y1="${b}" x2="${c}" y2="${d}" stroke="${colour}" stroke-dasharray="${dashes}"/>`;
}

function text(x: number, y: number, content: string, anchor: string, colour = '#000'): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" fill="${colour}">${escapeXml(content)}</text>`;
}
