// The power of two choices: of two targets drawn by chance, the one with the lower cost gets the try. That is nearly as
// good as comparing all of them, looks at two lines of shared memory only, and does not send every worker to the same
// target at once.
//
// Weights say how often a target is drawn first, and how many tries under way count as one (loadLevel): with nothing under way,
// shares are as the weights; with more, what is under way is.
//
// Source: Mitzenmacher, The Power of Two Choices in Randomized Load Balancing (2001).

import type { Exchange } from '../../pipeline/exchange.ts';
import type { LiveTarget } from '../live-upstream.ts';
import type { Roster } from '../roster.ts';
import type { Balancer } from './balancer.ts';

// With half of the targets out, one pick in 256 is not drawn by weight.
const DRAWS_MAX = 8;

export abstract class TwoChoices implements Balancer {
  protected readonly roster: Roster;
  readonly #turns: readonly LiveTarget[];
  readonly #random: () => number;
  readonly #weightMin: number;

  /** @param turns  targets, each as often as its weight says */
  constructor(roster: Roster, turns: readonly LiveTarget[], random: () => number) {
    this.roster = roster;
    this.#turns = turns;
    this.#random = random;
    this.#weightMin = Math.min(...roster.targets.map(({ plan }) => plan.weight));
  }

  /** @hot measured by npm run bench:hot */
  pick(_x: Exchange, nowMs: number, tried: readonly LiveTarget[] | undefined): LiveTarget {
    const first = this.#draw(tried);
    const second = this.roster.other(first, this.#random(), tried);
    if (second === first) return first;
    return this.cost(second, nowMs) < this.cost(first, nowMs) ? second : first;
  }

  /** @hot */
  protected abstract cost(target: LiveTarget, nowMs: number): number;

  /** Tries under way, in units of its weight against the lightest target's, rounded down. @hot */
  protected loadLevel(target: LiveTarget): number {
    const ramp = this.roster.ramps[target.ordinal] as number;
    return Math.floor((this.roster.table.inFlight(target.index) * this.#weightMin) / (target.plan.weight * ramp));
  }

  /** @hot */
  #draw(tried: readonly LiveTarget[] | undefined): LiveTarget {
    const { roster } = this;
    const turns = this.#turns;
    for (let draw = 0; draw < DRAWS_MAX; draw++) {
      const target = turns[(this.#random() * turns.length) | 0] as LiveTarget;
      if (!roster.fits(target, tried)) continue;
      if (!roster.isWarming || this.#random() < (roster.ramps[target.ordinal] as number)) return target;
    }
    return roster.anyFitting(this.#random(), tried);
  }
}
