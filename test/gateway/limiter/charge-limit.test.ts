import fc from 'fast-check';
import t from 'tap';
import type { LimitIndex } from '../../../src/base/ids.ts';
import { LimitRegistry, SWITCH_LEAD_US } from '../../../src/control/quota/limit-registry.ts';
import { LimitSweeper, SLICE_INTERVAL_MS } from '../../../src/control/quota/sweep-limits.ts';
import { chargeLimit, LimitReading } from '../../../src/gateway/limiter/charge-limit.ts';
import { Limit } from '../../../src/gateway/limiter/limit.ts';
import { LimitTable } from '../../../src/shm/limit-table.ts';
import { definition, EagerTurns, type ExactRate, excess, naiveExcess, VirtualClock } from './window.ts';

const SLICE_US = SLICE_INTERVAL_MS * 1_000;

/** One limit with its sweeper, on a clock that the test winds. */
class Rig {
  readonly clock = new VirtualClock();
  readonly table: LimitTable;
  readonly registry: LimitRegistry;
  readonly sweeper: LimitSweeper;
  readonly limit: Limit;
  readonly out = new LimitReading();
  readonly admitted: number[] = [];
  tries = 0;
  #sweptUs: number;

  constructor(rate: ExactRate, burst: number, slotCount = 64) {
    this.table = LimitTable.create(4, slotCount);
    this.registry = new LimitRegistry(this.table, this.clock);
    this.sweeper = new LimitSweeper(this.table, this.registry, this.clock, new EagerTurns());
    const resolved = this.registry.resolve([definition(1, rate, burst)]);
    if (!resolved.ok) throw new Error(resolved.error);
    this.limit = new Limit(this.table, resolved.value[0] as LimitIndex);
    this.#sweptUs = this.clock.us;
  }

  /** Let time pass, and the sweeper run when it is due. Long stretches are swept at their end. */
  pass(us: number): void {
    this.clock.us += us;
    let slices = Math.min(400, Math.floor((this.clock.us - this.#sweptUs) / SLICE_US));
    if (slices > 0) this.#sweptUs = this.clock.us;
    while (slices-- > 0) this.sweeper.sweepSlice();
  }

  try(key = 5): boolean {
    this.tries++;
    if (chargeLimit(this.limit, this.table, key, key, this.clock, this.out) !== 0) return false;
    this.admitted.push(this.clock.us);
    return true;
  }

  change(rate: ExactRate, burst: number): void {
    const resolved = this.registry.resolve([definition(1, rate, burst)]);
    if (!resolved.ok) throw new Error(resolved.error);
    this.registry.commit();
  }
}

const rates: readonly { name: string; rate: ExactRate; bursts: readonly number[] }[] = [
  { name: '1/day', rate: { tokens: 1, seconds: 86_400 }, bursts: [1, 3, 100] },
  { name: '7/s', rate: { tokens: 7, seconds: 1 }, bursts: [1, 7, 20] },
  { name: '1,000/s', rate: { tokens: 1_000, seconds: 1 }, bursts: [1, 10, 300] },
  { name: '2,000/s', rate: { tokens: 2_000, seconds: 1 }, bursts: [1, 10, 300] },
  { name: '1,000,000/s', rate: { tokens: 1_000_000, seconds: 1 }, bursts: [1, 50, 1_000] },
];

t.test('the check of windows agrees with its definition', async (t) => {
  const times = fc.array(fc.integer({ min: 0, max: 3_000_000 }), { minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(times, fc.integer({ min: 1, max: 5 }), (times, burst) => {
      const rate = { tokens: 3, seconds: 1 };
      return excess(times, rate, burst) > 0 === naiveExcess(times, rate, burst) > 0;
    }),
  );
  t.pass();
});

for (const { name, rate, bursts } of rates) {
  const tokenUs = (rate.seconds / rate.tokens) * 1_000_000;
  // Steps from far below a token's time to a few bursts; whole µs, so that the test's own sums are exact.
  const step = fc.oneof(
    fc.constant(0),
    fc.double({ min: 0, max: 0.2, noNaN: true }).map((tokens) => Math.round(tokens * tokenUs)),
    fc.double({ min: 0.9, max: 1.1, noNaN: true }).map((tokens) => Math.round(tokens * tokenUs)),
    fc.double({ min: 0, max: 30, noNaN: true }).map((tokens) => Math.round(tokens * tokenUs)),
  );

  t.test(`at ${name} no window of random arrivals admits more than rate × length + burst`, async (t) => {
    const arrivals = fc.array(step, { minLength: 1, maxLength: 300 });
    fc.assert(
      fc.property(arrivals, fc.constantFrom(...bursts), (steps, burst) => {
        const rig = new Rig(rate, burst);
        for (const us of steps) {
          rig.pass(us);
          rig.try();
        }
        return excess(rig.admitted, rate, burst) <= 0;
      }),
      { numRuns: 150 },
    );
    t.pass();
  });

  t.test(`at ${name} an excess of demand gets 99.9 % of the limit, and the burst first`, async (t) => {
    for (const burst of bursts) {
      const rig = new Rig(rate, burst);
      for (let i = 0; i < burst; i++) t.ok(rig.try(), 'the burst is there from the start');
      t.notOk(rig.try(), 'and no more');
      const startUs = rig.clock.us;
      for (let i = 0; i < 5_000; i++) {
        // The most eager client there can be: back as soon as a token is due, to 2⁻¹⁴ µs.
        const shortfall = chargeLimit(rig.limit, rig.table, 5, 5, rig.clock, rig.out);
        if (shortfall === 0) rig.admitted.push(rig.clock.us);
        else rig.pass(Math.ceil((shortfall / rig.limit.unitsPerUs) * 16_384) / 16_384);
      }
      const due = burst + Math.floor((rig.clock.us - startUs) / tokenUs);
      t.ok(excess(rig.admitted, rate, burst) <= 0, 'no window is over');
      t.ok(rig.admitted.length >= due * 0.999 - 1, `${rig.admitted.length} of ${due} are admitted`);
      t.equal(rig.table.busyCount(rig.limit.index), 0);
    }
  });

  t.test(`at ${name} the shortest gap that flooring and rounding allow is still a token’s time`, async (t) => {
    // One request at the very end of a unit of virtual time, the next at the earliest moment that admits it: here a cost of
    // 2ᵏ would be one unit short. Early in a record's life, and when its doubles are as coarse as they may get.
    const longestUs = 2 ** 38 / new Rig(rate, 1).limit.unitsPerUs;
    for (const ageUs of [0, 1_000_003, longestUs / 1_000, longestUs / 3, longestUs]) {
      const rig = new Rig(rate, 1);
      const { clock, limit } = rig;
      clock.us += Math.min(ageUs, 2 ** 52 - clock.us);
      for (let n = 0; n < 50; n++) {
        const now = limit.virtualTime(clock.us);
        clock.us = earliest(clock.us, 2 * tokenUs, (us) => ((limit.virtualTime(us) - now) | 0) >= 1 + (n % 3)).before;
        rig.try();
        const admittedAt = limit.virtualTime(clock.us);
        const next = earliest(clock.us, 2 * tokenUs, (us) => ((limit.virtualTime(us) - admittedAt) | 0) >= limit.cost);
        clock.us = next.before;
        if (rig.try()) t.fail('not a moment earlier');
        clock.us = next.at;
        if (!rig.try()) t.fail('but then');
        clock.us += 3 * tokenUs;
      }
      t.equal(rig.admitted.length, 100);
      t.ok(excess(rig.admitted, rate, 1) <= 0, `after ${ageUs} µs`);
    }
  });

  t.test(`at ${name} a key at rest has its whole burst again, however often virtual time has wrapped`, async (t) => {
    const burst = bursts[1] as number;
    const rig = new Rig(rate, burst);
    for (let round = 0; round < 12; round++) {
      while (rig.try()) t.ok(rig.admitted.length < 100 * burst, 'a burst ends');
      const before = rig.admitted.length;
      t.notOk(rig.try());
      // Up to several wraps, with the sweeper amid them, and never a whole number of wraps.
      const wrapUs = 2 ** 32 / rig.limit.unitsPerUs;
      const restUs = Math.ceil(burst * tokenUs * 1.01) + Math.floor(wrapUs * 0.37 * (round % 7));
      for (let part = 0; part < 8; part++) rig.pass(Math.ceil(restUs / 8));
      let got = 0;
      while (rig.try()) got++;
      t.equal(got, burst, `round ${round}: the burst, after ${restUs} µs`);
      t.equal(rig.admitted.length, before + burst);
    }
    t.ok(excess(rig.admitted, rate, burst) <= 0, 'no window is over');
  });
}

t.test('without a sweeper the wrap makes a key stricter, never laxer', async (t) => {
  const rate = { tokens: 1_000_000, seconds: 1 };
  const table = LimitTable.create(1, 64);
  const clock = new VirtualClock();
  const registry = new LimitRegistry(table, clock);
  const resolved = registry.resolve([definition(1, rate, 1_000)]);
  const limit = new Limit(table, (resolved.ok ? resolved.value[0] : 0) as LimitIndex);
  const out = new LimitReading();
  const admitted: number[] = [];
  for (let i = 0; i < 60_000; i++) {
    clock.us += i % 1_500 === 0 ? 700_001 * ((i / 1_500) % 9) : 1;
    for (let n = 0; n < 2; n++) if (chargeLimit(limit, table, 9, 9, clock, out) === 0) admitted.push(clock.us);
  }
  t.ok(excess(admitted, rate, 1_000) <= 0);
});

t.test('a refusal says when to come back, and coming back then succeeds', async (t) => {
  fc.assert(
    fc.property(fc.constantFrom(...rates), fc.integer({ min: 1, max: 20 }), ({ rate }, burst) => {
      const rig = new Rig(rate, burst);
      while (rig.try()) if (rig.tries > burst) return false;
      if (rig.out.remaining !== 0 || rig.out.retryAfterSeconds < 1) return false;
      const before = rig.table.slots.tatOf(rig.table.slots.find(5, 5, rig.limit.tag));
      rig.try();
      // A refused request consumes nothing.
      if (rig.table.slots.tatOf(rig.table.slots.find(5, 5, rig.limit.tag)) !== before) return false;
      rig.clock.us += rig.out.retryAfterSeconds * 1_000_000;
      return rig.try();
    }),
  );
  t.pass();
});

t.test('a reading tells what is left and when all of it is back', async (t) => {
  const rig = new Rig({ tokens: 10, seconds: 1 }, 20);
  rig.try();
  t.match(rig.out, { remaining: 19, resetSeconds: 1, retryAfterSeconds: 0 });
  for (let i = 0; i < 14; i++) rig.try();
  t.match(rig.out, { remaining: 5, resetSeconds: 2, retryAfterSeconds: 0 });
  for (let i = 0; i < 6; i++) rig.try();
  t.match(rig.out, { remaining: 0, resetSeconds: 3, retryAfterSeconds: 1 });
});

t.test('keys do not share their tokens', async (t) => {
  const rig = new Rig({ tokens: 1, seconds: 60 }, 2);
  for (const key of [3, 4, 5]) {
    t.ok(rig.try(key));
    t.ok(rig.try(key));
    t.notOk(rig.try(key));
  }
});

t.test('a changed limit', async (t) => {
  const from = { tokens: 100, seconds: 1 };
  const changes: readonly { name: string; rate: ExactRate; burst: number; keeps: boolean }[] = [
    { name: 'twice the rate', rate: { tokens: 200, seconds: 1 }, burst: 50, keeps: true },
    { name: '100 times the rate', rate: { tokens: 10_000, seconds: 1 }, burst: 50, keeps: false },
    { name: 'a hundredth of the rate', rate: { tokens: 1, seconds: 1 }, burst: 50, keeps: true },
    { name: 'half the burst', rate: from, burst: 25, keeps: true },
    { name: 'twice the burst', rate: from, burst: 100, keeps: true },
    { name: '10,000 times the burst', rate: from, burst: 500_000, keeps: false },
    { name: 'all of both', rate: { tokens: 100_000, seconds: 1 }, burst: 20, keeps: false },
  ];
  for (const { name, rate, burst, keeps } of changes) {
    t.test(`${name}: no second burst, no window over, the new rate is used`, async (t) => {
      const rig = new Rig(from, 50);
      const tag = rig.limit.tag;
      for (let i = 0; i < 5_000; i++) {
        rig.pass(1_000);
        rig.try();
      }
      const changedUs = Math.ceil(rig.clock.us) + SWITCH_LEAD_US;
      rig.change(rate, burst);
      const stepUs = 50;
      for (let i = 0; i < 60_000; i++) {
        rig.pass(stepUs);
        rig.try();
        if (burst > 1_000) for (let n = 0; n < 20; n++) rig.try();
      }
      t.equal(rig.limit.tag === tag, keeps, keeps ? 'slots go on' : 'new units begin new slots');
      const old = rig.admitted.filter((us) => us < changedUs);
      const after = rig.admitted.filter((us) => us >= changedUs);
      t.ok(excess(old, from, 50) <= 0, 'before the change, the old limit holds');
      t.ok(excess(after, rate, burst) <= 0, 'after it, the new one');
      // Across it: the sum of both rates' shares and the larger burst, in every window.
      t.ok(spanningExcess(old, after, changedUs, from, rate, Math.max(50, burst)) <= 0, 'across it, no double burst');
      const seconds = (rig.clock.us - changedUs) / 1_000_000;
      const due = (rate.tokens / rate.seconds) * seconds + Math.max(0, burst - 50);
      const owed = Math.max(0, 50 - burst);
      const demand = 60_000 * (burst > 1_000 ? 21 : 1);
      t.ok(after.length >= Math.min(demand * 0.9, (due - owed) * 0.99 - 55), `${after.length} of ${due}`);
    });
  }

  t.test('many changes in a row: no window is over the larger burst and the sum of the rates', async (t) => {
    const limits = fc.array(
      fc.record({ tokens: fc.constantFrom(1, 7, 100, 3_000, 200_000), burst: fc.constantFrom(1, 5, 60, 5_000) }),
      { minLength: 2, maxLength: 6 },
    );
    fc.assert(
      fc.property(limits, fc.integer({ min: 60, max: 30_000 }), (sequence, stretchMs) => {
        const first = sequence[0] as { tokens: number; burst: number };
        const rig = new Rig({ tokens: first.tokens, seconds: 1 }, first.burst);
        const admittedByRate: { us: number; allowed: number }[] = [];
        // The allowance, integrated over the rates that are in force: read off the registry's own records' start times.
        let allowed = 0;
        let rate = first.tokens;
        let pendingFromUs = Number.POSITIVE_INFINITY;
        let pendingRate = rate;
        let burstMax = first.burst;
        for (const next of sequence.slice(1)) {
          rig.change({ tokens: next.tokens, seconds: 1 }, next.burst);
          burstMax = Math.max(burstMax, next.burst);
          for (let i = 0; i < 150; i++) {
            const stepUs = Math.max(1, Math.round((stretchMs * 1_000) / 150));
            const startUs = rig.table.newestStartUs(rig.limit.index);
            if (startUs > rig.clock.us) {
              pendingFromUs = startUs;
              pendingRate = next.tokens;
            }
            const endUs = rig.clock.us + stepUs;
            const switchUs = Math.min(endUs, Math.max(rig.clock.us, pendingFromUs));
            allowed += rate * (switchUs - rig.clock.us);
            if (pendingFromUs <= endUs) {
              rate = pendingRate;
              pendingFromUs = Number.POSITIVE_INFINITY;
            }
            allowed += rate * (endUs - switchUs);
            rig.pass(stepUs);
            for (let n = 0; n < 20; n++) if (rig.try()) admittedByRate.push({ us: rig.clock.us, allowed });
          }
        }
        return admittedByRate.every((_, j) =>
          // The latest window start that allows least is among the last few hundred events.
          admittedByRate.slice(Math.max(0, j - 400), j + 1).every((start, i, all) => {
            const n = all.length - i;
            const last = admittedByRate[j] as { allowed: number };
            return n <= burstMax + (last.allowed - start.allowed) / 1_000_000 + 1e-6;
          }),
        );
      }),
      { numRuns: 40 },
    );
    t.pass();
  });

  t.test('takes effect at one moment for every thread, whenever each hears of it', async (t) => {
    const rig = new Rig(from, 50);
    const early = new Limit(rig.table, rig.limit.index);
    rig.change({ tokens: 1, seconds: 1 }, 50);
    const late = new Limit(rig.table, rig.limit.index);
    const startUs = rig.table.newestStartUs(rig.limit.index);
    for (const us of [startUs - 10_000, startUs - 1, startUs - 0.25, startUs, startUs + 0.25, startUs + 1_000_000]) {
      for (const limit of [early, late]) if (limit.isOutdated(rig.table, us)) limit.refresh(rig.table, us);
      t.equal(early.virtualTime(us), late.virtualTime(us), `at ${us - startUs} µs from the change`);
      t.equal(late.unitsPerUs > 10, us < startUs, 'the old rate before, the new rate from it on');
    }
  });
});

/** The two neighbouring doubles between which a condition comes true. */
function earliest(fromUs: number, withinUs: number, holds: (us: number) => boolean): { before: number; at: number } {
  let before = fromUs;
  let at = fromUs + withinUs;
  for (;;) {
    const middle = before + (at - before) / 2;
    if (middle === before || middle === at) return { before, at };
    if (holds(middle)) at = middle;
    else before = middle;
  }
}

/** Excess of windows that begin before a change and end after it. */
function spanningExcess(
  old: readonly number[],
  after: readonly number[],
  changedUs: number,
  from: ExactRate,
  to: ExactRate,
  burst: number,
): number {
  // The worst start and the worst end can be looked for apart, since the allowance is a sum of both sides'.
  let before = 0;
  old.forEach((us, index) => {
    before = Math.max(before, old.length - index - ((changedUs - us) * from.tokens) / from.seconds / 1_000_000);
  });
  let since = 0;
  after.forEach((us, index) => {
    since = Math.max(since, index + 1 - ((us - changedUs) * to.tokens) / to.seconds / 1_000_000);
  });
  return Math.ceil(before + since - burst - 1e-9);
}
