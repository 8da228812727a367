// Rounds in, one row per contender out: medians, and ratios taken round by round.

import type { MeasuredLoad } from '../support/measure-load.ts';
import { median } from '../support/median.ts';
import { type Ratio, ratioOf } from './ratio.ts';

export interface Summary {
  readonly name: string;
  readonly cpuUs: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly residentMib: number;
  /** Of CPU per request, by yardstick; none where the yardstick is not here. */
  readonly ratios: Readonly<Record<string, Ratio>>;
}

/** @param yardsticks  names of contenders */
export function summarize(
  rounds: ReadonlyMap<string, readonly MeasuredLoad[]>,
  yardsticks: readonly string[],
): readonly Summary[] {
  return [...rounds].map(([name, own]) => {
    const middle = (read: (round: MeasuredLoad) => number): number => median(own.map(read));
    const ratios = yardsticks.flatMap((yardstick) => {
      const other = rounds.get(yardstick)?.map((round) => round.cpuUs);
      const figures = own.map((round) => round.cpuUs);
      return other === undefined ? [] : [[yardstick, ratioOf(figures, other)] as const];
    });
    return {
      name,
      cpuUs: middle((round) => round.cpuUs),
      requestsPerSecond: middle((round) => round.requestsPerSecond),
      p50Ms: middle((round) => round.p50Ms),
      p99Ms: middle((round) => round.p99Ms),
      residentMib: middle((round) => round.residentMib),
      ratios: Object.fromEntries(ratios),
    };
  });
}
