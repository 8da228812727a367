import fc from 'fast-check';
import t from 'tap';
import type { TargetIndex, WorkerIndex } from '../../../src/base/ids.ts';
import type { UpstreamPlan } from '../../../src/gateway/snapshot.ts';
import { LiveUpstream } from '../../../src/gateway/upstream/live-upstream.ts';
import { Outcome } from '../../../src/gateway/upstream/outcome.ts';
import { TransportPools } from '../../../src/gateway/upstream/transport-pools.ts';
import type { TransportOptions } from '../../../src/gateway/upstream/transports/transport.ts';
import { TargetHealth, TargetTable } from '../../../src/shm/target-table.ts';
import { bareExchange } from '../../support/bare-exchange.ts';
import { ToldTransport } from '../../support/plane.ts';
import { BalancerRig, countsOf, idOf } from './balancer-rig.ts';

const nobody = bareExchange();

/** An upstream with a target for each weight, balanced as it is without settings. */
function rig(weights: readonly number[], table = TargetTable.create()) {
  const rig = new BalancerRig({ weights, table });
  const [upstream] = rig.workers;
  if (upstream === undefined) throw new Error('there is no worker');
  const { pools, transports } = rig;
  const pick = (nowMs = 0): number => idOf(upstream.pick(nobody, nowMs, undefined));
  const picks = (count: number, nowMs = 0): readonly number[] => Array.from({ length: count }, () => pick(nowMs));
  return { upstream, pools, transports, table, pick, picks };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}

const weights = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 8 });

t.test('over a round every target gets exactly as many turns as its weight says', async (t) => {
  const law = fc.property(weights, fc.integer({ min: 1, max: 5 }), (weights, factor) => {
    const { picks } = rig(weights.map((weight) => weight * factor));
    const round = sum(weights);
    for (let i = 0; i < 3; i++) {
      if (countsOf(picks(round), weights.length).join() !== weights.join()) return false;
    }
    return true;
  });
  t.doesNotThrow(() => fc.assert(law, { numRuns: 300 }));
});

t.test('no target gets two turns in a row, rounds following each other, unless it outweighs all others', async (t) => {
  const law = fc.property(weights, (weights) => {
    const total = sum(weights);
    const picked = rig(weights).picks(total * 2);
    return picked.every((one, i) => i === 0 || one !== picked[i - 1] || (weights[one] as number) * 2 > total);
  });
  t.doesNotThrow(() => fc.assert(law, { numRuns: 1_000 }));
  t.same(
    rig([3, 1, 1, 1])
      .picks(7)
      .filter((one) => one === 0).length,
    4,
    'every other turn',
  );
});

t.test('turns are spread: within any stretch of a round a target is close to its share', async (t) => {
  const law = fc.property(weights, (weights) => {
    const total = sum(weights);
    const picked = rig(weights).picks(total * 2);
    return weights.every((weight, i) => {
      let seen = 0;
      return picked.every((one, at) => {
        if (one === i) seen++;
        return Math.abs(seen - ((at + 1) * weight) / total) < weights.length;
      });
    });
  });
  t.doesNotThrow(() => fc.assert(law, { numRuns: 300 }));
});

t.test('weights too large for one round are rounded, and every target still gets its turns', async (t) => {
  const { picks } = rig([1_000_003, 500_001, 1]);
  const [a = 0, b = 0, c = 0] = countsOf(picks(4_096), 3);
  t.ok(Math.abs(a / b - 2) < 0.01, `${a} to ${b}`);
  t.ok(c >= 1);
});

t.test('one target gets every request, out or not', async (t) => {
  const { upstream, picks } = rig([5]);
  upstream.observe(upstream.pick(nobody, 0, undefined), Outcome.UNREACHABLE, 0, 0);
  t.same(picks(3, 10), [0, 0, 0]);
});

t.test(
  'a target that is out is passed over until its time is over, and one success brings it back for good',
  async (t) => {
    const { upstream, picks, pick, table } = rig([1, 1, 1]);
    let target = upstream.pick(nobody, 0, undefined);
    while (idOf(target) !== 1) target = upstream.pick(nobody, 0, undefined);
    upstream.observe(target, Outcome.UNREACHABLE, 0, 0);
    t.notOk(picks(30, 999).includes(1));
    t.ok(picks(3, 1_000).includes(1), 'it is tried again');
    upstream.observe(target, Outcome.UNREACHABLE, 0, 1_000);
    t.notOk(picks(30, 2_999).includes(1), 'twice as long the second time');
    upstream.observe(target, Outcome.ANSWERED, 0, 0);
    t.ok(picks(3, 2_999).includes(1));
    upstream.observe(target, Outcome.UNREACHABLE, 0, 3_000);
    t.notOk(table.isOut(target.index, 4_000), 'it starts over with the shortest time');
    t.type(pick(), 'number');
  },
);

t.test('whichever targets are out, one that is in is picked, and when all are out still some are', async (t) => {
  const law = fc.property(
    fc.array(fc.tuple(fc.integer({ min: 1, max: 5 }), fc.boolean()), { minLength: 2 }),
    (targets) => {
      const { upstream, picks, table } = rig(targets.map(([weight]) => weight));
      targets.forEach(([, isOut], i) => {
        if (isOut) table.countFailure((i + 7) as TargetIndex, 0);
      });
      const picked = picks(sum(targets.map(([weight]) => weight)), 500);
      if (targets.every(([, isOut]) => isOut)) return new Set(picked).size === targets.length;
      return picked.every((one) => targets[one]?.[1] === false) && upstream.pick(nobody, 500, undefined) !== undefined;
    },
  );
  t.doesNotThrow(() => fc.assert(law, { numRuns: 300 }));
});

t.test('workers take turns from one cursor: together they are as even as one', async (t) => {
  const table = TargetTable.create();
  const workers = [rig([2, 1, 1], table), rig([2, 1, 1], table)];
  const picked = Array.from({ length: 400 }, (_, i) => (workers[i % 3 === 0 ? 1 : 0] as (typeof workers)[0]).pick());
  t.same(countsOf(picked, 3), [200, 100, 100]);
});

t.test('an upstream gives back the transports of all its targets', async (t) => {
  const { upstream, pools, transports } = rig([1, 2, 3]);
  t.equal(transports.length, 3);
  upstream.release(pools);
  t.ok(transports.every(({ closed }) => closed));
});

t.test('a transport is told all that the plans say of its connections', async (t) => {
  const made: ToldTransport[] = [];
  const pools = new TransportPools((options) => {
    const transport = new ToldTransport(options);
    made.push(transport);
    return transport;
  });
  const tls = { ca: 'ca', cert: '', key: '', serverName: '', verify: true };
  const plan: UpstreamPlan = {
    name: 'main',
    targets: [
      { origin: 'https://a', authority: 'a', socketPath: '', basePath: '/base', weight: 1 },
      { origin: 'http://a', authority: 'a', socketPath: '', basePath: '', weight: 1 },
      { origin: 'unix:/run/a', authority: 'localhost', socketPath: '/run/a', basePath: '', weight: 1 },
    ],
    turns: Uint8Array.of(0, 1, 2),
    connectTimeoutMs: 1,
    responseTimeoutMs: 2,
    idleTimeoutMs: 3,
    totalTimeoutMs: 4,
    connectionsMax: 5,
    connectionsMin: 6,
    keepAliveMs: 7,
    pipelining: 8,
    http2: true,
    tls,
  };
  new LiveUpstream(plan, [0, 1, 2] as TargetIndex[], TargetTable.create(), pools, 0 as WorkerIndex);
  const common = {
    connectTimeoutMs: 1,
    connectionsMax: 5,
    connectionsMin: 6,
    idleTimeoutMs: 7,
    pipelining: 8,
    http2: true,
  };
  t.same(
    made.map(({ options }) => options),
    [
      { ...common, origin: 'https://a', socketPath: '', tls },
      { ...common, origin: 'http://a', socketPath: '', tls: undefined },
      { ...common, origin: 'http://localhost', socketPath: '/run/a', tls: undefined },
    ],
  );
});

t.test('a target whose checks fail gets no turn while another is well; when none is, each has its turn', async (t) => {
  const { table, picks } = rig([1, 1, 1]);
  table.setHealth(8 as TargetIndex, TargetHealth.UNHEALTHY, 0);
  t.same(countsOf(picks(30), 3)[1], 0);
  for (const index of [7, 9]) table.setHealth(index as TargetIndex, TargetHealth.UNHEALTHY, 0);
  t.same(countsOf(picks(30, 10), 3), [10, 10, 10]);
});

t.test(
  'a discovered address is asked for the name that it was found by, unless another one is configured',
  async (t) => {
    const told: TransportOptions[] = [];
    const pools = new TransportPools((options) => {
      told.push(options);
      return new ToldTransport(options);
    });
    const target = { origin: 'https://10.0.0.7', authority: 'orders.test', socketPath: '', basePath: '', weight: 1 };
    const { upstream } = rig([]);
    const live = (serverName: string | undefined, tls: UpstreamPlan['tls']): TransportOptions['tls'] => {
      const plan = { ...upstream.plan, tls, targets: [{ ...target, serverName }] };
      new LiveUpstream(plan, [0 as TargetIndex], TargetTable.create(), pools, 0 as WorkerIndex);
      return told.at(-1)?.tls;
    };
    const tls = { ca: 'A', cert: '', key: '', serverName: '', verify: true };
    t.equal(live(undefined, undefined), undefined);
    t.same(live('orders.test', undefined), { ca: '', cert: '', key: '', serverName: 'orders.test', verify: true });
    t.same(live('orders.test', tls), { ...tls, serverName: 'orders.test' });
    t.same(live('orders.test', { ...tls, serverName: 'other' }), { ...tls, serverName: 'other' });
  },
);
