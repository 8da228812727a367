import t from 'tap';
import type { Slice } from '../../loadtest/load/recorder.ts';
import { recoveryTime } from '../../loadtest/scenarios/recovery-time.ts';

/** Slices of a second. */
function slices(...p99s: readonly number[]): readonly Slice[] {
  return p99s.map((p99Ms, index) => ({
    atMs: index * 1000,
    lengthMs: 1000,
    answerCount: 100,
    failureCount: 0,
    p50Ms: 1,
    p99Ms,
    maxMs: p99Ms,
  }));
}

t.test('recovery lasts to the end of the last slow slice after the spike', async (t) => {
  t.equal(recoveryTime(slices(5, 5, 5, 400, 300, 200, 6, 90, 7, 6), [3000, 5000]), 3000);
});

t.test('no slow slice after the spike is no recovery at all', async (t) => {
  t.equal(recoveryTime(slices(5, 5, 5, 400, 300, 19, 6), [3000, 5000]), 0);
});

t.test('a run that ends slow has not recovered', async (t) => {
  t.equal(recoveryTime(slices(5, 5, 5, 400, 300, 6, 200), [3000, 5000]), Number.POSITIVE_INFINITY);
});

t.test('without a before or an after nothing can be said', async (t) => {
  t.equal(recoveryTime(slices(5, 5), [0, 1000]), undefined);
  t.equal(recoveryTime(slices(5, 5, 5, 5), [3000, 4000]), undefined);
  t.equal(recoveryTime([], [3000, 4000]), undefined);
});
