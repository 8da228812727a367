// One upstream as a worker uses it: its targets, which of them are out, and their connections.

import type { TargetIndex } from '../../base/ids.ts';
import type { TargetTable } from '../../shm/target-table.ts';
import { ADMIT, type Verdict } from '../pipeline/errors.ts';
import type { Exchange } from '../pipeline/exchange.ts';
import type { TargetPlan, UpstreamPlan } from '../snapshot.ts';
import type { UpstreamLoad } from './load/upstream-load.ts';
import { Outcome } from './outcome.ts';
import type { TransportPools } from './transport-pools.ts';
import { SocketConnector } from './transports/socket-connector.ts';
import type { Transport, TransportOptions } from './transports/transport.ts';

export interface LiveTarget {
  readonly plan: TargetPlan;
  readonly index: TargetIndex;
  readonly transport: Transport;
}

export class LiveUpstream {
  readonly plan: UpstreamPlan;
  /** undefined: it has no limit. */
  readonly load: UpstreamLoad | undefined;
  /** Targets in the order of turns, each as often as its weight says. */
  readonly #turns: readonly LiveTarget[];
  readonly #targets: readonly LiveTarget[];
  readonly #table: TargetTable;
  readonly #connectors = new Map<LiveTarget, SocketConnector>();

  /** @param indexes  of the plan's targets in the shared target table */
  constructor(
    plan: UpstreamPlan,
    indexes: readonly TargetIndex[],
    table: TargetTable,
    pools: TransportPools,
    load?: UpstreamLoad,
  ) {
    this.plan = plan;
    this.load = load;
    this.#table = table;
    this.#targets = plan.targets.map((target, i) => ({
      plan: target,
      index: indexes[i] as TargetIndex,
      transport: pools.acquire(transportOptions(plan, target)),
    }));
    this.#turns = smoothTurns(this.#targets);
  }

  /**
   * May the exchange go to this upstream at all? Asked once, before its first try.
   * @returns ADMIT, or an error's id
   * @hot
   */
  admit(_x: Exchange, _nowMs: number): Verdict {
    return ADMIT;
  }

  /**
   * The target whose turn it is, over all workers; one that is out is passed over while another is in.
   * @param nowMs  monotonic milliseconds
   * @param tried  targets that this exchange has been to already; undefined before the first try
   * @hot
   */
  pick(_x: Exchange, nowMs: number, _tried: readonly LiveTarget[] | undefined): LiveTarget {
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

  /** For connections that belong to no pool. */
  connectorOf(target: LiveTarget): SocketConnector {
    let connector = this.#connectors.get(target);
    if (connector === undefined) {
      connector = new SocketConnector(transportOptions(this.plan, target.plan));
      this.#connectors.set(target, connector);
    }
    return connector;
  }

  /** A try begins. Each enter() is followed by one leave(). @hot */
  enter(_target: LiveTarget): void {}

  /** The try has ended: the whole answer came, or none will. @hot */
  leave(_target: LiveTarget): void {}

  /**
   * What a target did with a try: told once for each, at the answer's head or at its failure.
   * @param latencyUs  from sending to the answer's head, or to the failure
   * @param nowMs  monotonic milliseconds
   * @hot
   */
  observe(target: LiveTarget, outcome: Outcome, _latencyUs: number, nowMs: number): void {
    if (outcome <= Outcome.SERVER_ERROR) this.#table.countSuccess(target.index);
    else if (outcome === Outcome.UNREACHABLE || outcome === Outcome.CONNECT_TIMEOUT) {
      this.#table.countFailure(target.index, nowMs);
    }
  }

  release(pools: TransportPools): void {
    for (const target of this.#targets) pools.release(target.transport);
  }
}

function transportOptions(plan: UpstreamPlan, target: TargetPlan): TransportOptions {
  const origin = target.socketPath === '' ? target.origin : `http://${target.authority}`;
  return {
    origin,
    socketPath: target.socketPath,
    connectTimeoutMs: plan.connectTimeoutMs,
    connectionsMax: plan.connectionsMax,
    connectionsMin: plan.connectionsMin,
    idleTimeoutMs: plan.keepAliveMs,
    pipelining: plan.pipelining,
    http2: plan.http2,
    // A new certificate is no reason to connect anew where none is asked for.
    tls: origin.startsWith('https:') ? plan.tls : undefined,
  };
}

// Turns of one round, laid out once: weights are divided by their greatest common divisor and capped, so that a round
// has at most so many turns.
const TURNS_MAX = 4_096;

/**
 * Smooth weighted round robin (nginx), with one thing more: no target gets two turns in a row, from the last of a round to
 * the first of the next included, unless its weight is more than all others' together.
 */
function smoothTurns(targets: readonly LiveTarget[]): readonly LiveTarget[] {
  const weights = turnsOfRound(targets.map((target) => target.plan.weight));
  const sum = weights.reduce((a, b) => a + b, 0);
  const left = [...weights];
  const credit = weights.map(() => 0);
  const turns: number[] = [];
  for (let free = sum; free > 0; free--) {
    let best = -1;
    let bestCredit = Number.NEGATIVE_INFINITY;
    weights.forEach((weight, i) => {
      credit[i] = (credit[i] as number) + weight;
      if (left[i] === 0) return;
      const isHeavy = weight * 2 > sum;
      if (!isHeavy && i === turns.at(-1)) return;
      // Without this turn, its others would not fit into the free ones without touching each other (or the first).
      const isUrgent = !isHeavy && (left[i] as number) > Math.floor((i === turns[0] ? free - 1 : free) / 2);
      const rank = isUrgent ? Number.POSITIVE_INFINITY : (credit[i] as number);
      if (rank <= bestCredit) return;
      best = i;
      bestCredit = rank;
    });
    credit[best] = (credit[best] as number) - sum;
    left[best] = (left[best] as number) - 1;
    turns.push(best);
  }
  return turns.map((i) => targets[i] as LiveTarget);
}

/** How many turns of a round each weight stands for. */
function turnsOfRound(weights: readonly number[]): readonly number[] {
  const divisor = weights.reduce(greatestCommonDivisor, 0) || 1;
  const total = weights.reduce((sum, weight) => sum + weight / divisor, 0);
  const shrink = Math.max(1, total / TURNS_MAX);
  return weights.map((weight) => Math.max(1, Math.round(weight / divisor / shrink)));
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
