import fc from 'fast-check';
import t from 'tap';
import type { TargetIndex } from '../../../src/base/ids.ts';
import type { HealthConfig } from '../../../src/control/config/config.ts';
import { CheckConnector } from '../../../src/control/health/check-connector.ts';
import { CHECK_OK, type CheckResult } from '../../../src/control/health/check-result.ts';
import { CheckedTarget } from '../../../src/control/health/checked-target.ts';
import { TargetHealth } from '../../../src/shm/target-table.ts';

const { UNKNOWN, HEALTHY, UNHEALTHY } = TargetHealth;
const FAILED: CheckResult = { verdict: 'timeout', reason: 'nothing within 1s' };

function checkedTarget(parts: Partial<HealthConfig> = {}): CheckedTarget {
  const settings: HealthConfig = {
    path: '',
    host: '',
    intervalMs: 2_000,
    timeoutMs: 1_000,
    unhealthyAfter: 3,
    healthyAfter: 2,
    statuses: [[200, 399]],
    ...parts,
  };
  const target = { origin: 'http://a:1', authority: 'a:1', socketPath: '', basePath: '', weight: 1 };
  const plan = { settings, connector: new CheckConnector(undefined, false), http2: false };
  return new CheckedTarget('main', 'http://a:1', 0 as TargetIndex, { target, plan }, 0);
}

/** Health after each check; x fails. */
function play(checked: CheckedTarget, checks: string): readonly TargetHealth[] {
  return [...checks].map((check) => {
    checked.take(check === 'x' ? FAILED : CHECK_OK, 1);
    return checked.health;
  });
}

t.test('of a target about which nothing is known, the first check is believed', async (t) => {
  t.equal(checkedTarget().health, UNKNOWN);
  t.same(play(checkedTarget(), '.'), [HEALTHY]);
  t.same(play(checkedTarget(), 'x'), [UNHEALTHY]);
});

t.test('then so many checks in a row have to say otherwise', async (t) => {
  t.same(play(checkedTarget(), '.xx.xxx'), [HEALTHY, HEALTHY, HEALTHY, HEALTHY, HEALTHY, HEALTHY, UNHEALTHY]);
  t.same(play(checkedTarget(), 'x.x..'), [UNHEALTHY, UNHEALTHY, UNHEALTHY, UNHEALTHY, HEALTHY]);
  t.same(play(checkedTarget({ unhealthyAfter: 1, healthyAfter: 1 }), '.x.'), [HEALTHY, UNHEALTHY, HEALTHY]);
});

t.test('health changes exactly when the last checks all say so', async (t) => {
  const law = fc.property(
    fc.string({ unit: fc.constantFrom('.', 'x'), minLength: 1, maxLength: 40 }),
    fc.integer({ min: 1, max: 4 }),
    fc.integer({ min: 1, max: 4 }),
    (checks, unhealthyAfter, healthyAfter) => {
      const seen = play(checkedTarget({ unhealthyAfter, healthyAfter }), checks);
      return seen.every((health, i) => {
        const before = seen[i - 1] ?? UNKNOWN;
        if (before === UNKNOWN) return health === (checks[i] === 'x' ? UNHEALTHY : HEALTHY);
        const needed = before === HEALTHY ? unhealthyAfter : healthyAfter;
        const row = checks.slice(Math.max(0, i + 1 - needed), i + 1);
        const isOver = row.length === needed && !row.includes(before === HEALTHY ? '.' : 'x');
        return (health !== before) === isOver;
      });
    },
  );
  t.doesNotThrow(() => fc.assert(law, { numRuns: 200 }));
});

t.test('checks are counted by what came of them, and the last one is remembered', async (t) => {
  const checked = checkedTarget();
  play(checked, 'xx.x');
  t.same(
    [...checked.counts],
    [
      ['timeout', 3],
      ['ok', 1],
    ],
  );
  t.equal(checked.lastReason, 'nothing within 1s');
  play(checked, '.');
  t.equal(checked.lastReason, '');
});
