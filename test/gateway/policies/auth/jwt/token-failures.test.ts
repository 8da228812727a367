import t from 'tap';
import {
  ADDRESS_FAILURES_MAX,
  FAILED_TOTAL_MAX,
  TOTAL_FAILURES_MAX,
  TokenFailures,
} from '../../../../../src/gateway/policies/auth/jwt/token-failures.ts';

/** So far apart that they are not too many together. */
function fail(budget: TokenFailures, address: string, count: number, fromMs: number): void {
  for (let n = 0; n < count; n++) budget.note(address, fromMs + n * 10);
}

t.test('an address has a budget of 10 seconds, and others have theirs', async (t) => {
  const budget = new TokenFailures();
  fail(budget, '192.0.2.1', ADDRESS_FAILURES_MAX - 1, 0);
  t.equal(budget.addressWaitMs('192.0.2.1', 2_000), 0);
  fail(budget, '192.0.2.1', 1, 2_000);
  t.equal(budget.addressWaitMs('192.0.2.1', 2_000), 8_000);
  t.equal(budget.addressWaitMs('::ffff:192.0.2.1', 2_000), 8_000, 'the same one');
  t.equal(budget.addressWaitMs('192.0.2.2', 2_000), 0);
  t.equal(budget.addressWaitMs('192.0.2.1', 10_000), 0);
  fail(budget, '192.0.2.1', 1, 10_000);
  t.equal(budget.addressWaitMs('192.0.2.1', 10_000), 0, 'a new window');
});

t.test('of IPv6 the network counts', async (t) => {
  const budget = new TokenFailures();
  for (let n = 0; n < ADDRESS_FAILURES_MAX; n++) fail(budget, `2001:db8:1:2::${n.toString(16)}`, 1, n * 10);
  t.equal(budget.addressCount, 1);
  t.ok(budget.addressWaitMs('2001:db8:1:2:ffff::', 1_000) > 0);
  t.equal(budget.addressWaitMs('2001:db8:1:3::1', 1_000), 0);
  fail(budget, 'no address', ADDRESS_FAILURES_MAX, 0);
  t.ok(budget.addressWaitMs('no address', 1_000) > 0);
});

t.test('all together have one of a moment, and the table is bounded', async (t) => {
  const budget = new TokenFailures();
  for (let n = 0; n < FAILED_TOTAL_MAX; n++) budget.note(`10.0.0.${n}`, 5);
  t.equal(budget.isTotalSpent('10.0.0.1', 0, 5), true);
  t.equal(budget.isTotalSpent('192.0.2.1', 64, 5), false, 'who has not failed may go on');
  for (let n = FAILED_TOTAL_MAX; n < TOTAL_FAILURES_MAX; n++) budget.note(`10.0.0.${n}`, 5);
  t.equal(budget.isTotalSpent('192.0.2.1', 0, 5), true, 'but not for ever');
  t.equal(budget.isTotalSpent('10.0.0.1', 0, 25), false);
  t.equal(budget.isTotalSpent('10.0.0.1', FAILED_TOTAL_MAX, 25), true, 'what is under way may fail');
  for (let n = 0; n < 30_000; n++) budget.note(`10.1.${n >> 8}.${n & 255}`, 1_000 + n);
  t.equal(budget.addressCount, 10_000);
});
