// Smooth weighted round robin. All workers take their turns from one cursor, so that together they are as even as one.

import type { Exchange } from '../../pipeline/exchange.ts';
import type { LiveTarget } from '../live-upstream.ts';
import type { Roster } from '../roster.ts';
import type { Balancer } from './balancer.ts';

// Turns of targets that do not fit are spent, so that the others keep their order and shares. With 15 of 16 targets out,
// one pick in 60 does not meet the last one in so many.
const SPENT_TURNS_MAX = 64;

export class RoundRobin implements Balancer {
  readonly #roster: Roster;
  /** Targets in the order of turns, each as often as its weight says. */
  readonly #turns: readonly LiveTarget[];
  readonly #random: () => number;

  constructor(roster: Roster, turns: readonly LiveTarget[], random: () => number) {
    this.#roster = roster;
    this.#turns = turns;
    this.#random = random;
  }

  /** @hot measured by npm run bench:hot */
  pick(_x: Exchange, _nowMs: number, tried: readonly LiveTarget[] | undefined): LiveTarget {
    const roster = this.#roster;
    const turns = this.#turns;
    const first = roster.targets[0] as LiveTarget;
    for (let spent = 0; spent < SPENT_TURNS_MAX; spent++) {
      const target = turns[roster.table.nextTurn(first.index) % turns.length] as LiveTarget;
      if (!roster.fits(target, tried)) continue;
      if (!roster.isWarming || this.#random() < (roster.ramps[target.ordinal] as number)) return target;
    }
    return roster.anyFitting(this.#random(), tried);
  }
}
