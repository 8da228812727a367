// Thresholds: what a scenario measured against what it may be.

export type Unit = 'ms' | '%' | 'MiB' | 'count';

export interface Threshold {
  /** Short, for --threshold: p99 */
  readonly name: string;
  /** What is measured, for people. */
  readonly says: string;
  readonly unit: Unit;
  readonly bound: 'at most' | 'at least';
  /** In its unit. */
  readonly value: number;
}

export interface Verdict extends Threshold {
  /** In the threshold's unit; undefined when it could not be measured, Infinity when it never came to be. */
  readonly measured: number | undefined;
  /** undefined when it could not be measured, and nobody asked for it. */
  readonly isPassed: boolean | undefined;
}

/** Measured values by the thresholds' names, in their units. */
export type Measures = Readonly<Record<string, number | undefined>>;

const ASSIGNMENT = /^([a-z0-9-]+)=(\d+(?:\.\d+)?)([A-Za-z%]*)$/;

/** What may be written after a number, and what it counts in the threshold's unit. */
const FACTORS: Readonly<Record<Unit, Readonly<Record<string, number>>>> = {
  ms: { us: 0.001, ms: 1, s: 1000 },
  '%': { '%': 1 },
  MiB: { KiB: 1 / 1024, MiB: 1, GiB: 1024 },
  count: { '': 1 },
};

/**
 * Replaces the values of thresholds.
 * @param texts  such as p99=50ms, errors=0.1%, lost=0
 * @returns the thresholds, or a sentence on the first text that is none
 */
export function overrideThresholds(
  thresholds: readonly Threshold[],
  texts: readonly string[],
): readonly Threshold[] | string {
  const values = new Map<string, number>();
  for (const text of texts) {
    const [, name, amount, unit = ''] = ASSIGNMENT.exec(text) ?? [];
    const threshold = thresholds.find((each) => each.name === name);
    if (name === undefined || threshold === undefined) {
      return `'${text}': expected NAME=VALUE with one of ${thresholds.map((each) => each.name).join(', ')}`;
    }
    const factor = FACTORS[threshold.unit][unit];
    if (factor === undefined) return `'${text}': expected ${name}=${example(threshold)}`;
    values.set(name, Number(amount) * factor);
  }
  return thresholds.map((threshold) => ({ ...threshold, value: values.get(threshold.name) ?? threshold.value }));
}

/**
 * @param isAsked  whether the user set this threshold: one that was asked for fails when it could not be measured
 */
export function judge(
  thresholds: readonly Threshold[],
  measures: Measures,
  isAsked: (name: string) => boolean,
): readonly Verdict[] {
  return thresholds.map((threshold) => {
    const measured = measures[threshold.name];
    if (measured === undefined)
      return { ...threshold, measured, isPassed: isAsked(threshold.name) ? false : undefined };
    const isPassed = threshold.bound === 'at most' ? measured <= threshold.value : measured >= threshold.value;
    return { ...threshold, measured, isPassed };
  });
}

/** The names in the texts of --threshold. */
export function thresholdNames(texts: readonly string[]): ReadonlySet<string> {
  return new Set(texts.map((text) => text.split('=')[0] as string));
}

/** at most 50 ms */
export function printThreshold({ bound, value, unit }: Threshold): string {
  return `${bound} ${printQuantity(value, unit)}`;
}

/** 12.3 ms; 0.01 %; 3 */
export function printQuantity(value: number | undefined, unit: Unit): string {
  if (value === undefined) return 'not measured';
  if (!Number.isFinite(value)) return 'never';
  const number = unit === 'count' ? String(Math.ceil(value * 1000) / 1000) : printNumber(value);
  return unit === 'count' ? number : `${number} ${unit}`;
}

/** Three digits that count; whole from 100 on. */
export function printNumber(value: number): string {
  const size = Math.abs(value);
  if (value === 0 || size >= 100) return String(Math.round(value));
  return String(Number(value.toPrecision(3)));
}

function example({ unit, value }: Threshold): string {
  return unit === 'count' ? String(value) : `${value}${unit}`;
}
