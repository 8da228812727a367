// Who gets a place, who waits, who is refused: over several workers, in virtual time.

import fc from 'fast-check';
import t from 'tap';
import type { LoadIndex } from '../../../../src/base/ids.ts';
import type { LoadPlan } from '../../../../src/gateway/snapshot.ts';
import { retryAfterSeconds } from '../../../../src/gateway/upstream/load/retry-after.ts';
import { LoadTable, ShedCause } from '../../../../src/shm/load-table.ts';
import { LoadRig } from './load-rig.ts';

const A = 0 as LoadIndex;
const fixed: LoadPlan = { adaptive: false, min: 1, max: 8, queueMs: 50, queueLength: 100 };
const adaptive: LoadPlan = { adaptive: true, min: 1, max: 1_000, queueMs: 50, queueLength: 256 };
const GOLD = 10;

t.test(
  'never are more under way than the limit, all workers together, and nobody is refused while there is room',
  async (t) => {
    const rig = new LoadRig({ plan: fixed, places: 100, workers: 3 });
    let most = 0;
    rig.onAdmitted = () => {
      most = Math.max(most, rig.inFlight);
    };
    for (let worker = 0; worker < 3; worker++) rig.arrive(300, worker, worker);
    rig.measure(2_000);
    t.equal(most, 8);
    const quiet = new LoadRig({ plan: fixed, places: 100, workers: 3 });
    for (let worker = 0; worker < 3; worker++) quiet.arrive(20, 0, worker);
    quiet.measure(2_000);
    t.equal(quiet.tally().refused, 0);
  },
);

t.test('at three times the capacity, the higher priority meets no refusal when it fits by itself', async (t) => {
  for (const workers of [1, 3]) {
    const rig = new LoadRig({ plan: adaptive, places: 16, workers });
    for (let worker = 0; worker < workers; worker++) {
      rig.arrive(400 / workers, GOLD, worker);
      rig.arrive(2_000 / workers, 0, worker);
    }
    rig.measure(5_000);
    const rate = rig.measure(6_000);
    const gold = rig.tally(GOLD);
    t.ok(gold.refused <= gold.asked / 1_000, `${workers} workers: ${gold.refused} of ${gold.asked} refused`);
    t.ok(rate >= 0.95 * 800, `${rate}/s of 800`);
    t.ok(rig.upstream.percentile(0.99) <= 2 * 20, `p99 ${rig.upstream.percentile(0.99)}`);
    t.ok(rig.tally(0).served > 0);
  }
});

t.test('while one of a higher priority waits anywhere, no lower one is admitted', async (t) => {
  const worker = fc.nat(2);
  const demand = fc.record({ worker, level: fc.nat(3), perSecond: fc.integer({ min: 20, max: 400 }) });
  const law = fc.property(fc.array(demand, { minLength: 2, maxLength: 6 }), fc.integer(), (demands, seed) => {
    const rig = new LoadRig({ plan: { ...fixed, max: 4 }, places: 4, workers: 3, seed });
    let unlawful = 0;
    rig.onAdmitted = (level) => {
      for (const waiting of rig.waiting.values()) if (waiting > level) unlawful++;
    };
    for (const { worker: at, level, perSecond } of demands) rig.arrive(perSecond, level, at);
    rig.measure(400);
    return unlawful === 0;
  });
  t.doesNotThrow(() => fc.assert(law, { numRuns: 40 }));
});

t.test('the queue is bounded; a higher priority takes the place of the lowest that has waited longest', async (t) => {
  const rig = new LoadRig({ plan: { ...fixed, max: 1, queueLength: 2 }, places: 1 });
  rig.ask(0);
  rig.ask(1);
  rig.ask(0);
  t.equal(rig.table.read(A, 'waiting'), 2);
  rig.ask(0);
  t.equal(rig.tally(0).refused, 1, 'full, and nobody waits who is less');
  rig.ask(2);
  t.same([rig.tally(0).refused, rig.tally(1).refused], [2, 0]);
  t.same([rig.table.sheds(A, ShedCause.QUEUE_FULL), rig.table.sheds(A, ShedCause.PRIORITY)], [1, 1]);
  const order: number[] = [];
  rig.onAdmitted = (level) => void order.push(level);
  rig.loop.runUntil(100);
  t.same(order, [2, 1]);
});

t.test('without a queue, whoever finds no place is refused at once', async (t) => {
  for (const none of [{ queueMs: 0 }, { queueLength: 0 }]) {
    const rig = new LoadRig({ plan: { ...fixed, max: 1, ...none }, places: 1 });
    rig.ask();
    rig.ask();
    t.same([rig.tally().refused, rig.table.read(A, 'waiting')], [1, 0]);
  }
});

t.test('nobody waits longer than the queue allows', async (t) => {
  const rig = new LoadRig({ plan: { ...fixed, max: 1 }, places: 1, serviceMs: () => 1_000 });
  rig.ask();
  rig.ask();
  rig.loop.runUntil(49);
  t.equal(rig.tally().refused, 0);
  rig.loop.runUntil(61);
  t.equal(rig.tally().refused, 1);
  t.equal(rig.table.sheds(A, ShedCause.QUEUE_TIME), 1);
});

t.test(
  'a queue that stands is served from its newest end, and nobody of the lowest priority waits long in it',
  async (t) => {
    const rig = new LoadRig({ plan: { ...fixed, max: 4, queueMs: 200 }, places: 4 });
    rig.arrive(800);
    rig.measure(1_000);
    t.ok(rig.table.sheds(A, ShedCause.QUEUE_STANDING) > 100);
    const before = rig.table.sheds(A, ShedCause.QUEUE_TIME);
    rig.measure(1_000);
    t.ok(rig.table.sheds(A, ShedCause.QUEUE_TIME) - before < 20, 'they were told before their time was up');
  },
);

t.test('a place that one worker gives back is seen by another within a millisecond', async (t) => {
  const rig = new LoadRig({ plan: { ...fixed, max: 1 }, places: 1, workers: 2 });
  rig.ask(0, 0);
  rig.ask(0, 1);
  let admittedMs = 0;
  rig.onAdmitted = () => {
    admittedMs = rig.loop.nowMs;
  };
  rig.loop.runUntil(40);
  t.ok(admittedMs >= 20 && admittedMs <= 21, `${admittedMs}`);
});

t.test('Retry-After is how long the upstream would need for all who were refused, between 1 and 30 s', async (t) => {
  const table = LoadTable.create(1);
  const told = (drainRate: number, shedRate: number, random = 0) => {
    table.write(A, 'drainRate', drainRate);
    table.write(A, 'shedRate', shedRate);
    return retryAfterSeconds(table, A, random);
  };
  t.equal(told(100, 0), 1);
  t.equal(told(100, 250), 3);
  t.equal(told(100, 250, 0.999), 4, 'up to half as much more, by chance');
  t.equal(told(0, 500), 30);
  t.equal(told(0, 0), 1);
  const rig = new LoadRig({ plan: { ...fixed, max: 4 }, places: 4 });
  rig.arrive(1_000);
  rig.measure(2_500);
  rig.measure(1_000);
  const { retryAfter } = rig.tally();
  t.ok(
    Math.min(...retryAfter) >= 4 && Math.max(...retryAfter) <= 8,
    'five times 200/s: 4 s and more, to half as much again',
  );
});

t.test('places are left free for a higher priority while it has requests under way, and not after', async (t) => {
  const rig = new LoadRig({ plan: { ...fixed, max: 32 }, places: 32 });
  rig.arrive(800, GOLD);
  rig.arrive(3_000, 0);
  rig.measure(1_000);
  const reserve = rig.table.reserve(A, 0);
  t.ok(reserve >= 2 && reserve <= 8, `${reserve}: about √16, a quarter of 32 at most`);
  t.equal(rig.table.reserve(A, GOLD), 0);
  rig.arrive(0, GOLD);
  rig.measure(2_000);
  t.equal(rig.table.reserve(A, 0), 0);
});
