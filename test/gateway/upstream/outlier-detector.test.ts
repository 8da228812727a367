import fc from 'fast-check';
import t from 'tap';
import type { OutlierPlan } from '../../../src/gateway/snapshot.ts';
import { Outcome } from '../../../src/gateway/upstream/outcome.ts';
import { type Algorithm, BalancerRig, countsOf, idOf, noOutliers } from './balancer-rig.ts';
import { simulateLoad } from './simulate-load.ts';

const TICK_MS = 10;

/** Targets of one weight, and two workers. */
function rigOf(outliers: Partial<OutlierPlan>, targetCount = 4, by: Algorithm = 'round-robin') {
  const weights = new Array<number>(targetCount).fill(1);
  const rig = new BalancerRig({ by, weights, workers: 2, plan: { outliers: { ...noOutliers, ...outliers } } });
  /** What the first worker sees of a target, one tick after the other. */
  const see = (id: number, outcome: Outcome, times = 1, latencyMs = 1): void => {
    for (let n = 0; n < times; n++) {
      rig.nowMs += TICK_MS;
      rig.workers[0]?.observe(targets[id] as (typeof targets)[0], outcome, latencyMs * 1_000, rig.nowMs);
    }
  };
  const targets = weights.map((_, id) => rig.targetOf(id));
  const isOut = (id: number): boolean => rig.table.isOut(rig.indexOf(id), rig.nowMs);
  return { rig, see, isOut, targets };
}

const failures = [Outcome.SERVER_ERROR, Outcome.RESET, Outcome.INVALID, Outcome.TIMEOUT] as const;

t.test('so many errors in a row put a target out, whatever they are; an answer between them does not', async (t) => {
  for (const outcome of failures) {
    const { rig, see, isOut } = rigOf({ consecutiveErrors: 3 });
    see(1, outcome, 2);
    see(1, Outcome.ANSWERED);
    see(1, outcome, 2);
    t.notOk(isOut(1));
    see(1, outcome);
    t.ok(isOut(1));
    t.equal(countsOf(rig.picks(40), 4)[1], 0, 'no worker goes there');
  }
});

t.test('what says nothing of a target is not counted', async (t) => {
  const { see, isOut } = rigOf({ consecutiveErrors: 3, errorShare: 0.1, minRequests: 1 });
  see(1, Outcome.BUSY, 20);
  see(1, Outcome.ABANDONED, 20);
  t.notOk(isOut(1));
});

t.test('failed connects have a number of their own', async (t) => {
  const { see, isOut } = rigOf({ consecutiveErrors: 5, connectFailures: 2 });
  see(0, Outcome.UNREACHABLE);
  t.notOk(isOut(0));
  see(0, Outcome.CONNECT_TIMEOUT);
  t.ok(isOut(0));
});

t.test('a share of errors puts a target out, once it has had enough tries within the time', async (t) => {
  const { rig, see, isOut } = rigOf({ errorShare: 0.5, minRequests: 10, windowMs: 1_000 });
  for (let n = 0; n < 4; n++) {
    see(2, Outcome.ANSWERED);
    see(2, Outcome.SERVER_ERROR);
  }
  t.notOk(isOut(2), '8 tries');
  see(2, Outcome.ANSWERED);
  see(2, Outcome.SERVER_ERROR);
  t.ok(isOut(2));
  const other = rigOf({ errorShare: 0.5, minRequests: 10, windowMs: 1_000 });
  other.see(2, Outcome.SERVER_ERROR, 9);
  other.rig.nowMs += 2_000;
  other.see(2, Outcome.SERVER_ERROR);
  t.notOk(other.isOut(2), 'what is older is forgotten');
  t.equal(rig.table.ejectionCount(rig.indexOf(2)), 1);
});

t.test(
  'a target that is many times slower than the median is put out, one that is a little slower is not',
  async (t) => {
    const load = { clients: 12, requests: 1_200 };
    const { rig, isOut } = rigOf({ slowFactor: 5, minRequests: 20, windowMs: 2_000 });
    simulateLoad(rig, 4, { ...load, latencyMs: (id) => (id === 3 ? 30 : 10) });
    t.notOk(isOut(3), 'three times');
    simulateLoad(rig, 4, { ...load, requests: 2_400, latencyMs: (id) => (id === 3 ? 100 : 10) });
    t.ok(rig.table.ejectionCount(rig.indexOf(3)) > 0, 'ten times');
    t.same(
      [0, 1, 2].map((id) => rig.table.ejectionCount(rig.indexOf(id))),
      [0, 0, 0],
    );
    const fast = rigOf({ slowFactor: 5, minRequests: 20, windowMs: 2_000 });
    simulateLoad(fast.rig, 4, { ...load, requests: 20_000, latencyMs: (id) => (id === 3 ? 5 : 0.5) });
    t.equal(fast.rig.table.ejectionCount(fast.rig.indexOf(3)), 0, 'ten times of next to nothing');
  },
);

t.test('a target that goes silent with tries under way is put out long before they time out', async (t) => {
  const { rig } = rigOf({ silentMs: 50, consecutiveErrors: 5 }, 3);
  const startMs = rig.nowMs;
  let lastMs = 0;
  const counts = simulateLoad(rig, 3, {
    // A third of those that are left stops with each round.
    clients: 600,
    requests: 4_000,
    latencyMs: (id) => (id === 1 ? 60_000 : 10),
    onPicked: (id) => {
      if (id === 1) lastMs = rig.nowMs - startMs;
    },
  });
  t.ok(lastMs > 0 && lastMs <= 75, `${counts}: the last try was sent there after ${lastMs} ms`);
});

t.test('silence of a few slow requests, or of clients that left, puts nobody out', async (t) => {
  const { rig, isOut, targets } = rigOf({ silentMs: 500, consecutiveErrors: 5 }, 3);
  const [worker] = rig.workers;
  let picked = 0;
  for (let n = 0; n < 30; n++) {
    const target = rig.pick(undefined, undefined, 0);
    worker?.enter(target);
    if (target !== targets[1] || picked++ >= 4) worker?.leave(target);
    if (target !== targets[1]) worker?.observe(target, Outcome.ANSWERED, 1_000, rig.nowMs);
  }
  t.equal(rig.table.inFlight(rig.indexOf(1)), 4);
  rig.nowMs += 10_000;
  rig.pick();
  t.notOk(isOut(1));
});

t.test('no more targets are out than may be, and of two or three at least one may', async (t) => {
  for (const [targetCount, share, most] of [
    [4, 0.5, 2],
    [3, 0.5, 1],
    [2, 0.1, 1],
    [10, 0.25, 2],
    [5, 0, 0],
    [1, 1, 1],
  ] as const) {
    const { see, isOut } = rigOf({ consecutiveErrors: 1, ejectedShareMax: share }, targetCount);
    for (let id = 0; id < targetCount; id++) see(id, Outcome.RESET, 3);
    const out = Array.from({ length: targetCount }, (_, id) => isOut(id)).filter(Boolean).length;
    t.equal(out, most, `${share} of ${targetCount}`);
  }
});

t.test('a target that is back gets one try until it has answered; then its full share', async (t) => {
  const { rig, see, isOut, targets } = rigOf({ consecutiveErrors: 3, ejectMs: 1_000 }, 3);
  see(0, Outcome.RESET, 3);
  rig.nowMs += 1_000;
  t.notOk(isOut(0));
  t.equal(countsOf(rig.picks(60), 3)[0], 1, 'by both workers together');
  rig.workers[0]?.observe(targets[0] as never, Outcome.ANSWERED, 1_000, rig.nowMs + 1);
  rig.nowMs += TICK_MS;
  t.same(countsOf(rig.picks(60), 3), [20, 20, 20]);
});

t.test('a trial that fails puts the target out at once, for longer; one that nobody ends is repeated', async (t) => {
  const { rig, see, isOut } = rigOf({ consecutiveErrors: 3, ejectMs: 1_000 }, 3);
  see(0, Outcome.RESET, 3);
  rig.nowMs += 1_000;
  rig.targetOf(0);
  see(0, Outcome.TIMEOUT, 1, 0);
  rig.nowMs += 1_900;
  t.ok(isOut(0), 'twice as long');
  rig.nowMs += 200;
  rig.targetOf(0);
  t.equal(countsOf(rig.picks(30), 3)[0], 0);
  rig.nowMs += 1_000;
  t.equal(countsOf(rig.picks(30), 3)[0], 1);
});

t.test('tries that began before a target came back say nothing of it', async (t) => {
  const { rig, see, isOut, targets } = rigOf({ consecutiveErrors: 3, ejectMs: 1_000 }, 3);
  see(0, Outcome.RESET, 3);
  see(0, Outcome.ANSWERED);
  t.ok(isOut(0), 'an answer that was under way does not bring it back');
  rig.nowMs += 1_000;
  rig.workers[1]?.observe(targets[0] as never, Outcome.TIMEOUT, 1_500_000, rig.nowMs);
  t.notOk(isOut(0), 'nor does a late failure put it out again');
});

t.test('below the panic threshold health is ignored and all are used, until enough are back', async (t) => {
  const { rig, see } = rigOf({ consecutiveErrors: 1, panicShare: 0.5 }, 4);
  see(0, Outcome.RESET);
  see(1, Outcome.RESET);
  rig.nowMs += TICK_MS;
  t.same(countsOf(rig.picks(40), 4), [0, 0, 20, 20], 'half of them are enough');
  see(2, Outcome.RESET);
  rig.nowMs += TICK_MS;
  t.ok(countsOf(rig.picks(40), 4).every((count) => count === 10));
  t.equal(rig.table.panicCount(rig.indexOf(0)), 40);
});

t.test('with default settings, a target that dies costs a handful of requests, however it dies', async (t) => {
  const defaults = { consecutiveErrors: 5, connectFailures: 1, errorShare: 0.5, panicShare: 0.5, ejectedShareMax: 0.5 };
  for (const by of ['round-robin', 'least-requests', 'ewma'] as const) {
    for (const outcome of [Outcome.UNREACHABLE, Outcome.RESET, Outcome.SERVER_ERROR] as const) {
      const { rig } = rigOf(defaults, 3, by);
      const [, dead = 0] = simulateLoad(rig, 3, {
        clients: 12,
        requests: 3_000,
        latencyMs: () => 5,
        outcome: (id) => (id === 1 ? outcome : Outcome.ANSWERED),
      });
      t.ok(dead <= 20, `${by}: ${dead}`);
    }
  }
});

t.test('whatever happens to targets, somebody is always picked, and the counts stay within their bounds', async (t) => {
  const outcome = fc.constantFrom(Outcome.ANSWERED, ...failures, Outcome.UNREACHABLE, Outcome.ABANDONED);
  const event = fc.tuple(fc.nat({ max: 3 }), outcome, fc.integer({ min: 0, max: 3_000 }));
  const law = fc.property(fc.array(event, { maxLength: 80 }), fc.constantFrom(0, 0.5), (events, panicShare) => {
    const plan = { consecutiveErrors: 2, connectFailures: 1, errorShare: 0.5, minRequests: 4, slowFactor: 3 };
    const { rig, see } = rigOf({ ...plan, ejectedShareMax: 0.5, ejectMs: 1_000, silentMs: 100, panicShare });
    return events.every(([id, outcome, passedMs]) => {
      rig.nowMs += passedMs;
      see(id, outcome);
      rig.nowMs += TICK_MS;
      const out = [0, 1, 2, 3].filter((each) => rig.table.isOut(rig.indexOf(each), rig.nowMs));
      const picked = idOf(rig.pick());
      return out.length <= 2 && picked >= 0 && !out.includes(picked);
    });
  });
  t.doesNotThrow(() => fc.assert(law, { numRuns: 100 }));
});
