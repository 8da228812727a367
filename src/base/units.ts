// Durations, sizes, rates and percentages as they are written in a configuration: 500ms, 16KiB, 100/s, 20%. Whole numbers
// only, so that parse(print(x)) = x holds without rounding; a half second is 500ms. Percentages may have three decimals.

/** How often: count per period. */
export interface Rate {
  readonly count: number;
  readonly periodSeconds: number;
}

/** Largest first: printing takes the first unit that divides the value. */
type UnitTable = readonly (readonly [unit: string, factor: number])[];

const durationUnits: UnitTable = [
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
];

const sizeUnits: UnitTable = [
  ['GiB', 1024 ** 3],
  ['MiB', 1024 ** 2],
  ['KiB', 1024],
  ['B', 1],
];

const rateUnits: UnitTable = [
  ['day', 86_400],
  ['h', 3_600],
  ['min', 60],
  ['s', 1],
];

// 15 digits always fit a double exactly; the product with the unit is checked apart.
const AMOUNT = /^([0-9]{1,15})([A-Za-z]*)$/;
const RATE = /^([0-9]{1,15})\/([a-z]+)$/;
const PERCENTAGE = /^([0-9]{1,3}(?:\.[0-9]{1,3})?)%$/;

/** @returns milliseconds, or undefined when the text is no duration; '0' needs no unit */
export function parseDuration(text: string): number | undefined {
  return parseAmount(text, durationUnits);
}

/** @param ms  whole milliseconds, 0 or more */
export function printDuration(ms: number): string {
  return ms === 0 ? '0s' : printAmount(ms, durationUnits);
}

/** @returns bytes, or undefined when the text is no size; '0' needs no unit */
export function parseSize(text: string): number | undefined {
  return parseAmount(text, sizeUnits);
}

/** @param bytes  whole bytes, 0 or more */
export function printSize(bytes: number): string {
  return bytes === 0 ? '0B' : printAmount(bytes, sizeUnits);
}

/** @returns undefined when the text is no rate, or one of nothing per period */
export function parseRate(text: string): Rate | undefined {
  const match = RATE.exec(text);
  if (match === null) return undefined;
  const count = Number(match[1]);
  const periodSeconds = factorOf(match[2], rateUnits);
  if (periodSeconds === undefined || count === 0) return undefined;
  return { count, periodSeconds };
}

/** @param rate  with a period that parseRate gives: a second, minute, hour or day */
export function printRate(rate: Rate): string {
  const unit = rateUnits.find(([, factor]) => factor === rate.periodSeconds);
  return `${rate.count}/${unit === undefined ? `${rate.periodSeconds}s` : unit[0]}`;
}

/** @returns a share from 0 to 1, or undefined when the text is no percentage from 0% to 100% */
export function parsePercentage(text: string): number | undefined {
  const match = PERCENTAGE.exec(text);
  if (match === null) return undefined;
  const percent = Number(match[1]);
  return percent <= 100 ? percent / 100 : undefined;
}

function parseAmount(text: string, units: UnitTable): number | undefined {
  const match = AMOUNT.exec(text);
  if (match === null) return undefined;
  const count = Number(match[1]);
  if (match[2] === '') return count === 0 ? 0 : undefined;
  const factor = factorOf(match[2], units);
  if (factor === undefined) return undefined;
  const amount = count * factor;
  return Number.isSafeInteger(amount) ? amount : undefined;
}

function factorOf(name: string | undefined, units: UnitTable): number | undefined {
  return units.find(([unit]) => unit === name)?.[1];
}

function printAmount(amount: number, units: UnitTable): string {
  for (const [unit, factor] of units) {
    if (amount % factor === 0) return `${amount / factor}${unit}`;
  }
  return `${amount}`;
}
