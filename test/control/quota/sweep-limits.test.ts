import t from 'tap';
import type { LimitIndex } from '../../../src/base/ids.ts';
import { LimitRegistry } from '../../../src/control/quota/limit-registry.ts';
import { LimitSweeper, SLICES_PER_PASS, type WorkerTurns } from '../../../src/control/quota/sweep-limits.ts';
import { chargeLimit, LimitReading } from '../../../src/gateway/limiter/charge-limit.ts';
import { Limit } from '../../../src/gateway/limiter/limit.ts';
import { LimitTable } from '../../../src/shm/limit-table.ts';
import { definition, type ExactRate, excess, VirtualClock } from '../../gateway/limiter/window.ts';

class ManualTurns implements WorkerTurns {
  readonly workerCount = 2;
  readonly turns = [0, 0];
  readonly running = [true, true];

  turnOf(worker: number): number {
    return this.turns[worker] as number;
  }

  isRunning(worker: number): boolean {
    return this.running[worker] as boolean;
  }
}

class Rig {
  readonly clock = new VirtualClock();
  readonly table: LimitTable;
  readonly registry: LimitRegistry;
  readonly turns = new ManualTurns();
  readonly sweeper: LimitSweeper;
  readonly limits: readonly Limit[];
  readonly out = new LimitReading();

  constructor(slotCount: number, ...limits: readonly (readonly [ExactRate, number])[]) {
    this.table = LimitTable.create(4, slotCount);
    this.registry = new LimitRegistry(this.table, this.clock);
    this.sweeper = new LimitSweeper(this.table, this.registry, this.clock, this.turns);
    const resolved = this.registry.resolve(limits.map(([rate, burst], n) => definition(n, rate, burst)));
    if (!resolved.ok) throw new Error(resolved.error);
    this.limits = [...resolved.value].map((index) => new Limit(this.table, index as LimitIndex));
  }

  charge(limit: number, key: number): boolean {
    return chargeLimit(this.limits[limit] as Limit, this.table, key, key << 3, this.clock, this.out) === 0;
  }

  slotOf(limit: number, key: number): number {
    return this.table.slots.find(key, key << 3, (this.limits[limit] as Limit).tag);
  }

  turn(by = 2): void {
    this.turns.turns[0]! += by;
    this.turns.turns[1]! += by;
  }

  pass(options: { turning: boolean; us?: number } = { turning: true }): void {
    for (let slice = 0; slice < SLICES_PER_PASS; slice++) {
      this.clock.us += (options.us ?? 960_000) / SLICES_PER_PASS;
      if (options.turning) this.turn();
      this.sweeper.sweepSlice();
    }
  }
}

const fast = { tokens: 1_000, seconds: 1 };
const slow = { tokens: 1, seconds: 3_600 };

t.test('an idle slot is free after all workers have turned, twice', async (t) => {
  const rig = new Rig(64, [fast, 3]);
  rig.charge(0, 1);
  const slot = rig.slotOf(0, 1);
  rig.clock.us += 10_000;
  rig.pass({ turning: false });
  t.ok(rig.table.slots.isUnlinking(slot), 'unlinked at once');
  rig.turn(1);
  rig.pass({ turning: false });
  t.ok(rig.table.slots.isUnlinking(slot), 'one turn may have begun before');
  rig.turn(1);
  rig.pass({ turning: false });
  t.ok(rig.table.slots.limitOf(slot) === 0 && !rig.table.slots.isUnlinking(slot), 'dead, and still not free');
  rig.turns.turns[0]! += 2;
  rig.pass({ turning: false });
  t.equal(rig.table.slots.limitOf(slot), 0, 'a worker that did not turn holds it back');
  rig.turns.running[1] = false;
  rig.pass({ turning: false });
  t.equal(rig.table.slots.limitOf(slot), -1, 'one whose thread has ended does not');
  t.equal(rig.sweeper.freedCount, 1);
});

t.test('a slot that is charged while it is unlinked stays, with its debt', async (t) => {
  const rig = new Rig(64, [slow, 2]);
  rig.charge(0, 1);
  rig.clock.us += 3_700_000_000;
  rig.pass({ turning: false });
  t.ok(rig.charge(0, 1));
  t.ok(rig.charge(0, 1));
  rig.pass();
  rig.pass();
  t.notOk(rig.charge(0, 1), 'the burst is spent');
  t.equal(rig.sweeper.freedCount, 0);
});

t.test('a charge by a thread that saw the slot live is seen by the second look', async (t) => {
  const rig = new Rig(64, [slow, 2]);
  rig.charge(0, 1);
  const slot = rig.slotOf(0, 1);
  rig.clock.us += 3_700_000_000;
  const tat = rig.table.slots.tatOf(slot);
  rig.pass({ turning: false });
  t.ok(rig.table.slots.isUnlinking(slot));
  // The thread read LIVE before, and exchanges only now, within the same turn.
  const limit = rig.limits[0] as Limit;
  const to = (limit.virtualTime(rig.clock.us) + limit.cost) | 0;
  t.ok(rig.table.slots.exchangeTat(slot, tat, to));
  rig.pass();
  rig.pass();
  t.equal(rig.slotOf(0, 1), slot, 'live again');
  t.equal(rig.table.slots.tatOf(slot), to);
});

t.test('a slot in debt is never taken', async (t) => {
  const rig = new Rig(64, [slow, 1], [fast, 1]);
  for (let key = 1; key <= 4; key++) t.ok(rig.charge(0, key));
  for (let n = 0; n < 60; n++) {
    rig.charge(1, 100 + n);
    rig.pass();
    for (let key = 1; key <= 4; key++) t.notOk(rig.charge(0, key));
  }
  t.equal(rig.sweeper.freedCount >= 55, true, 'the others were');
});

t.test('a key that shared the overflow word gets no second burst with a slot of its own', async (t) => {
  const rig = new Rig(8, [slow, 5], [fast, 1]);
  // Eight idle keys of the fast limit fill the only bucket; a key of the slow limit then has to share.
  for (let key = 1; key <= 8; key++) t.ok(rig.charge(1, key));
  for (let n = 0; n < 3; n++) t.ok(rig.charge(0, 50));
  t.equal(rig.slotOf(0, 50), -1);
  t.equal(rig.table.overflowCount((rig.limits[0] as Limit).index), 3);
  for (let n = 0; n < 20; n++) rig.pass();
  t.equal(rig.sweeper.freedCount, 8);
  t.ok(rig.charge(0, 50));
  t.ok(rig.slotOf(0, 50) >= 0, 'a slot of its own');
  t.ok(rig.charge(0, 50));
  t.notOk(rig.charge(0, 50), '3 and 2 are the burst of 5');
  // An hour pays a token; the overflow word, at rest after three, is forgotten after that.
  rig.clock.us += 5.1 * 3_600_000_000;
  for (let n = 0; n < 8; n++) rig.pass();
  for (let n = 0; n < 5; n++) t.ok(rig.charge(0, 60), 'a new key has the whole burst again');
});

t.test('the mark of a bucket that overflowed is cleared when every overflow word is at rest', async (t) => {
  const rig = new Rig(8, [slow, 5], [fast, 1]);
  for (let key = 1; key <= 8; key++) rig.charge(1, key);
  rig.charge(0, 50);
  for (let n = 0; n < 10; n++) rig.pass();
  t.ok(rig.table.slots.hasOverflowed(0), 'while one owes');
  rig.clock.us += 3_700_000_000;
  for (let n = 0; n < 6; n++) rig.pass();
  t.notOk(rig.table.slots.hasOverflowed(0));
});

t.test('a limit that runs for months is exact: records are renewed, wraps are swept', async (t) => {
  const rate = { tokens: 1_000_000, seconds: 1 };
  const rig = new Rig(8, [rate, 1_000]);
  const index = (rig.limits[0] as Limit).index;
  const admitted: number[] = [];
  const before = rig.table.sequenceOf(index);
  for (let n = 0; n < 1_200; n++) {
    rig.pass({ turning: true, us: 970_001 });
    for (let i = 0; i < 40; i++) {
      if (rig.charge(0, 1)) admitted.push(rig.clock.us);
    }
  }
  t.ok(rig.table.sequenceOf(index) - before >= 3, 'some 19 minutes are four records');
  t.equal(admitted.length, 1_200 * 40, 'nothing is refused that should not be');
  for (let n = 0; n < 2_000; n++) if (rig.charge(0, 1)) admitted.push(rig.clock.us);
  t.ok(excess(admitted, rate, 1_000) <= 0);
});

t.test('an overflow word at rest stays at rest over the wrap', async (t) => {
  const rate = { tokens: 1_000_000, seconds: 1 };
  const rig = new Rig(8, [rate, 10], [slow, 1]);
  // The slow limit's keys keep the bucket full.
  for (let key = 1; key <= 8; key++) t.ok(rig.charge(1, key));
  for (let n = 0; n < 40; n++) {
    rig.pass({ turning: true, us: 900_007 });
    for (let i = 0; i < 10; i++) t.ok(rig.charge(0, 70), 'the whole burst');
    t.notOk(rig.charge(0, 70));
  }
});

t.test('a slice over a full table takes about a millisecond at most', async (t) => {
  const clock = new VirtualClock();
  const table = LimitTable.create();
  const registry = new LimitRegistry(table, clock);
  const turns = { workerCount: 1, n: 0, turnOf: () => (turns.n += 2), isRunning: () => true };
  const sweeper = new LimitSweeper(table, registry, clock, turns);
  const resolved = registry.resolve([definition(1, fast, 3)]);
  const limit = new Limit(table, (resolved.ok ? resolved.value[0] : 0) as LimitIndex);
  const out = new LimitReading();
  const times: number[] = [];
  for (let round = 0; round < 3; round++) {
    for (let key = 0; key < 110_000; key++) chargeLimit(limit, table, Math.imul(key, 0x9e3779b1), key, clock, out);
    clock.us += 100_000;
    for (let n = 0; n < 3 * SLICES_PER_PASS; n++) {
      clock.us += 15_000;
      const start = performance.now();
      sweeper.sweepSlice();
      times.push(performance.now() - start);
    }
  }
  times.sort((a, b) => a - b);
  t.ok(sweeper.freedCount > 300_000, `${sweeper.freedCount} slots`);
  const median = times[times.length >> 1] as number;
  const longest = times.slice(-5).map((ms) => ms.toFixed(2));
  t.ok(median < 3, `median ${median.toFixed(2)} ms, longest ${longest.join(', ')} ms`);
});
