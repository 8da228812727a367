// The adaptive limit in front of upstreams whose capacity is known, in virtual time.

import t from 'tap';
import type { LoadPlan } from '../../../../src/gateway/snapshot.ts';
import { LoadRig, type RigOptions } from './load-rig.ts';

const plan: LoadPlan = { adaptive: true, min: 1, max: 1_000, queueMs: 50, queueLength: 64 };
const SERVICE_MS = 20;

/** Three times as many requests as can be served, for ever. */
function overloaded(options: Partial<RigOptions> & Pick<RigOptions, 'places'>): LoadRig {
  const rig = new LoadRig({ plan, ...options });
  const { workers = 1 } = options;
  for (let worker = 0; worker < workers; worker++) rig.arrive((3 * capacityOf(options.places)) / workers, 0, worker);
  return rig;
}

function capacityOf(places: number, serviceMs = SERVICE_MS): number {
  return (places * 1_000) / serviceMs;
}

for (const places of [4, 16, 64]) {
  t.test(
    `at three times the capacity of ${places} places: 95 % of it is used, p99 is at most 2.2 services`,
    async (t) => {
      const rig = overloaded({ places });
      rig.measure(6_000);
      t.ok(rig.limit >= places && rig.limit <= places * 1.15 + Math.sqrt(places) + 2, `limit ${rig.limit}`);
      const rate = rig.measure(4_000);
      t.ok(rate >= 0.95 * capacityOf(places), `${rate}/s`);
      // 2 services are the aim. With four places, a fifth and sixth request wait for a whole service.
      const p99 = rig.upstream.percentile(0.99);
      t.ok(p99 <= (places < 16 ? 2.2 : 1.9) * SERVICE_MS, `p99 ${p99} ms`);
    },
  );
}

t.test('whatever was believed at the start, in the midst of overload the true baseline is found', async (t) => {
  // The first window sees five services' worth of queue.
  const rig = overloaded({ places: 4 });
  rig.loop.runUntil(400);
  t.ok(rig.baselineMs > 2 * SERVICE_MS, `it begins with ${rig.baselineMs} ms`);
  rig.loop.runUntil(10_000);
  t.ok(Math.abs(rig.baselineMs - SERVICE_MS) < 2, `and comes to ${rig.baselineMs} ms`);
});

t.test('the limit follows a capacity that halves and doubles', async (t) => {
  const rig = overloaded({ places: 32 });
  rig.measure(5_000);
  const before = rig.limit;
  rig.upstream.places = 16;
  rig.measure(4_000);
  t.ok(rig.limit < 0.7 * before && rig.limit >= 16, `from ${before} to ${rig.limit}`);
  t.ok(rig.measure(1_000) >= 0.9 * capacityOf(16));
  rig.upstream.places = 32;
  rig.measure(4_000);
  t.ok(rig.limit >= 32, `and back to ${rig.limit}`);
  t.ok(rig.measure(1_000) >= 0.9 * capacityOf(32));
});

t.test(
  'answers that take twice as long by themselves are not taken for a queue: the limit returns within seconds',
  async (t) => {
    const rig = overloaded({ places: 32 });
    rig.measure(5_000);
    rig.upstream.serviceMs = () => 2 * SERVICE_MS;
    let least = Number.POSITIVE_INFINITY;
    for (let ms = 0; ms < 6_000; ms += 100) {
      rig.loop.runUntil(rig.loop.nowMs + 100);
      least = Math.min(least, rig.limit);
    }
    t.ok(least >= 0.5 * 32, `it never fell below ${least}: no lower without a probe`);
    t.ok(Math.abs(rig.baselineMs - 2 * SERVICE_MS) < 4, `baseline ${rig.baselineMs}`);
    t.ok(rig.measure(2_000) >= 0.9 * capacityOf(32, 2 * SERVICE_MS));
    rig.upstream.serviceMs = () => SERVICE_MS;
    rig.measure(6_000);
    t.ok(Math.abs(rig.baselineMs - SERVICE_MS) < 2, `and back: ${rig.baselineMs}`);
  },
);

t.test('the baseline is measured again and again, and does not drift with the queue', async (t) => {
  const rig = overloaded({ places: 8 });
  rig.measure(5_000);
  const before = rig.limit;
  const rate = rig.measure(40_000);
  t.ok(Math.abs(rig.limit - before) <= 3, `${before} before, ${rig.limit} after`);
  t.ok(Math.abs(rig.baselineMs - SERVICE_MS) < 2);
  t.ok(rate >= 0.95 * capacityOf(8), 'probes included');
});

t.test('service times that vary as much as they can (exponential) cost little', async (t) => {
  const rig = overloaded({ places: 16, serviceMs: (random) => -SERVICE_MS * Math.log(1 - random) });
  rig.measure(5_000);
  const rate = rig.measure(8_000);
  t.ok(rate >= 0.92 * capacityOf(16), `${rate}/s`);
  t.ok(rig.limit < 60, `limit ${rig.limit}`);
});

t.test('a limit that is not used does not grow, and idling changes nothing', async (t) => {
  const rig = new LoadRig({ plan, places: 100 });
  rig.arrive(200);
  rig.measure(4_000);
  const { limit } = rig;
  t.ok(limit <= 40, `some 12 under way at most: ${limit}`);
  t.equal(rig.tally().refused, 0);
  rig.arrive(0);
  rig.measure(60_000);
  t.equal(rig.limit, limit);
});

t.test('min and max are kept', async (t) => {
  const low = overloaded({ places: 64, plan: { ...plan, max: 10 } });
  low.measure(2_000);
  t.equal(low.limit, 10);
  t.ok(low.inFlight <= 10);
  const high = overloaded({ places: 2, plan: { ...plan, min: 12 } });
  high.measure(4_000);
  t.equal(high.limit, 12);
});

t.test('several workers find one limit together, and each gets its share, however uneven the demand', async (t) => {
  const rig = new LoadRig({ plan, places: 16, workers: 3 });
  rig.arrive(2_000, 0, 0);
  rig.arrive(400, 0, 1);
  rig.arrive(400, 0, 2);
  const served = [0, 0, 0];
  rig.measure(5_000);
  rig.onAdmitted = (_level, worker) => {
    served[worker] = (served[worker] ?? 0) + 1;
  };
  const rate = rig.measure(3_000);
  t.ok(rate >= 0.95 * capacityOf(16), `${rate}/s`);
  t.ok(rig.limit <= 28);
  const least = Math.min(...served);
  t.ok(least >= 0.6 * (rate / 3) * 3, `${served.join(', ')}: the least has more than half of a third`);
});
