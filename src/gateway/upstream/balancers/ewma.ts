// To the one of two targets that is expected to answer sooner: peak EWMA of its latencies, times what is under way there. The
// means lie in shared memory, so that all workers know what each has measured.
//
// Of several answers within a tick only the slowest counts, since no time has passed between them.

import type { LiveTarget } from '../live-upstream.ts';
import { decayed } from './peak-ewma.ts';
import { TwoChoices } from './two-choices.ts';

// A target of which nothing is known yet gets one try, and no other until that has told something. Finagle's.
const UNKNOWN_COST_US = 2 ** 40;

export class Ewma extends TwoChoices {
  /** @hot measured by npm run bench:hot */
  protected override cost(target: LiveTarget, nowMs: number): number {
    const { table } = this.roster;
    const level = this.loadLevel(target);
    const meanUs = table.latencyUs(target.index);
    if (meanUs === 0) return level === 0 ? 0 : UNKNOWN_COST_US + level;
    return decayed(meanUs, table.latencyAgeMs(target.index, nowMs)) * (level + 1);
  }
}
