// An upstream as several workers balance it: LiveUpstreams on one table, a clock that the test moves, chance that is the same
// every time.

import type { TargetIndex, WorkerIndex } from '../../../src/base/ids.ts';
import { compileRing } from '../../../src/control/releases/compile-ring.ts';
import { smoothTurns } from '../../../src/control/releases/smooth-turns.ts';
import type { Exchange } from '../../../src/gateway/pipeline/exchange.ts';
import type { BalancingPlan, OutlierPlan, UpstreamPlan } from '../../../src/gateway/snapshot.ts';
import { type LiveTarget, LiveUpstream } from '../../../src/gateway/upstream/live-upstream.ts';
import { TransportPools } from '../../../src/gateway/upstream/transport-pools.ts';
import { TargetTable } from '../../../src/shm/target-table.ts';
import { bareExchange } from '../../support/bare-exchange.ts';
import { ToldTransport } from '../../support/plane.ts';

export type Algorithm = BalancingPlan['by'];

const INDEX_FIRST = 7;

export const noOutliers: OutlierPlan = {
  consecutiveErrors: 0,
  connectFailures: 0,
  errorShare: 0,
  windowMs: 10_000,
  minRequests: 20,
  slowFactor: 0,
  silentMs: 0,
  ejectMs: 10_000,
  ejectedShareMax: 1,
  panicShare: 0,
};

export interface RigOptions {
  readonly by?: Algorithm;
  readonly weights: readonly number[];
  readonly workers?: number;
  readonly table?: TargetTable;
  readonly plan?: Partial<BalancingPlan>;
  /** Which of a larger upstream's targets are there; their names and indexes stay theirs. */
  readonly ids?: readonly number[];
}

export class BalancerRig {
  readonly table: TargetTable;
  readonly workers: readonly LiveUpstream[];
  readonly transports: ToldTransport[] = [];
  readonly pools = new TransportPools((options) => {
    const transport = new ToldTransport(options);
    this.transports.push(transport);
    return transport;
  });
  readonly random: () => number;
  nowMs = 100_000;
  #turn = 0;
  #key = 0;

  constructor({ by, weights, workers = 1, table, plan, ids = weights.map((_, i) => i) }: RigOptions) {
    this.table = table ?? TargetTable.create(workers);
    this.random = randomOf(12_345);
    const targets = weights.map((weight, i) => ({
      origin: `http://t${ids[i]}`,
      authority: `t${ids[i]}`,
      socketPath: '',
      basePath: '',
      weight,
    }));
    const named = targets.map(({ origin, weight }) => ({ name: origin, weight }));
    const balancing: BalancingPlan = {
      by: by ?? 'round-robin',
      ring: by === 'hash' ? compileRing({ kind: 'header', name: 'x-key' }, named) : undefined,
      slowStartMs: 0,
      ...plan,
    };
    const isDefault = by === undefined && plan === undefined;
    const turns = smoothTurns(targets.map(({ weight }) => weight));
    const upstream: UpstreamPlan = { ...connections, targets, turns, ...(isDefault ? {} : { balancing }) };
    const indexes = ids.map((id) => this.indexOf(id));
    this.workers = Array.from(
      { length: workers },
      (_, worker) => new LiveUpstream(upstream, indexes, this.table, this.pools, worker as WorkerIndex, this.random),
    );
  }

  /** By the next worker, or the one that is said. Each request has another key, unless one is said. */
  pick(tried?: readonly LiveTarget[], key = `key ${this.#key++}`, worker = this.#turn++): LiveTarget {
    const upstream = this.workers[worker % this.workers.length] as LiveUpstream;
    return upstream.pick(requestWith(key), this.nowMs, tried);
  }

  /** Picks that end at once. */
  picks(count: number): readonly number[] {
    return Array.from({ length: count }, () => idOf(this.pick()));
  }

  indexOf(id: number): TargetIndex {
    return (id + INDEX_FIRST) as TargetIndex;
  }

  /** As the first worker has it. */
  targetOf(id: number): LiveTarget {
    for (let n = 0; n < 10_000; n++) {
      const target = this.pick(undefined, undefined, 0);
      if (idOf(target) === id) return target;
    }
    throw new Error(`target ${id} is never picked`);
  }
}

/** Its number in the upstream. */
export function idOf(target: LiveTarget): number {
  return Number(target.plan.authority.slice(1));
}

export function countsOf(picked: readonly number[], targetCount: number): readonly number[] {
  const counts = new Array<number>(targetCount).fill(0);
  for (const id of picked) counts[id] = (counts[id] as number) + 1;
  return counts;
}

export function requestWith(key: string): Exchange {
  return bareExchange({ headers: ['x-key', key] });
}

/** @returns 0 to 1, without 1; the same numbers for the same seed (mulberry32) */
export function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const connections: Omit<UpstreamPlan, 'targets' | 'turns'> = {
  name: 'main',
  connectTimeoutMs: 1,
  responseTimeoutMs: 1,
  idleTimeoutMs: 1,
  totalTimeoutMs: 0,
  connectionsMax: 1,
  connectionsMin: 0,
  keepAliveMs: 1,
  pipelining: 1,
  http2: false,
  tls: undefined,
};
