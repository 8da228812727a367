import t from 'tap';
import { FailureBudget } from '../../../../../src/gateway/policies/auth/basic/failure-budget.ts';

const plan = { failuresMax: 3, windowMs: 60_000 };
const budget = () => new FailureBudget(Buffer.alloc(32));

function fail(b: FailureBudget, times: number, user: string, address: string, nowMs: number): void {
  for (let n = 0; n < times; n++) b.charge(user, address, plan, nowMs);
}

t.test('so many tries for a user from an address, and the next when the window is over', async (t) => {
  const b = budget();
  fail(b, 2, 'alice', '192.0.2.1', 0);
  t.equal(b.waitSeconds('alice', '192.0.2.1', plan, 10), 0);
  fail(b, 1, 'alice', '192.0.2.1', 10_000);
  t.equal(b.waitSeconds('alice', '192.0.2.1', plan, 10_000), 50);
  t.equal(b.waitSeconds('alice', '192.0.2.1', plan, 59_999), 1);
  t.equal(b.waitSeconds('alice', '192.0.2.1', plan, 60_000), 0);
});

t.test('nobody locks a user out from another address', async (t) => {
  const b = budget();
  fail(b, 100, 'alice', '192.0.2.1', 0);
  t.equal(b.waitSeconds('alice', '192.0.2.2', plan, 0), 0);
  t.equal(b.waitSeconds('alice', '192.0.2.1', plan, 0), 60);
});

t.test('one password tried with every user counts for the address', async (t) => {
  const b = budget();
  for (let n = 0; n < 29; n++) fail(b, 1, `user-${n}`, '192.0.2.1', 0);
  t.equal(b.waitSeconds('bob', '192.0.2.1', plan, 0), 0);
  fail(b, 1, 'user-29', '192.0.2.1', 0);
  t.equal(b.waitSeconds('bob', '192.0.2.1', plan, 0), 60);
});

t.test('a network of IPv6 is one address', async (t) => {
  const b = budget();
  fail(b, 3, 'alice', '2001:db8:0:1::1', 0);
  t.equal(b.waitSeconds('alice', '2001:db8:0:1:ffff::2', plan, 0), 60);
  t.equal(b.waitSeconds('alice', '2001:db8:0:2::1', plan, 0), 0);
  fail(b, 3, 'alice', '::ffff:192.0.2.1', 0);
  t.equal(b.waitSeconds('alice', '::ffff:192.0.2.2', plan, 0), 0);
});

t.test('a right password gives the try back, and forgets the failures of its user only', async (t) => {
  const b = budget();
  fail(b, 3, 'alice', '192.0.2.1', 0);
  b.refund('alice', '192.0.2.1', true, 0);
  t.equal(b.waitSeconds('alice', '192.0.2.1', plan, 0), 0);
  for (let n = 0; n < 28; n++) fail(b, 1, `user-${n}`, '192.0.2.1', 0);
  t.equal(b.waitSeconds('bob', '192.0.2.1', plan, 0), 60, 'two of the three are the address’s still');
});

t.test('a try that came to nothing counts for nobody', async (t) => {
  const b = budget();
  fail(b, 3, 'alice', '192.0.2.1', 0);
  b.refund('alice', '192.0.2.1', false, 0);
  t.equal(b.waitSeconds('alice', '192.0.2.1', plan, 0), 0);
  fail(b, 1, 'alice', '192.0.2.1', 0);
  t.equal(b.waitSeconds('alice', '192.0.2.1', plan, 0), 60);
});
