import fc from 'fast-check';
import t from 'tap';
import type { UpstreamIndex } from '../../../src/base/ids.ts';
import type { RetryPlan } from '../../../src/gateway/snapshot.ts';
import { RetryBudget } from '../../../src/gateway/upstream/retry-budget.ts';
import { UNITS_PER_RETRY, UpstreamTable } from '../../../src/shm/upstream-table.ts';

const A = 5 as UpstreamIndex;
const START_US = 7_000_000_000;

function budgetOf(share: number, burst: number, freePerSecond: number, table = UpstreamTable.create()): RetryBudget {
  const plan: RetryPlan = {
    attempts: 2,
    on: { connect: true, reset: true, timeout: true, open: false, statuses: [] },
    depositUnits: Math.round(share * UNITS_PER_RETRY),
    savedUnitsMax: burst * UNITS_PER_RETRY,
    freePerSecond,
    perTryMs: Number.POSITIVE_INFINITY,
    backoffMs: 0,
    backoffMsMax: 0,
  };
  return new RetryBudget(table, A, plan);
}

function take(budget: RetryBudget, count: number, nowUs = START_US): number {
  return Array.from({ length: count }, () => budget.withdraw(nowUs)).filter(Boolean).length;
}

t.test('five requests earn a retry at 20%, and nothing is there at first', async (t) => {
  const budget = budgetOf(0.2, 100, 0);
  t.equal(take(budget, 10), 0);
  for (let n = 0; n < 4; n++) budget.deposit();
  t.equal(take(budget, 10), 0);
  for (let n = 0; n < 11; n++) budget.deposit();
  t.equal(take(budget, 10), 3);
});

t.test('a long quiet time stores up the burst and no more', async (t) => {
  const budget = budgetOf(0.2, 3, 0);
  for (let n = 0; n < 10_000; n++) budget.deposit();
  t.equal(take(budget, 100), 3);
});

t.test('some retries per second are free', async (t) => {
  const budget = budgetOf(0, 0, 10);
  t.equal(take(budget, 100), 10, 'a second’s worth at once');
  t.equal(take(budget, 100, START_US + 99_000), 0);
  t.equal(take(budget, 100, START_US + 100_000), 1);
  t.equal(take(budget, 100, START_US + 60_000_000), 10);
  t.equal(take(budgetOf(0, 0, 0), 100), 0, 'none, where that is said');
});

t.test('workers share one budget', async (t) => {
  const table = UpstreamTable.create();
  const workers = [0, 1, 2, 3].map(() => budgetOf(0.5, 100, 4, table));
  for (const worker of workers) for (let n = 0; n < 5; n++) worker.deposit();
  t.equal(
    workers.map((worker) => take(worker, 50)).reduce((a, b) => a + b),
    4 + 10,
  );
});

t.test(
  'in no window more retries than share · requests + burst + free · (t + 1), and none withheld below',
  async (t) => {
    const event = fc.record({ passUs: fc.constantFrom(0, 7, 1_000, 40_000, 900_000), isRetry: fc.boolean() });
    const law = fc.property(
      fc.array(event, { maxLength: 150 }),
      fc.constantFrom(0, 0.05, 0.2, 1),
      fc.nat(3),
      fc.constantFrom(0, 1, 3, 7, 1_000),
      fc.integer({ min: 0, max: 2 ** 45 }),
      (events, share, burst, freePerSecond, startUs) => {
        const table = UpstreamTable.create();
        const workers = [budgetOf(share, burst, freePerSecond, table), budgetOf(share, burst, freePerSecond, table)];
        // Prefix sums of what is allowed and what was taken: the law holds for every window when it holds between each two.
        let requests = 0;
        let retries = 0;
        let us = startUs;
        let floor = Number.POSITIVE_INFINITY;
        for (const [n, { passUs, isRetry }] of events.entries()) {
          us += passUs;
          const worker = workers[n % 2] as RetryBudget;
          const earned = share * requests + (freePerSecond * us) / 1_000_000;
          floor = Math.min(floor, retries - earned);
          if (!isRetry) {
            worker.deposit();
            requests++;
          } else if (worker.withdraw(us)) {
            retries++;
            if (
              retries - (share * requests + (freePerSecond * us) / 1_000_000) - floor >
              burst + freePerSecond + 1e-3
            ) {
              return false;
            }
          }
        }
        return true;
      },
    );
    t.doesNotThrow(() => fc.assert(law, { numRuns: 300 }));
  },
);
