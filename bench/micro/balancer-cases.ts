// Choosing a target: a pick with all that follows it, until the answer's end.

import type { TargetIndex, WorkerIndex } from '../../src/base/ids.ts';
import { compileRing } from '../../src/control/releases/compile-ring.ts';
import { Exchange } from '../../src/gateway/pipeline/exchange.ts';
import type { BalancingPlan, OutlierPlan, TargetPlan } from '../../src/gateway/snapshot.ts';
import { LiveUpstream } from '../../src/gateway/upstream/live-upstream.ts';
import { Outcome } from '../../src/gateway/upstream/outcome.ts';
import { TransportPools } from '../../src/gateway/upstream/transport-pools.ts';
import { TargetTable } from '../../src/shm/target-table.ts';
import { sink } from '../support/sink.ts';
import type { MicroCase } from './micro-case.ts';
import { StubTransport } from './stub-transport.ts';

const outliers: OutlierPlan = {
  consecutiveErrors: 5,
  connectFailures: 1,
  errorShare: 0.5,
  windowMs: 10_000,
  minRequests: 20,
  slowFactor: 0,
  silentMs: 1_000,
  ejectMs: 10_000,
  ejectedShareMax: 0.5,
  panicShare: 0.5,
};
// A tick of the worker's clock has some hundred requests; a power of two, so that counting them costs one AND.
const REQUESTS_PER_TICK_MASK = 255;
const TICK_MS = 10;

export function balancerCases(): readonly MicroCase[] {
  const single = balancerCase('balance: one target', 1, undefined);
  const turns = balancerCase('balance: round robin of 8', 8, undefined);
  const against = (name: string, by: BalancingPlan['by'], plan: Partial<BalancingPlan> = {}): MicroCase => ({
    ...balancerCase(name, 8, { by, slowStartMs: 0, ...plan }),
    against: turns.name,
  });
  return [
    single,
    turns,
    against('balance: round robin of 8, outliers', 'round-robin', { outliers }),
    against('balance: least requests of 8', 'least-requests'),
    against('balance: ewma of 8', 'ewma'),
    against('balance: hash of 8', 'hash'),
  ];
}

function balancerCase(name: string, targetCount: number, plan: BalancingPlan | undefined): MicroCase {
  return {
    name,
    prepare() {
      const targets = Array.from({ length: targetCount }, (_, n) => targetPlan(`10.0.0.${n}:80`));
      const named = targets.map(({ origin, weight }) => ({ name: origin, weight }));
      const ring = plan?.by === 'hash' ? compileRing({ kind: 'ip' }, named) : undefined;
      const balancing = plan && { ...plan, ring };
      const upstream = new LiveUpstream(
        { ...connections, targets, turns: Uint8Array.from(targets.keys()), balancing },
        targets.map((_, n) => n as TargetIndex),
        TargetTable.create(1),
        new TransportPools(() => new StubTransport()),
        0 as WorkerIndex,
      );
      const x = new Exchange(undefined as never, undefined as never, undefined as never, 0);
      x.clientAddress = '192.0.2.1';
      let nowMs = 1_000;
      let request = 0;
      return () => {
        if ((request++ & REQUESTS_PER_TICK_MASK) === 0) nowMs += TICK_MS;
        const target = upstream.pick(x, nowMs, undefined);
        upstream.enter(target);
        upstream.observe(target, Outcome.ANSWERED, 1_000, nowMs);
        upstream.leave(target);
        sink.number += target.ordinal;
      };
    },
  };
}

function targetPlan(authority: string): TargetPlan {
  return { origin: `http://${authority}`, authority, socketPath: '', basePath: '', weight: 1 };
}

const connections = {
  name: 'bench',
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
