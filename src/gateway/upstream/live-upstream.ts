// One upstream as a worker uses it: its targets, which of them are out, and their connections.

import type { TargetIndex } from '../../base/ids.ts';
import type { TargetTable } from '../../shm/target-table.ts';
import type { TargetPlan, UpstreamPlan } from '../snapshot.ts';
import type { TransportPools } from './transport-pools.ts';
import type { Transport } from './transports/transport.ts';

export interface LiveTarget {
  readonly plan: TargetPlan;
  readonly index: TargetIndex;
  readonly transport: Transport;
}

export class LiveUpstream {
  readonly plan: UpstreamPlan;
  /** Targets in the order of turns, each as often as its weight says. */
  readonly #turns: readonly LiveTarget[];
  readonly #targets: readonly LiveTarget[];
  readonly #table: TargetTable;

  /** @param indexes  of the plan's targets in the shared target table */
  constructor(plan: UpstreamPlan, indexes: readonly TargetIndex[], table: TargetTable, pools: TransportPools) {
    this.plan = plan;
    this.#table = table;
    this.#targets = plan.targets.map((target, i) => ({
      plan: target,
      index: indexes[i] as TargetIndex,
      transport: pools.acquire({
        origin: target.origin,
        connectTimeoutMs: plan.connectTimeoutMs,
        connectionsMax: plan.connectionsMax,
      }),
    }));
    this.#turns = smoothTurns(this.#targets);
  }

  /**
   * The target whose turn it is, over all workers; one that is out is passed over while another is in.
   * @param nowMs  monotonic milliseconds
   * @hot
   */
  pick(nowMs: number): LiveTarget {
    const turns = this.#turns;
    const first = turns[0] as LiveTarget;
    if (turns.length === 1) return first;
    const turn = this.#table.nextTurn(first.index) % turns.length;
    for (let step = 0; step < turns.length; step++) {
      const target = turns[(turn + step) % turns.length] as LiveTarget;
      if (!this.#table.isOut(target.index, nowMs)) return target;
    }
    return turns[turn] as LiveTarget;
  }

  countFailure(target: LiveTarget, nowMs: number): void {
    this.#table.countFailure(target.index, nowMs);
  }

  /** @hot */
  countSuccess(target: LiveTarget): void {
    this.#table.countSuccess(target.index);
  }

  release(pools: TransportPools): void {
    for (const target of this.#targets) pools.release(target.transport);
  }
}

// Turns of one round, laid out once: weights are divided by their greatest common divisor and capped, so that a round
// has at most so many turns.
const TURNS_MAX = 4_096;

/** Smooth weighted round robin (nginx): a target of weight 3 among 1s gets every other turn, never three in a row. */
function smoothTurns(targets: readonly LiveTarget[]): readonly LiveTarget[] {
  const divisor = targets.reduce((gcd, target) => greatestCommonDivisor(gcd, target.plan.weight), 0) || 1;
  const total = targets.reduce((sum, target) => sum + target.plan.weight / divisor, 0);
  const shrink = Math.max(1, total / TURNS_MAX);
  const weights = targets.map((target) => Math.max(1, Math.round(target.plan.weight / divisor / shrink)));
  const sum = weights.reduce((a, b) => a + b, 0);
  const current = weights.map(() => 0);
  return Array.from({ length: sum }, () => {
    let best = 0;
    weights.forEach((weight, i) => {
      current[i] = (current[i] as number) + weight;
      if ((current[i] as number) > (current[best] as number)) best = i;
    });
    current[best] = (current[best] as number) - sum;
    return targets[best] as LiveTarget;
  });
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
