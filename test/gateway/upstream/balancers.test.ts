// Each algorithm against what holds for all, and what each promises besides.

import fc from 'fast-check';
import t from 'tap';
import { decayed, withAnswer, withFailure } from '../../../src/gateway/upstream/balancers/peak-ewma.ts';
import { Outcome } from '../../../src/gateway/upstream/outcome.ts';
import { balancerContract } from './balancer-contract.ts';
import { BalancerRig, countsOf, idOf } from './balancer-rig.ts';
import { simulateLoad } from './simulate-load.ts';

balancerContract(t, 'round-robin', { tolerance: 0.002 });
balancerContract(t, 'least-requests', { tolerance: 0.15 });
balancerContract(t, 'ewma', { tolerance: 0.3 });
balancerContract(t, 'hash', { tolerance: 0.3 });

t.test('an upstream without targets, of which discovery has found none yet, can be made', async (t) => {
  for (const by of ['round-robin', 'least-requests', 'ewma', 'hash'] as const) {
    t.doesNotThrow(() => new BalancerRig({ by, weights: [] }), by);
  }
});

t.test('round robin: with a target out, the others keep their shares exactly', async (t) => {
  const rig = new BalancerRig({ by: 'round-robin', weights: [1, 1, 2, 4] });
  rig.workers[0]?.observe(rig.targetOf(2), Outcome.UNREACHABLE, 0, rig.nowMs);
  const [a = 0, b = 0, c = 0, d = 0] = countsOf(rig.picks(600), 4);
  t.ok(
    [a - 100, b - 100, c, d - 400].every((off) => Math.abs(off) <= 1),
    `${[a, b, c, d]}`,
  );
});

t.test(
  'least requests: a target that has stopped is avoided at once, with no timeout and by all workers',
  async (t) => {
    const rig = new BalancerRig({ by: 'least-requests', weights: [1, 1, 1], workers: 2 });
    const counts = simulateLoad(rig, 3, {
      clients: 12,
      requests: 3_000,
      latencyMs: (id) => (id === 1 ? 60_000 : 10),
    });
    t.ok((counts[1] as number) <= 12 / 2, `${counts}: what it holds, and no more`);
  },
);

t.test('least requests: a target twice as fast gets about twice as much', async (t) => {
  const rig = new BalancerRig({ by: 'least-requests', weights: [1, 1] });
  const [slow = 0, fast = 0] = simulateLoad(rig, 2, {
    clients: 40,
    requests: 4_000,
    latencyMs: (id) => (id === 0 ? 20 : 10),
  });
  t.ok(fast / slow > 1.7 && fast / slow < 2.3, `${slow} ${fast}`);
});

t.test('peak EWMA: a worse latency is believed at once, a better one by e-folding in 10 s', async (t) => {
  t.equal(withAnswer(0, 0, 500), 500, 'the first');
  t.equal(withAnswer(500, 1, 9_000), 9_000);
  t.equal(withAnswer(9_000, 0, 500), 9_000, 'within no time nothing is forgotten');
  t.ok(Math.abs(withAnswer(9_000, 10_000, 1_000) - (1_000 + 8_000 / Math.E)) < 1e-6);
  t.ok(Math.abs(decayed(9_000, 20_000) - 9_000 / Math.E ** 2) < 1e-6);
  t.equal(withFailure(500, 20), 500, 'failing fast is not being fast');
  t.equal(withFailure(500, 9_000), 9_000);
  t.equal(withFailure(0, 20), 1_000_000);
  const law = fc.property(
    fc.integer({ min: 1, max: 1e9 }),
    fc.integer({ min: 0, max: 1e6 }),
    fc.integer({ min: 0, max: 1e9 }),
    (meanUs, ageMs, latencyUs) => {
      const next = withAnswer(meanUs, ageMs, latencyUs);
      return next >= Math.min(meanUs, latencyUs) && next <= Math.max(meanUs, latencyUs) && next >= latencyUs;
    },
  );
  t.doesNotThrow(() => fc.assert(law, { numRuns: 300, examples: [[536_870_914, 356_382, 536_870_913]] }));
});

t.test('ewma: a slow target loses nearly all of its share, and gets it back when it has recovered', async (t) => {
  const rig = new BalancerRig({ by: 'ewma', weights: [1, 1, 1], workers: 2 });
  let slowMs = 200;
  const load = { clients: 6, latencyMs: (id: number) => (id === 2 ? slowMs : 10) };
  const counts = simulateLoad(rig, 3, { ...load, requests: 3_000 });
  t.ok((counts[2] as number) < 3_000 * 0.02, `slow: ${counts}`);
  slowMs = 10;
  simulateLoad(rig, 3, { ...load, requests: 20_000 });
  const recovered = simulateLoad(rig, 3, { ...load, requests: 3_000 });
  t.ok((recovered[2] as number) > 3_000 * 0.2, `recovered: ${recovered}`);
});

t.test('ewma: a target of which nothing is known gets one try at a time until it has answered', async (t) => {
  const rig = new BalancerRig({ by: 'ewma', weights: [1, 1], workers: 2 });
  const known = rig.targetOf(0);
  rig.workers[0]?.observe(known, Outcome.ANSWERED, 10_000, rig.nowMs);
  const unknown = rig.pick();
  t.equal(idOf(unknown), 1);
  rig.workers[1]?.enter(unknown);
  t.same(countsOf(rig.picks(50), 2), [50, 0]);
  rig.workers[1]?.observe(unknown, Outcome.ANSWERED, 5_000, rig.nowMs);
  rig.workers[1]?.leave(unknown);
  t.same(countsOf(rig.picks(50), 2), [0, 50], 'the faster one, with as little under way');
});

t.test('ewma: a target that fails fast does not draw requests by that', async (t) => {
  const rig = new BalancerRig({ by: 'ewma', weights: [1, 1] });
  const counts = simulateLoad(rig, 2, {
    clients: 4,
    requests: 2_000,
    latencyMs: (id) => (id === 0 ? 1 : 10),
    outcome: (id) => (id === 0 ? Outcome.SERVER_ERROR : Outcome.ANSWERED),
  });
  t.ok((counts[0] as number) < 2_000 * 0.1, `${counts}`);
});

const keys = Array.from({ length: 4_000 }, (_, n) => `user ${n}`);

/** Which target each key goes to while nothing is under way. */
function placesOf(rig: BalancerRig): readonly number[] {
  return keys.map((key) => idOf(rig.pick(undefined, key)));
}

t.test('hash: a key goes to the same target whoever is asked, and shares are near the weights', async (t) => {
  const weights = [1, 1, 2];
  const places = placesOf(new BalancerRig({ by: 'hash', weights }));
  t.same(placesOf(new BalancerRig({ by: 'hash', weights, workers: 3 })), places);
  const counts = countsOf(places, 3);
  t.ok(
    [1_000, 1_000, 2_000].every((due, i) => Math.abs((counts[i] as number) / due - 1) < 0.25),
    `${counts}`,
  );
});

t.test(
  'hash: the keys of a target that leaves are the only ones that move, and only to it when one comes',
  async (t) => {
    const law = fc.property(fc.integer({ min: 2, max: 8 }), fc.nat({ max: 7 }), (size, which) => {
      const gone = which % size;
      const ids = Array.from({ length: size }, (_, id) => id);
      const all = placesOf(new BalancerRig({ by: 'hash', weights: ids.map(() => 1) }));
      const left = ids.filter((id) => id !== gone);
      const without = placesOf(new BalancerRig({ by: 'hash', weights: left.map(() => 1), ids: left }));
      const moved = all.filter((id, key) => id !== without[key]);
      const due = keys.length / size;
      return moved.every((id) => id === gone) && moved.length < due * 1.5 && moved.length > due * 0.6;
    });
    t.doesNotThrow(() => fc.assert(law, { numRuns: 12 }));
  },
);

t.test('hash: keys of a target that is out move, the others stay, and all come home', async (t) => {
  const rig = new BalancerRig({ by: 'hash', weights: [1, 1, 1] });
  const before = placesOf(rig);
  rig.workers[0]?.observe(rig.targetOf(1), Outcome.UNREACHABLE, 0, rig.nowMs);
  const during = placesOf(rig);
  t.ok(during.every((id, key) => (before[key] === 1 ? id !== 1 : id === before[key])));
  rig.nowMs += 1_000;
  t.same(placesOf(rig), before);
});

t.test('hash: more weight takes keys from others, and gives none to any of them', async (t) => {
  const before = placesOf(new BalancerRig({ by: 'hash', weights: [1, 1, 1] }));
  const after = placesOf(new BalancerRig({ by: 'hash', weights: [1, 1, 2] }));
  t.ok(after.every((id, key) => id === before[key] || id === 2));
});

t.test('hash: nobody has more under way than 1.25 times its part, rounded up, whatever the keys are', async (t) => {
  const weights = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 2, maxLength: 6 });
  const law = fc.property(
    weights,
    fc.integer({ min: 1, max: 40 }),
    fc.integer({ min: 1, max: 5 }),
    (w, clients, hot) => {
      const sum = w.reduce((a, b) => a + b, 0);
      let isBounded = true;
      simulateLoad(new BalancerRig({ by: 'hash', weights: w, workers: 2 }), w.length, {
        clients,
        requests: 200,
        latencyMs: (id) => 5 + id * 10,
        key: (request) => `hot ${request % hot}`,
        onPicked: (id, underWay) => {
          const total = underWay.reduce((a, b) => a + b, 0);
          const bound = Math.ceil((1.25 * total * (w[id] as number)) / sum - 1e-9);
          if ((underWay[id] as number) > bound) isBounded = false;
        },
      });
      return isBounded;
    },
  );
  t.doesNotThrow(() => fc.assert(law, { numRuns: 60 }));
});

t.test('hash: requests without the key take turns', async (t) => {
  const rig = new BalancerRig({ by: 'hash', weights: [1, 1] });
  t.same(
    countsOf(
      Array.from({ length: 10 }, () => idOf(rig.pick(undefined, ''))),
      2,
    ),
    [5, 5],
  );
});

for (const by of ['round-robin', 'least-requests', 'ewma'] as const) {
  t.test(`${by}: with slow start a target that is new begins with a tenth, and grows into its share`, async (t) => {
    const plan = { slowStartMs: 30_000 };
    const old = new BalancerRig({ by, weights: [1, 1], plan });
    simulateLoad(old, 2, { clients: 20, requests: 400, latencyMs: () => 10 });
    old.nowMs += 60_000;
    const rig = new BalancerRig({ by, weights: [1, 1, 1], table: old.table, plan });
    const shareAt = (nowMs: number): number => {
      rig.nowMs = nowMs;
      // So fast that the share stays what it is.
      const counts = simulateLoad(rig, 3, { clients: 20, requests: 2_000, latencyMs: () => 0.1 });
      return (counts[2] as number) / ((counts[0] as number) + (counts[1] as number)) / 0.5;
    };
    const startMs = old.nowMs;
    const shares = [0, 15_000, 31_000].map((afterMs) => shareAt(startMs + afterMs));
    const [first = 0, half = 0, whole = 0] = shares;
    t.ok(first < 0.25 && half > 0.3 && half < 0.75 && whole > 0.7 && whole < 1.4, `${shares}`);
  });
}

t.test('slow start: where all targets are new, none has less than its share', async (t) => {
  const rig = new BalancerRig({ by: 'round-robin', weights: [1, 2], plan: { slowStartMs: 30_000 } });
  t.same(countsOf(rig.picks(30), 2), [10, 20]);
});
