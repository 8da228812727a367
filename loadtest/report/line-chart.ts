// A line chart as SVG text: axes, grid, marked stretches, lines with gaps, and the value of a point when it is pointed at.
// Colours come from the page's classes, so that one picture fits light and dark.

import { escapeHtml } from './escape-html.ts';

export interface Tick {
  readonly at: number;
  readonly label: string;
}

export interface Point {
  readonly x: number;
  /** undefined leaves a gap. */
  readonly y: number | undefined;
  /** What is shown when it is pointed at. */
  readonly title: string;
}

export interface Series {
  readonly label: string;
  /** A class of the page's style: series-p99 */
  readonly className: string;
  readonly points: readonly Point[];
}

export interface LineChart {
  /** For those who do not see it. */
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  /** Ascending; the axes reach from 0 to the last tick, at least. */
  readonly xTicks: readonly Tick[];
  readonly yTicks: readonly Tick[];
  readonly xMax: number;
  readonly series: readonly Series[];
  /** Stretches of x. */
  readonly marks: readonly { readonly from: number; readonly to: number; readonly label: string }[];
}

const WIDTH = 880;
const HEIGHT = 260;
const LEFT = 64;
const RIGHT = 16;
const TOP = 26;
const BOTTOM = 44;
const PLOT_WIDTH = WIDTH - LEFT - RIGHT;
const PLOT_HEIGHT = HEIGHT - TOP - BOTTOM;
// A mark of a reload of some milliseconds is still to be seen.
const MARK_WIDTH_MIN = 2;

interface Scales {
  x(value: number): number;
  y(value: number): number;
}

export function lineChart(chart: LineChart): string {
  const xMax = Math.max(chart.xMax, Number.MIN_VALUE);
  const yMax = Math.max(chart.yTicks.at(-1)?.at ?? 0, Number.MIN_VALUE);
  const scales: Scales = {
    x: (value) => LEFT + (Math.min(Math.max(value, 0), xMax) / xMax) * PLOT_WIDTH,
    y: (value) => TOP + PLOT_HEIGHT * (1 - Math.min(Math.max(value, 0), yMax) / yMax),
  };
  return [
    `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeHtml(chart.title)}">`,
    ...marks(chart, scales),
    ...grid(chart, scales),
    ...chart.series.map((series) => line(series, scales)),
    ...chart.series.map((series) => dots(series, scales)),
    '</svg>',
  ].join('\n');
}

function marks(chart: LineChart, { x }: Scales): readonly string[] {
  const labels = new Set<string>();
  return chart.marks.map(({ from, to, label }) => {
    const left = x(from);
    const width = Math.max(MARK_WIDTH_MIN, x(to) - left);
    // A label once: that of the first stretch stands for all of its kind.
    const text = labels.has(label) ? '' : `<text x="${n(left + 3)}" y="${TOP - 8}">${escapeHtml(label)}</text>`;
    labels.add(label);
    return `<g class="mark"><rect x="${n(left)}" y="${TOP}" width="${n(width)}" height="${PLOT_HEIGHT}"/>${text}</g>`;
  });
}

function grid(chart: LineChart, { x, y }: Scales): readonly string[] {
  const right = WIDTH - RIGHT;
  const bottom = TOP + PLOT_HEIGHT;
  return [
    '<g class="grid">',
    ...chart.yTicks.map(({ at }) => `<line x1="${LEFT}" y1="${n(y(at))}" x2="${right}" y2="${n(y(at))}"/>`),
    ...chart.xTicks.map(({ at }) => `<line x1="${n(x(at))}" y1="${bottom}" x2="${n(x(at))}" y2="${bottom + 4}"/>`),
    '</g>',
    '<g class="axis">',
    ...chart.yTicks.map(
      ({ at, label }) => `<text x="${LEFT - 8}" y="${n(y(at) + 4)}" text-anchor="end">${escapeHtml(label)}</text>`,
    ),
    ...chart.xTicks.map(
      ({ at, label }) => `<text x="${n(x(at))}" y="${bottom + 18}" text-anchor="middle">${escapeHtml(label)}</text>`,
    ),
    `<text x="${LEFT + PLOT_WIDTH / 2}" y="${HEIGHT - 6}" text-anchor="middle">${escapeHtml(chart.xLabel)}</text>`,
    `<text x="${-(TOP + PLOT_HEIGHT / 2)}" y="14" text-anchor="middle" transform="rotate(-90)">${escapeHtml(chart.yLabel)}</text>`,
    '</g>',
  ];
}

function line({ className, points }: Series, { x, y }: Scales): string {
  let isDrawing = false;
  const path = points
    .map((point) => {
      if (point.y === undefined) {
        isDrawing = false;
        return '';
      }
      const command = isDrawing ? 'L' : 'M';
      isDrawing = true;
      return `${command}${n(x(point.x))} ${n(y(point.y))}`;
    })
    .join('');
  return `<path class="line ${className}" d="${path}"/>`;
}

/** Unseen until pointed at. */
function dots({ label, className, points }: Series, { x, y }: Scales): string {
  const circles = points.flatMap((point) => {
    if (point.y === undefined) return [];
    const title = escapeHtml(`${label}: ${point.title}`);
    return [`<circle cx="${n(x(point.x))}" cy="${n(y(point.y))}" r="5"><title>${title}</title></circle>`];
  });
  return `<g class="dots ${className}">${circles.join('')}</g>`;
}

/** A tenth of a unit is finer than a pixel. */
function n(value: number): string {
  return String(Math.round(value * 10) / 10);
}
