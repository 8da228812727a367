import fc from 'fast-check';
import t from 'tap';
import { firstRecord, nextRecord } from '../../../src/gateway/limiter/plan-record.ts';
import { costOf } from '../../../src/gateway/limiter/resolution.ts';

const START_US = 4_000_000_000;

t.test('a changed limit continues virtual time where it stands, to the unit', async (t) => {
  const change = fc.record({ rate: fc.integer({ min: 50, max: 200 }), burst: fc.integer({ min: 5, max: 500 }) });
  fc.assert(
    fc.property(change, change, fc.integer({ min: 1, max: 10 ** 13 }), (from, to, us) => {
      const first = firstRecord(from.rate, from.burst, START_US, 3);
      const next = nextRecord(first, to.rate, to.burst, START_US + us);
      const exact = (BigInt(us) * BigInt(first.mantissa)) / 2n ** BigInt(first.shift);
      return (
        next.generation === 3 &&
        next.resolution === first.resolution &&
        BigInt(next.v0) === BigInt.asIntN(32, BigInt(first.v0) + exact)
      );
    }),
  );
  t.pass();
});

t.test('a smaller burst remembers the larger debts until they can be paid', async (t) => {
  const first = firstRecord(100, 50, START_US, 1);
  const cost = costOf(first.resolution);
  const smaller = nextRecord(first, 100, 5, START_US + 1_000);
  t.ok(smaller.debtUnitsMax >= 50 * cost, 'debts of the old burst are debts');
  t.ok(smaller.staleUnits > smaller.debtUnitsMax, 'and not taken for the past');
  const soon = nextRecord(smaller, 100, 5, START_US + 101_000);
  t.ok(soon.debtUnitsMax < 45 * cost && soon.debtUnitsMax > 39 * cost, 'a tenth of a second pays ten tokens');
  const later = nextRecord(soon, 100, 5, START_US + 10_000_000);
  t.equal(later.debtUnitsMax, 5 * cost);
});

t.test(
  'units that the new limit does not fit are left behind, and unknown debts are taken for the largest',
  async (t) => {
    const first = firstRecord(1 / 86_400, 1, START_US, 0xffff);
    const grown = nextRecord(first, 1 / 86_400, 100_000, START_US + 1_000);
    t.equal(grown.generation, 0, 'generations count modulo 2¹⁶');
    t.not(grown.resolution, first.resolution);
    t.equal(
      grown.startDebtUnits,
      costOf(grown.resolution),
      'one token may be owed; the rest of the burst is there at once',
    );
    const shrunk = nextRecord(firstRecord(1, 500_000, START_US, 1), 1_000_000, 3, START_US + 1_000);
    t.equal(shrunk.startDebtUnits <= 3 * costOf(shrunk.resolution), true, 'never more than the new burst');
  },
);

t.test('debts and margins always stay below the half of the wrap', async (t) => {
  const rate = fc.constantFrom(1 / 86_400, 0.5, 7, 1_000, 2_000, 65_000, 1_000_000);
  const burst = fc.constantFrom(1, 2, 50, 1_000, 65_536, 1_000_000);
  fc.assert(
    fc.property(fc.array(fc.tuple(rate, burst, fc.integer({ min: 1, max: 10 ** 9 })), { minLength: 2 }), (changes) => {
      let us = START_US;
      const [rate, burst] = changes[0] as [number, number, number];
      let record = firstRecord(rate, burst, us, 0);
      for (const [rate, burst, pause] of changes.slice(1)) {
        us += pause;
        record = nextRecord(record, rate, burst, us);
        const fits = record.staleUnits < 2 ** 31 - 2 ** 28 && record.debtUnitsMax <= 2 ** 30;
        const hasMargin = record.staleUnits - record.debtUnitsMax >= 1;
        if (!fits || !hasMargin || record.startDebtUnits > record.debtUnitsMax) return false;
      }
      return true;
    }),
    { numRuns: 1_000 },
  );
  t.pass();
});
