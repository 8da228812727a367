import fc from 'fast-check';
import t from 'tap';
import { FAILURES_MAX, FailureBudget } from '../../../src/control/admin/failure-budget.ts';

const MINUTE_MS = 60_000;

t.test('an address may fail ten times at once, and then once in six seconds', async (t) => {
  const budget = new FailureBudget();
  for (let n = 0; n < FAILURES_MAX; n++) {
    t.equal(budget.waitMs('127.0.0.1', 1_000), 0);
    budget.noteFailure('127.0.0.1', 1_000);
  }
  t.equal(budget.waitMs('127.0.0.1', 1_000), 6_000);
  t.equal(budget.waitMs('127.0.0.1', 6_999), 1);
  t.equal(budget.waitMs('127.0.0.1', 7_000), 0);
  budget.noteFailure('127.0.0.1', 7_000);
  t.equal(budget.waitMs('127.0.0.1', 7_000), 6_000);
  t.equal(budget.waitMs('127.0.0.2', 7_000), 0, 'others are others');
  t.equal(budget.waitMs('127.0.0.1', 7_000 + MINUTE_MS), 0);
});

t.test('never more than budget and regain in any time', async (t) => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 5_000 }), { maxLength: 200 }), (gaps) => {
      const budget = new FailureBudget();
      let nowMs = 0;
      let failed = 0;
      for (const gap of gaps) {
        nowMs += gap;
        if (budget.waitMs('a', nowMs) > 0) continue;
        budget.noteFailure('a', nowMs);
        failed++;
      }
      return failed <= FAILURES_MAX + nowMs / 6_000;
    }),
  );
  t.pass();
});

t.test('a host of IPv6 is its /64, and IPv4 in IPv6 is IPv4', async (t) => {
  const budget = new FailureBudget();
  const exhaust = (address: string): void => {
    for (let n = 0; n < FAILURES_MAX; n++) budget.noteFailure(address, 0);
  };
  exhaust('2001:db8:0:1::5');
  t.ok(budget.waitMs('2001:db8:0:1:ffff::9', 0) > 0);
  t.ok(budget.waitMs('2001:db8::1:0:0:0:5', 0) > 0);
  t.equal(budget.waitMs('2001:db8:0:2::5', 0), 0);
  exhaust('::ffff:192.0.2.1');
  t.ok(budget.waitMs('192.0.2.1', 0) > 0);
  t.equal(budget.waitMs('192.0.2.2', 0), 0);
});

t.test('it remembers the last ten thousand addresses', async (t) => {
  const budget = new FailureBudget();
  for (let n = 0; n < FAILURES_MAX; n++) budget.noteFailure('first', 0);
  for (let n = 0; n < 9_999; n++) budget.noteFailure(`host-${n}`, 0);
  t.ok(budget.waitMs('first', 0) > 0);
  budget.noteFailure('one-more', 0);
  t.equal(budget.waitMs('first', 0), 0);
});
