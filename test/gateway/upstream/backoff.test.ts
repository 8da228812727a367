import fc from 'fast-check';
import t from 'tap';
import { backoffMs } from '../../../src/gateway/upstream/backoff.ts';

t.test(
  'a retry waits from nothing to twice as long as the last might have, and never longer than the maximum',
  async (t) => {
    const law = fc.property(
      fc.integer({ min: 1, max: 10 }),
      fc.nat(60_000),
      fc.nat(60_000),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (retry, baseMs, maxMs, random) => {
        const ms = backoffMs(retry, baseMs, maxMs, random);
        return ms >= 0 && ms <= maxMs && ms <= baseMs * 2 ** (retry - 1) && (ms < maxMs || maxMs === 0 || ms === 0);
      },
    );
    t.doesNotThrow(() => fc.assert(law));
  },
);

t.test('the jitter is full: all of the time is used', async (t) => {
  t.equal(backoffMs(1, 25, 250, 0), 0);
  t.equal(backoffMs(1, 25, 250, 0.5), 12.5);
  t.equal(backoffMs(3, 25, 250, 0.5), 50);
  t.equal(backoffMs(9, 25, 250, 0.5), 125);
});
