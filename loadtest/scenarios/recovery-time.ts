// How long latency stays high after a spike.

import type { Slice } from '../load/recorder.ts';

// As before the spike: within twice the p99 and 10 ms; less than that is noise.
const NORMAL_FACTOR = 2;
const NORMAL_EXTRA_MS = 10;
// The first slices hold the connects.
const WARM_UP_MS = 500;

/**
 * @param spikeMs  from and to, since the run's start
 * @returns milliseconds from the spike's end to the end of the last slice with a p99 above normal; 0 when there is none after
 *   the spike, Infinity when it is the run's last, undefined when no slice says what is normal
 */
export function recoveryTime(
  slices: readonly Slice[],
  spikeMs: readonly [from: number, to: number],
): number | undefined {
  const [fromMs, toMs] = spikeMs;
  const before = slices.filter(
    ({ atMs, lengthMs, answerCount }) =>
      atMs >= Math.min(WARM_UP_MS, fromMs / 2) && atMs + lengthMs <= fromMs && answerCount > 0,
  );
  const after = slices.filter(({ atMs }) => atMs >= toMs);
  const last = after.at(-1);
  if (before.length === 0 || last === undefined) return undefined;
  const sorted = before.map(({ p99Ms }) => p99Ms).sort((a, b) => a - b);
  const normalMs = (sorted[Math.floor(sorted.length / 2)] as number) * NORMAL_FACTOR + NORMAL_EXTRA_MS;
  const slow = after.findLast(({ p99Ms }) => p99Ms > normalMs);
  if (slow === undefined) return 0;
  return slow === last ? Number.POSITIVE_INFINITY : slow.atMs + slow.lengthMs - toMs;
}
