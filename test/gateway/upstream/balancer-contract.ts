// What holds for every way to share out requests.

import fc from 'fast-check';
import { Outcome } from '../../../src/gateway/upstream/outcome.ts';
import type { Test } from '../../integration/fixture.ts';
import { type Algorithm, BalancerRig, countsOf, idOf } from './balancer-rig.ts';
import { simulateLoad } from './simulate-load.ts';

interface Promises {
  /** How far a target's share of the requests may be from its weight's, as a part of that. */
  readonly tolerance: number;
}

const EVEN = { clients: 30, requests: 3_000, latencyMs: () => 10 };

/** Shares by weight, within the tolerance. */
function isInProportion(counts: readonly number[], weights: readonly number[], tolerance: number): boolean {
  const requests = counts.reduce((a, b) => a + b, 0);
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.every((weight, i) => {
    const due = (requests * weight) / sum;
    return Math.abs((counts[i] as number) - due) <= due * tolerance + 1;
  });
}

export function balancerContract(t: Test, by: Algorithm, { tolerance }: Promises): void {
  t.test(`${by}: targets that are alike get requests in proportion to their weights`, async (t) => {
    for (const weights of [
      [1, 1, 1],
      [1, 2, 3],
      [5, 1],
      [1, 1, 1, 1, 1, 1, 1, 1],
    ]) {
      const counts = simulateLoad(new BalancerRig({ by, weights }), weights.length, EVEN);
      t.ok(isInProportion(counts, weights, tolerance), `${weights}: ${counts}`);
    }
  });

  t.test(`${by}: several workers share out as one does`, async (t) => {
    const weights = [1, 2, 3];
    const counts = simulateLoad(new BalancerRig({ by, weights, workers: 3 }), 3, EVEN);
    t.ok(isInProportion(counts, weights, tolerance), `${counts}`);
  });

  t.test(`${by}: other weights take effect with the next snapshot, whatever was under way before`, async (t) => {
    const before = new BalancerRig({ by, weights: [9, 1, 1] });
    simulateLoad(before, 3, { ...EVEN, requests: 300 });
    const after = new BalancerRig({ by, weights: [1, 1, 4], table: before.table });
    const counts = simulateLoad(after, 3, EVEN);
    t.ok(isInProportion(counts, [1, 1, 4], tolerance), `${counts}`);
  });

  t.test(`${by}: a target that is taken away gets nothing any more, and the others all of it`, async (t) => {
    const before = new BalancerRig({ by, weights: [1, 1, 1, 1] });
    simulateLoad(before, 4, { ...EVEN, requests: 300 });
    const after = new BalancerRig({ by, weights: [1, 1, 1], ids: [0, 1, 3], table: before.table });
    const [a = 0, b = 0, gone, c = 0] = simulateLoad(after, 4, EVEN);
    t.equal(gone, 0);
    t.ok(isInProportion([a, b, c], [1, 1, 1], tolerance), `${a} ${b} ${c}`);
  });

  t.test(`${by}: a target that one worker cannot reach gets nothing from any, and its share comes back`, async (t) => {
    const rig = new BalancerRig({ by, weights: [1, 1, 2], workers: 2 });
    rig.workers[0]?.observe(rig.targetOf(1), Outcome.UNREACHABLE, 0, rig.nowMs);
    rig.nowMs += 10;
    const endMs = rig.nowMs + 900;
    const load = { ...EVEN, latencyMs: (_id: number, nowMs: number) => (nowMs < endMs ? 1 : 0) };
    const [a = 0, out, c = 0] = simulateLoad(rig, 3, { ...load, requests: 2_000 });
    t.equal(out, 0);
    t.ok(isInProportion([a, c], [1, 2], tolerance), `${a} ${c}`);
    rig.nowMs = endMs + 1_000;
    const counts = simulateLoad(rig, 3, EVEN);
    t.ok((counts[1] as number) > 300, `${counts}`);
  });

  t.test(`${by}: with all targets out, all of them are used, and that is counted`, async (t) => {
    const rig = new BalancerRig({ by, weights: [1, 1, 1] });
    const targets = [0, 1, 2].map((id) => rig.targetOf(id));
    for (const target of targets) rig.workers[0]?.observe(target, Outcome.UNREACHABLE, 0, rig.nowMs);
    t.ok(countsOf(rig.picks(300), 3).every((count) => count > 50));
    t.equal(rig.table.panicCount(targets[0]?.index as never), 300);
  });

  t.test(`${by}: whoever is out or was tried is passed over while another is there`, async (t) => {
    const kind = fc.constantFrom('in', 'out', 'tried', 'tried and out');
    const one = fc.record({ weight: fc.integer({ min: 1, max: 5 }), kind, underWay: fc.nat({ max: 3 }) });
    const law = fc.property(fc.array(one, { minLength: 2, maxLength: 6 }), (given) => {
      const rig = new BalancerRig({ by, weights: given.map(({ weight }) => weight) });
      const targets = given.map((_, id) => rig.targetOf(id));
      const [worker] = rig.workers;
      given.forEach(({ kind, underWay }, id) => {
        const target = targets[id] as (typeof targets)[0];
        for (let n = 0; n < underWay; n++) worker?.enter(target);
        if (kind.endsWith('out')) worker?.observe(target, Outcome.UNREACHABLE, 0, rig.nowMs);
      });
      rig.nowMs += 10;
      const tried = targets.filter((_, id) => given[id]?.kind.startsWith('tried'));
      const picked = Array.from({ length: 8 }, () => idOf(rig.pick(tried.length === 0 ? undefined : tried)));
      const kinds = given.map(({ kind }) => kind);
      const best = (['in', 'tried'] as const).find((wanted) => kinds.includes(wanted));
      return picked.every((id) => best === undefined || kinds[id] === best);
    });
    t.doesNotThrow(() => fc.assert(law, { numRuns: 150 }));
  });

  t.test(`${by}: one target gets every request, out or not, tried or not`, async (t) => {
    const rig = new BalancerRig({ by, weights: [5] });
    const only = rig.pick();
    rig.workers[0]?.observe(only, Outcome.UNREACHABLE, 0, rig.nowMs);
    t.equal(rig.pick(), only);
    t.equal(rig.pick([only]), only);
  });

  t.test(`${by}: what was entered and left leaves nothing behind`, async (t) => {
    const rig = new BalancerRig({ by, weights: [1, 1], workers: 2 });
    simulateLoad(rig, 2, { ...EVEN, requests: 200 });
    t.same(
      [rig.indexOf(0), rig.indexOf(1)].map((index) => rig.table.underWay(index)),
      [0, 0],
    );
  });
}
