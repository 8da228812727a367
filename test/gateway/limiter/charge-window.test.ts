import fc from 'fast-check';
import t from 'tap';
import type { LimitIndex } from '../../../src/base/ids.ts';
import { LimitRegistry } from '../../../src/control/quota/limit-registry.ts';
import { LimitSweeper, SLICES_PER_PASS } from '../../../src/control/quota/sweep-limits.ts';
import { charge } from '../../../src/gateway/limiter/charge.ts';
import { LimitReading } from '../../../src/gateway/limiter/charge-limit.ts';
import { Limit } from '../../../src/gateway/limiter/limit.ts';
import type { WindowDefinition } from '../../../src/gateway/snapshot.ts';
import { LimitTable } from '../../../src/shm/limit-table.ts';
import { EagerTurns, mostInAny, VirtualClock } from './window.ts';

type Kind = WindowDefinition['algorithm'];

const THREADS = 3;
const SKEW_US = 400;

interface Thread {
  readonly limit: Limit;
  readonly clock: VirtualClock;
}

/** One limit as several threads see it, each with a clock that is a little off, and its sweeper. */
class Rig {
  readonly clock = new VirtualClock(5_000_000);
  readonly table: LimitTable;
  readonly registry: LimitRegistry;
  readonly sweeper: LimitSweeper;
  readonly out = new LimitReading();
  /** Readings by which requests were admitted, per key. */
  readonly admitted = new Map<number, number[]>();
  readonly #threads: readonly Thread[];
  readonly #kind: Kind;
  readonly #seconds: number;

  constructor(kind: Kind, count: number, seconds: number, slotCount = 64) {
    this.#kind = kind;
    this.#seconds = seconds;
    this.table = LimitTable.create(4, slotCount);
    // The process is 5 s old, and the calendar's day began 3 h, 25 min and 0.25 s ago.
    this.registry = new LimitRegistry(this.table, this.clock, () => 86_400_000 * 19_000 + 12_300_250);
    this.sweeper = new LimitSweeper(this.table, this.registry, this.clock, new EagerTurns());
    const index = this.change(count);
    this.#threads = Array.from({ length: THREADS }, () => ({
      limit: new Limit(this.table, index),
      clock: new VirtualClock(),
    }));
  }

  change(count: number): LimitIndex {
    const window = { algorithm: this.#kind, seconds: this.#seconds };
    const definition = {
      idLow: 1,
      idHigh: 2,
      name: 'limit',
      tokensPerSecond: count / this.#seconds,
      burst: count,
      window,
    };
    const resolved = this.registry.resolve([definition]);
    if (!resolved.ok) throw new Error(resolved.error);
    this.registry.commit();
    return resolved.value[0] as LimitIndex;
  }

  try(key = 1, thread = 0): boolean {
    const { limit, clock } = this.#threads[thread] as Thread;
    clock.us = this.clock.us + (thread - 1) * SKEW_US;
    if (charge(limit, this.table, key, 7, clock, this.out) !== 0) return false;
    const times = this.admitted.get(key) ?? [];
    times.push(clock.us);
    this.admitted.set(key, times);
    return true;
  }

  sweep(passes = 1): void {
    for (let slice = 0; slice < passes * SLICES_PER_PASS; slice++) this.sweeper.sweepSlice();
  }
}

/** The most that any window of the calendar holds. The process's clock shows 5 s at 3:25:00.25 of the calendar's day. */
function mostInCalendar(times: readonly number[], windowUs: number): number {
  const counts = new Map<number, number>();
  for (const us of times) {
    const window = Math.floor((us - 5_000_000 + 12_300_250_000) / windowUs);
    counts.set(window, (counts.get(window) ?? 0) + 1);
  }
  return Math.max(0, ...counts.values());
}

const law: Record<Kind, (times: readonly number[], windowUs: number) => number> = {
  'fixed-window': mostInCalendar,
  'sliding-window': mostInAny,
};

const step = fc.oneof(
  fc.constant(0),
  fc.integer({ min: 1, max: 80_000 }),
  fc.integer({ min: 1, max: 1_100_000 }),
  fc.integer({ min: 900_000, max: 70_000_000 }),
);
const move = fc.record({
  us: step,
  tries: fc.integer({ min: 1, max: 7 }),
  key: fc.integer({ min: 1, max: 3 }),
  sweeps: fc.boolean(),
});

for (const kind of ['fixed-window', 'sliding-window'] as const) {
  for (const [count, seconds] of [
    [1, 1],
    [5, 1],
    [12, 60],
  ] as const) {
    t.test(`${kind}, ${count} in ${seconds} s: no window is over, whatever threads, pauses and sweeps`, async (t) => {
      fc.assert(
        fc.property(fc.array(move, { minLength: 5, maxLength: 60 }), (moves) => {
          const rig = new Rig(kind, count, seconds);
          for (const [index, { us, tries, key, sweeps }] of moves.entries()) {
            rig.clock.us += us;
            // A long pause is swept, as it would be.
            if (sweeps || us > 2_000_000) rig.sweep(3);
            for (let n = 0; n < tries; n++) rig.try(key, (index + n) % THREADS);
          }
          return [...rig.admitted.values()].every((times) => law[kind](times, seconds * 1_000_000) <= count);
        }),
        { numRuns: 150 },
      );
      t.pass();
    });

    t.test(`${kind}, ${count} in ${seconds} s: one that wanted all of it was given it`, async (t) => {
      const rig = new Rig(kind, count, seconds);
      const windowUs = seconds * 1_000_000;
      const spans = 12;
      for (let n = 0; n < spans * 400; n++) {
        rig.clock.us += windowUs / 400;
        rig.try(1, n % THREADS);
      }
      const used = (rig.admitted.get(1) ?? []).length;
      // A sliding window may hold what is up to a 15th older than it must, so that it moves on that much slower.
      const least =
        kind === 'fixed-window' ? count * (spans - 1) : Math.floor((count * (spans - 1)) / (1 + 1 / 15 + 1 / 400));
      t.ok(used >= least, `${used} of ${count * spans}`);
    });
  }

  t.test(`${kind}: keys that find no slot share a word, which is stricter, and never over`, async (t) => {
    const rig = new Rig(kind, 4, 1, 8);
    for (let n = 0; n < 4_000; n++) {
      rig.clock.us += 700;
      rig.try(1 + (n % 23), n % THREADS);
      if (n % 50 === 0) rig.sweep();
    }
    for (const times of rig.admitted.values()) t.ok(law[kind](times, 1_000_000) <= 4);
    t.ok(rig.table.overflowCount(0 as LimitIndex) > 0, 'some shared');
  });

  t.test(`${kind}: a changed count holds with what the window has used; the old windows go on`, async (t) => {
    const rig = new Rig(kind, 5, 60);
    for (let n = 0; n < 9; n++) rig.try();
    t.equal(rig.admitted.get(1)?.length, 5);
    rig.change(8);
    rig.clock.us += 100_000;
    rig.registry.settle();
    for (let n = 0; n < 9; n++) rig.try();
    t.equal(rig.admitted.get(1)?.length, 8);
    rig.change(2);
    rig.clock.us += 100_000;
    t.notOk(rig.try());
  });

  t.test(`${kind}: when another process has charged unseen, every key has used up its window`, async (t) => {
    const rig = new Rig(kind, 5, 1);
    rig.clock.us = rig.registry.forgetLevels() + 1_000;
    t.notOk(rig.try());
    rig.clock.us += 1_100_000;
    t.ok(rig.try());
  });

  t.test(`${kind}: a refusal says when to come again, and then one may`, async (t) => {
    const rig = new Rig(kind, 3, 60);
    for (let n = 0; n < 3; n++) {
      t.ok(rig.try());
      t.equal(rig.out.remaining, 2 - n);
    }
    rig.clock.us += 1_000_000;
    t.notOk(rig.try());
    t.ok(rig.out.retryAfterSeconds <= 64 && rig.out.retryAfterSeconds > 0, `${rig.out.retryAfterSeconds}`);
    rig.clock.us += rig.out.retryAfterSeconds * 1_000_000 + SKEW_US;
    t.ok(rig.try());
  });

  t.test(`${kind}: slots of keys at rest are taken back`, async (t) => {
    const rig = new Rig(kind, 3, 1);
    for (let key = 1; key < 9; key++) rig.try(key);
    rig.sweep(3);
    t.equal(rig.sweeper.freedCount, 0);
    rig.clock.us += 1_200_000;
    rig.sweep(4);
    t.equal(rig.sweeper.freedCount, 8);
  });
}

t.test('a fixed window begins where the calendar says', async (t) => {
  const rig = new Rig('fixed-window', 1, 60);
  t.ok(rig.try(1, 1));
  // 3:25:00.25: it ends in 59.75 s.
  rig.clock.us += 59_749_999;
  t.notOk(rig.try(1, 1));
  t.equal(rig.out.retryAfterSeconds, 1);
  rig.clock.us += 1;
  t.ok(rig.try(1, 1));
});

t.test('a window without room for what it is to hold is refused', async (t) => {
  t.throws(() => new Rig('fixed-window', 2_000_000, 1), /1 to 1048575/);
  t.throws(() => new Rig('sliding-window', 1, 90_000), /1 day/);
});
