import t from 'tap';
import { CallerStats } from '../../loadtest/scenarios/caller-stats.ts';
import { printRejections } from '../../loadtest/scenarios/read-rejections.ts';

t.test(
  'what a consumer got: successes, refusals with and without Retry-After, goodput of the steady stretch',
  async (t) => {
    const stats = new CallerStats({ fromMs: 1_000, lengthMs: 500 });
    t.equal(stats.successShare, undefined);
    const answer = (arrivedMs: number, status: number, headers: readonly string[] = []) =>
      stats.onAnswer({ sentMs: arrivedMs - 5, arrivedMs, status, headers, intervalMs: 0 });
    for (let n = 0; n < 6; n++) stats.onSent();
    answer(900, 200);
    answer(1_000, 204);
    answer(1_499, 200);
    answer(1_500, 503, ['Date', 'now', 'Retry-After', '1']);
    answer(1_500, 429, ['x-note', 'retry-after']);
    stats.onFailure();
    t.equal(stats.sentCount, 6);
    t.equal(stats.successShare, 0.5);
    t.equal(stats.steadyPerSecond, 4);
    t.equal(stats.bareCount, 1, 'a value is no name');
    t.equal(stats.print(), '6 sent, 50 % succeeded (p50 5 ms, p99 5 ms), 2 refused, 1 failed');
  },
);

t.test('refusals are printed by code, the most frequent first, those of before left out', async (t) => {
  const before = new Map([['RATE_LIMITED', 5]]);
  t.equal(printRejections(before, before), 'none');
  const now = new Map([...before, ['UPSTREAM_BUSY', 2], ['UPSTREAM_TIMEOUT', 7]] as const);
  t.equal(printRejections(before, now), '7 × UPSTREAM_TIMEOUT, 2 × UPSTREAM_BUSY');
});
