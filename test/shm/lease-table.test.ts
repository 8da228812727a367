import fc from 'fast-check';
import t from 'tap';
import { TOKEN } from '../../src/control/quota/leases/lease-terms.ts';
import { ShareBucket } from '../../src/control/quota/leases/share-bucket.ts';
import { SharedBucket } from '../../src/control/quota/leases/shared-bucket.ts';
import {
  LEASE_CHARGED,
  LEASE_EMPTY,
  LEASE_GONE,
  LeaseLoss,
  LeaseReading,
  LeaseTable,
  leaseTableLayout,
  NO_CREDIT,
  NO_LEASE,
} from '../../src/shm/lease-table.ts';

const clockAt = (nowUs: number) => ({ nowUs: () => nowUs });
const reading = new LeaseReading();

/** One key with a share of the limit. */
function bucketOf(limitRate: number, limitBurst: number, clock = { us: 1_000 }) {
  const table = LeaseTable.create(64);
  const slot = table.place(1, 2);
  const bucket = new SharedBucket(table, slot, { nowUs: () => clock.us }, limitRate * TOKEN, limitBurst * TOKEN);
  const take = (nowUs: number): boolean => table.charge(slot, 1, 2, clockAt(nowUs), reading) === LEASE_CHARGED;
  return { table, slot, bucket, clock, take };
}

t.test('a key is found where it was placed, in its bucket of 8, and no more when it was freed', async (t) => {
  const table = LeaseTable.create(64);
  const slots = Array.from({ length: 8 }, (_, key) => table.place(key + 1, 8));
  t.equal(new Set(slots).size, 8);
  t.equal(table.place(100, 16), NO_LEASE, 'the bucket is full: 16 and 8 are the same modulo 8');
  t.not(table.place(100, 1), NO_LEASE, 'another has room');
  slots.forEach((slot, key) => t.equal(table.find(key + 1, 8), slot));
  t.equal(table.find(100, 8), NO_LEASE);
  table.free(slots[3] as number);
  t.equal(table.find(4, 8), NO_LEASE);
  t.equal(table.charge(slots[3] as number, 4, 8, clockAt(0), reading), LEASE_GONE);
  t.equal(table.place(100, 16), slots[3]);
});

t.test('a share is spent token by token, refills at its rate, and ends', async (t) => {
  const { table, slot, bucket, take } = bucketOf(10, 5);
  t.notOk(take(1_000), 'nothing before there is a lease');
  t.equal(reading.waitUs, Number.POSITIVE_INFINITY);
  bucket.untilUs = 1_001_000;
  bucket.resize(1_000, 10 * TOKEN, 2 * TOKEN);
  bucket.add(1_000, 2 * TOKEN);
  t.ok(take(1_000));
  t.equal(reading.remaining, 1);
  t.ok(take(1_000));
  t.notOk(take(1_000));
  t.equal(Math.round(reading.waitUs / 1_000), 100);
  t.notOk(take(100_000));
  t.ok(take(101_010));
  t.notOk(take(1_001_000), 'it has ended');
  t.equal(bucket.level(1_001_000), 0);
  t.equal(bucket.rate, 0);
  t.equal(table.level(slot, 1_001_000), 0);
});

t.test('what was decided by terms that changed meanwhile fails, whatever the change', async (t) => {
  const { table, slot, bucket } = bucketOf(1_000, 100);
  bucket.untilUs = 2_000_000;
  bucket.resize(1_000, TOKEN, 50 * TOKEN);
  bucket.add(1_000, TOKEN);
  // The share is taken away between a worker's look at the terms and its exchange: where it reads its clock.
  const changes = [
    () => void bucket.resize(1_000, TOKEN, 0),
    () => {
      bucket.untilUs = 900;
    },
    () => table.free(slot),
  ];
  for (const change of changes) {
    let pending: (() => void) | undefined = change;
    const clock = {
      nowUs() {
        pending?.();
        pending = undefined;
        return 1_000;
      },
    };
    t.not(table.charge(slot, 1, 2, clock, reading), LEASE_CHARGED);
  }
});

t.test('a change gives back all that is above, and nothing that was spent', async (t) => {
  const { bucket, take } = bucketOf(10, 100);
  bucket.untilUs = 10_000_000;
  bucket.resize(1_000, 0, 100 * TOKEN);
  bucket.add(1_000, 100 * TOKEN);
  for (let n = 0; n < 30; n++) t.ok(take(1_000));
  t.equal(bucket.level(1_000), 70 * TOKEN);
  t.equal(bucket.resize(1_000, 0, 20 * TOKEN), 50 * TOKEN);
  t.equal(bucket.level(1_000), 20 * TOKEN);
  bucket.changeLimit(1_000_000 * TOKEN, 1_000_000 * TOKEN);
  t.equal(bucket.level(1_000), 20 * TOKEN, 'in other units it is as much');
});

t.test('it never holds more than an exact bucket that is told the same, and hardly less', async () => {
  const step = fc.record({
    us: fc.integer({ min: 0, max: 700_000 }),
    what: fc.constantFrom('take', 'take', 'take', 'take', 'resize', 'add', 'until'),
    part: fc.double({ min: 0, max: 1, noNaN: true }),
  });
  const limit = fc.record({
    rate: fc.constantFrom(1, 7, 1_000, 1_000_000),
    burst: fc.constantFrom(1, 3, 100, 1_000_000),
  });
  fc.assert(
    fc.property(limit, fc.array(step, { maxLength: 60 }), ({ rate, burst }, steps) => {
      const shared = bucketOf(rate, burst);
      const exact = new ShareBucket();
      const both = [shared.bucket, exact] as const;
      let taken = 0;
      let changes = 0;
      for (const { us, what, part } of steps) {
        shared.clock.us += us;
        const nowUs = shared.clock.us;
        changes++;
        // As the holder does: before anything, what has ended is gone.
        for (const bucket of both) bucket.level(nowUs);
        if (what === 'until') for (const bucket of both) bucket.untilUs = nowUs + Math.floor(3_000_000 * part);
        if (what === 'resize') {
          const share = [Math.floor(rate * part * TOKEN), Math.floor(burst * part * TOKEN)] as const;
          const [above, exactly] = both.map((bucket) => bucket.resize(nowUs, ...share)) as [number, number];
          if (above > exactly) return false;
        }
        if (what === 'add') {
          const moved = Math.floor(Math.max(0, exact.burst - exact.level(nowUs)) * part);
          for (const bucket of both) bucket.add(nowUs, moved);
        }
        // The exact one follows: it admits whatever the other does.
        if (what === 'take' && shared.take(nowUs)) {
          taken++;
          if (!exact.take(nowUs)) return false;
        }
        const [level, exactly] = both.map((bucket) => bucket.level(nowUs)) as [number, number];
        // A unit is 2⁻⁷ of a token at most; every change and charge may cost two.
        if (level > exactly || level < exactly - (changes + taken + 1) * 2 * (TOKEN / 128)) return false;
      }
      return true;
    }),
    { numRuns: 300 },
  );
});

t.test('credit is bounded, and each token of it is paid with one that there is', async () => {
  const CREDIT = 3;
  const step = fc.record({
    us: fc.integer({ min: 0, max: 400_000 }),
    what: fc.constantFrom('take', 'take', 'add', 'pay', 'resize'),
    part: fc.double({ min: 0, max: 1, noNaN: true }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const shared = bucketOf(10, 5);
      const { table, slot, bucket, clock } = shared;
      table.setCreditMax(slot, CREDIT);
      const exact = new ShareBucket();
      let borrowed = 0;
      let paid = 0;
      // What pays is taken out of the exact bucket, as what is spent is.
      const pay = (owedBefore: number): boolean => {
        const count = owedBefore - bucket.owed;
        paid += count;
        return Array.from({ length: count }, () => exact.take(clock.us)).every((isThere) => isThere);
      };
      for (const { us, what, part } of steps) {
        clock.us += us;
        for (const each of [bucket, exact]) {
          each.level(clock.us);
          each.untilUs = clock.us + 3_000_000;
        }
        const owed = bucket.owed;
        if (what === 'resize') {
          for (const each of [bucket, exact]) each.resize(clock.us, Math.floor(10 * part * TOKEN), 5 * TOKEN);
        }
        if (what === 'add') {
          const moved = Math.floor(Math.max(0, exact.burst - exact.level(clock.us)) * part);
          for (const each of [bucket, exact]) each.add(clock.us, moved);
          if (!pay(owed)) return false;
        }
        if (what === 'pay') {
          bucket.payBack(clock.us);
          if (!pay(owed)) return false;
        }
        if (what === 'take') {
          if (shared.take(clock.us)) {
            if (!exact.take(clock.us)) return false;
          } else if (table.borrow(slot, 1, 2) !== NO_CREDIT) borrowed++;
        }
        if (bucket.owed !== borrowed - paid || bucket.owed > CREDIT) return false;
      }
      return true;
    }),
    { numRuns: 300 },
  );
});

t.test('a slot that another key gets owes nothing, and its key of before has no credit there', async (t) => {
  const { table, slot } = bucketOf(1, 1);
  table.setCreditMax(slot, 2);
  t.equal(table.borrow(slot, 1, 2), 0);
  t.equal(table.borrow(slot, 1, 2), 1);
  t.equal(table.borrow(slot, 1, 2), NO_CREDIT);
  table.free(slot);
  t.equal(table.place(1, 2), slot);
  t.equal(table.owedOf(slot), 0);
  t.equal(table.borrow(slot, 1, 2), NO_CREDIT, 'and has none of its own before it is given some');
  t.equal(table.borrow(slot, 3, 2), NO_CREDIT);
});

t.test('demand is counted past 2³², and from the slot’s own beginning', async (t) => {
  const { table, slot, bucket } = bucketOf(1, 1);
  const demand = new Int32Array(table.buffer);
  const word = (leaseTableLayout.headerBytes + leaseTableLayout.slotBytes * slot + leaseTableLayout.slot.demand) / 4;
  table.countDemand(slot);
  t.equal(bucket.demandCount, 1);
  demand[word] = -1;
  t.equal(bucket.demandCount, 2 ** 32 - 1);
  table.countDemand(slot);
  t.equal(bucket.demandCount, 2 ** 32);
  t.equal(new SharedBucket(table, slot, clockAt(0), TOKEN, TOKEN).demandCount, 0);
});

t.test('what requests are told lies beside the share', async (t) => {
  const { table, slot } = bucketOf(1, 1);
  t.equal(table.lossOf(slot), LeaseLoss.NONE);
  table.announce(slot, 123.5, LeaseLoss.ADMIT);
  t.equal(table.notBeforeUs(slot), 123.5);
  t.equal(table.lossOf(slot), LeaseLoss.ADMIT);
  t.equal(table.charge(slot, 1, 2, clockAt(1), reading), LEASE_EMPTY);
  t.equal(table.busyCount(), 0);
});
