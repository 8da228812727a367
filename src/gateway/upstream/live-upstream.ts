// One upstream as a worker uses it: its targets, which of them are out, and their connections.

import type { TargetIndex, WorkerIndex } from '../../base/ids.ts';
import type { TargetTable } from '../../shm/target-table.ts';
import { TICK_MS } from '../pipeline/deadlines.ts';
import { ADMIT, errors, type Verdict } from '../pipeline/errors.ts';
import type { Exchange } from '../pipeline/exchange.ts';
import type { TargetPlan, UpstreamPlan, UpstreamTlsPlan } from '../snapshot.ts';
import { Affinity } from './affinity.ts';
import type { Balancer } from './balancers/balancer.ts';
import { createBalancer } from './balancers/create-balancer.ts';
import { withAnswer, withFailure } from './balancers/peak-ewma.ts';
import type { CircuitBreaker } from './circuit-breaker.ts';
import type { Fallback } from './fallback.ts';
import type { UpstreamLoad } from './load/upstream-load.ts';
import { Outcome } from './outcome.ts';
import { OutlierDetector } from './outlier-detector.ts';
import type { RetryPolicy } from './retry-policy.ts';
import { Roster } from './roster.ts';
import type { TransportPools } from './transport-pools.ts';
import { SocketConnector } from './transports/socket-connector.ts';
import type { Transport, TransportOptions } from './transports/transport.ts';

export interface LiveTarget {
  readonly plan: TargetPlan;
  readonly index: TargetIndex;
  /** Its place among its upstream's targets. */
  readonly ordinal: number;
  readonly transport: Transport;
}

export class LiveUpstream {
  readonly plan: UpstreamPlan;
  // Set once, before its first request (live-snapshot.ts, guard-upstreams.ts); undefined where the plan says nothing.
  load: UpstreamLoad | undefined;
  circuit: CircuitBreaker | undefined;
  retries: RetryPolicy | undefined;
  fallback: Fallback | undefined;
  readonly #targets: readonly LiveTarget[];
  /** Set when there is no choice. */
  readonly #only: LiveTarget | undefined;
  readonly #table: TargetTable;
  readonly #worker: WorkerIndex;
  readonly #roster: Roster;
  readonly #balancer: Balancer;
  readonly #affinity: Affinity | undefined;
  readonly #outliers: OutlierDetector | undefined;
  /** Somebody asks for what is under way. */
  readonly #isCounted: boolean;
  readonly #isTimed: boolean;
  readonly #connectors = new Map<LiveTarget, SocketConnector>();

  /**
   * @param indexes  of the plan's targets in the shared target table
   * @param random  0 to 1, without 1
   */
  constructor(
    plan: UpstreamPlan,
    indexes: readonly TargetIndex[],
    table: TargetTable,
    pools: TransportPools,
    worker: WorkerIndex,
    random: () => number = Math.random,
  ) {
    const { balancing } = plan;
    this.plan = plan;
    this.#table = table;
    this.#worker = worker;
    this.#targets = plan.targets.map((target, ordinal) => ({
      plan: target,
      index: indexes[ordinal] as TargetIndex,
      ordinal,
      transport: pools.acquire(transportOptions(plan, target)),
    }));
    this.#only = this.#targets.length === 1 ? this.#targets[0] : undefined;
    this.#roster = new Roster(this.#targets, table, balancing);
    this.#balancer = createBalancer(this.#roster, plan.turns, balancing, random);
    this.#affinity = balancing?.affinity && new Affinity(balancing.affinity, this.#roster);
    this.#outliers = balancing?.outliers && new OutlierDetector(balancing.outliers, this.#targets, table);
    this.#isCounted = this.#outliers !== undefined || (balancing !== undefined && balancing.by !== 'round-robin');
    this.#isTimed = balancing?.by === 'ewma';
  }

  /**
   * May the exchange go to this upstream at all? Asked once, before its first try.
   * @returns ADMIT, or an error's id
   * @hot
   */
  admit(): Verdict {
    // Discovery has found nothing yet. Its first answer is another snapshot.
    return this.#targets.length === 0 ? errors.UPSTREAM_UNREACHABLE.id : ADMIT;
  }

  /**
   * Where a try goes: all workers choose together, and a target that is out is passed over while another is in.
   * @param nowMs  monotonic milliseconds; stands still within a tick
   * @param tried  targets that this exchange has been to already; undefined before the first try
   * @hot
   */
  pick(x: Exchange, nowMs: number, tried: readonly LiveTarget[] | undefined): LiveTarget {
    if (this.#only !== undefined) return this.#only;
    const roster = this.#roster;
    if (roster.isStale(nowMs)) {
      this.#outliers?.ejectSilent(nowMs);
      roster.look(nowMs);
    }
    if (roster.isPanicking) this.#table.countPanic((this.#targets[0] as LiveTarget).index);
    let target = this.#affinity?.targetOf(x, tried);
    if (target === undefined) {
      target = this.#balancer.pick(x, nowMs, tried);
      this.#affinity?.bind(x, target);
    }
    if (this.#outliers !== undefined) this.#outliers.onPicked(target, nowMs, roster);
    return target;
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
  enter(target: LiveTarget): void {
    if (this.#isCounted) this.#table.enter(target.index, this.#worker);
    else this.#table.countLoose(target.index, this.#worker, 1);
  }

  /** The try has ended: the whole answer came, or none will. @hot */
  leave(target: LiveTarget): void {
    if (this.#isCounted) this.#table.leave(target.index, this.#worker);
    else this.#table.countLoose(target.index, this.#worker, -1);
  }

  /**
   * What a target did with a try: told once for each, at the answer's head or at its failure.
   * @param latencyUs  from sending to the answer's head, or to the failure
   * @param nowMs  monotonic milliseconds
   * @hot
   */
  observe(target: LiveTarget, outcome: Outcome, latencyUs: number, nowMs: number): void {
    if (outcome >= Outcome.BUSY) return;
    const table = this.#table;
    // Times are read once per tick: a try of the last one may have begun after the return.
    if (this.#outliers !== undefined && table.isBeforeReturn(target.index, nowMs - latencyUs / 1_000 + TICK_MS)) return;
    const isConnect = outcome === Outcome.UNREACHABLE || outcome === Outcome.CONNECT_TIMEOUT;
    // Who cannot be reached is put out, and may be as fast as before when it is back.
    if (this.#isTimed && !isConnect) this.#time(target.index, outcome, latencyUs, nowMs);
    if (this.#outliers !== undefined) {
      if (this.#outliers.observe(target, outcome, latencyUs, nowMs)) this.#roster.invalidate();
    } else if (outcome <= Outcome.SERVER_ERROR) {
      if (table.countSuccess(target.index, nowMs)) this.#roster.invalidate();
    } else if (isConnect) {
      table.countFailure(target.index, nowMs);
      this.#roster.invalidate();
    }
  }

  /** @hot */
  #time(target: TargetIndex, outcome: Outcome, latencyUs: number, nowMs: number): void {
    const table = this.#table;
    const meanUs = table.latencyUs(target);
    const isAnswer = outcome === Outcome.ANSWERED;
    const newUs = isAnswer
      ? withAnswer(meanUs, table.latencyAgeMs(target, nowMs), latencyUs)
      : withFailure(meanUs, latencyUs);
    table.setLatency(target, newUs, nowMs);
  }

  /** Why a try went to the target, for an explanation. */
  reasonFor(x: Exchange, target: LiveTarget): string {
    if (this.#only !== undefined) return 'it is the only one';
    const { openCount, isPanicking } = this.#roster;
    const isNamed = this.#affinity !== undefined && x.affinityLine === '';
    const by = isNamed ? 'its cookie names it' : (this.plan.balancing?.by ?? 'round-robin');
    const available = isPanicking
      ? 'too few available: all are used'
      : `${openCount} of ${this.#targets.length} available`;
    return `${by}, ${available}, ${this.#table.underWay(target.index)} under way there`;
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
    tls: origin.startsWith('https:') ? tlsOf(plan, target) : undefined,
  };
}

/** An address that was discovered is asked for the name that it was found by. */
function tlsOf({ tls }: UpstreamPlan, { serverName = '' }: TargetPlan): UpstreamTlsPlan | undefined {
  if (serverName === '' || (tls !== undefined && tls.serverName !== '')) return tls;
  return { ca: '', cert: '', key: '', verify: true, ...tls, serverName };
}
