// What is counted of a row of the ledger, as a list of whole numbers that is added up place by place. The same list is stored,
// at every resolution, so that adding up is all that a roll-up or a query does.

import { STATUS_CLASSES } from '../../../shm/series-table.ts';
import { LATENCY_BUCKET_COUNT, latencyBucketStartUs, USAGE_CAUSES, usageRow } from '../../../shm/usage-table.ts';

/** FIGURE_COUNT whole numbers. */
export type Figures = number[];

/** Places in the list. */
export const figure = {
  classes: 0,
  causes: 6,
  bytesIn: 14,
  bytesOut: 15,
  us: 16,
  functionCalls: 17,
  gbMs: 18,
  cacheHits: 19,
  latencies: 20,
} as const;

export const FIGURE_COUNT = figure.latencies + LATENCY_BUCKET_COUNT;

const HIGH = 2 ** 32;

export function noFigures(): Figures {
  return new Array<number>(FIGURE_COUNT).fill(0);
}

/** Of a row of the shared usage table. @param at  its first word */
export function readFigures(words: Uint32Array, at: number): Figures {
  const word = (index: number): number => words[at + index] as number;
  const wide = (low: number): number => word(low + 1) * HIGH + word(low);
  const figures = noFigures();
  for (let index = 0; index < figure.bytesIn; index++) figures[index] = word(usageRow.classes + index);
  figures[figure.bytesIn] = wide(usageRow.bytesIn);
  figures[figure.bytesOut] = wide(usageRow.bytesOut);
  figures[figure.us] = wide(usageRow.us);
  figures[figure.functionCalls] = word(usageRow.functionCalls);
  figures[figure.gbMs] = wide(usageRow.gbMs);
  figures[figure.cacheHits] = word(usageRow.cacheHits);
  for (let bucket = 0; bucket < LATENCY_BUCKET_COUNT; bucket++) {
    figures[figure.latencies + bucket] = word(usageRow.latencies + bucket);
  }
  return figures;
}

export function addFigures(into: Figures, more: readonly number[]): void {
  for (let index = 0; index < FIGURE_COUNT; index++) into[index] = (into[index] as number) + (more[index] ?? 0);
}

export function callsOf(figures: readonly number[]): number {
  return sumOf(figures, figure.classes, STATUS_CLASSES.length);
}

/** Calls that the gateway answered itself, whatever the cause. */
export function rejectedOf(figures: readonly number[]): number {
  return sumOf(figures, figure.causes, USAGE_CAUSES.length);
}

/** Calls that cost something: an upstream answered them, and the client was there. */
export function billedOf(figures: readonly number[]): number {
  return Math.max(0, callsOf(figures) - rejectedOf(figures) - (figures[figure.classes] as number));
}

/**
 * The latency that a share of the calls did not exceed: within 23 % of the true one between 256 µs and 8.4 s. What is shorter
 * counts as 256 µs, what is longer as 8.4 s.
 * @param share  0.99 for the 99th percentile
 * @returns microseconds; 0 without calls
 */
export function percentileUs(figures: readonly number[], share: number): number {
  const count = sumOf(figures, figure.latencies, LATENCY_BUCKET_COUNT);
  let left = Math.max(1, Math.ceil(count * share));
  for (let bucket = 0; bucket < LATENCY_BUCKET_COUNT && count > 0; bucket++) {
    left -= figures[figure.latencies + bucket] as number;
    if (left <= 0) return middleUs(bucket);
  }
  return 0;
}

/** The geometric middle: as far from the one end as from the other, as a factor of at most √1.5. */
function middleUs(bucket: number): number {
  const start = latencyBucketStartUs(bucket);
  const end = latencyBucketStartUs(bucket + 1);
  if (bucket === 0) return end;
  return Number.isFinite(end) ? Math.round(Math.sqrt(start * end)) : start;
}

function sumOf(figures: readonly number[], from: number, count: number): number {
  let sum = 0;
  for (let index = from; index < from + count; index++) sum += figures[index] as number;
  return sum;
}
