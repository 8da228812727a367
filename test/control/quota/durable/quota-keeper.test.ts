import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { QuotaKeeper } from '../../../../src/control/quota/durable/quota-keeper.ts';
import { QuotaStore } from '../../../../src/control/quota/durable/quota-store.ts';
import type { NoAnswer, QuotaCounters, Taken } from '../../../../src/control/quota/quota-counters.ts';
import { NO_BLOCK, QuotaTable, USED_UP } from '../../../../src/shm/quota-table.ts';
import { VirtualClock } from '../../../gateway/limiter/window.ts';

const DAY = 1;
const WALL_MS = Date.parse('2026-11-26T22:00:00Z');
const HOUR_US = 3_600_000_000;

/** A process's share of the counters in a folder. */
class Rig {
  readonly table = QuotaTable.create(64);
  readonly clock = new VirtualClock();
  readonly troubles: string[] = [];
  readonly keeper: QuotaKeeper;

  constructor(folder: string, counters: QuotaCounters = new QuotaStore(join(folder, 'quotas'))) {
    this.keeper = new QuotaKeeper({
      table: this.table,
      clock: this.clock,
      wallMs: () => WALL_MS + (this.clock.us - 1_000_000_000) / 1_000,
      counters,
      timeZone: () => 'UTC',
      wake: () => {},
      log: (_level, message) => void this.troubles.push(message),
    });
    this.keeper.tick();
  }

  /** As a worker does, which asks where there is no block. @returns how many were admitted */
  async spend(count: number, max: number, consumer = 5): Promise<number> {
    let admitted = 0;
    for (let n = 0; n < count; n++) {
      let left = this.#take(consumer);
      if (left === NO_BLOCK) {
        await this.need(max, consumer);
        left = this.#take(consumer);
      }
      if (left === USED_UP) break;
      if (left >= 0) admitted++;
    }
    return admitted;
  }

  need(max: number, consumer = 5): Promise<void> {
    const key = `quota ${consumer}`;
    return this.keeper.need({
      key,
      low: consumer,
      high: 1,
      quota: 'plan:free/day',
      consumer: `c${consumer}`,
      max,
      calendar: DAY,
    });
  }

  #take(consumer: number): number {
    const slot = this.table.find(consumer, 1);
    const number = this.table.windowAt(DAY, this.clock.us);
    return slot < 0 || number === 0 ? NO_BLOCK : this.table.take(slot, number);
  }
}

async function folder(t: { teardown(end: () => Promise<void>): void }): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'sluice-quota-'));
  t.teardown(() => rm(path, { recursive: true, force: true }));
  return path;
}

t.test('a window has its whole quota and no more, each consumer apart, and the next has it again', async (t) => {
  const rig = new Rig(await folder(t));
  t.equal(await rig.spend(2_000, 1_000), 1_000);
  t.equal(await rig.spend(2_000, 1_000), 0);
  t.equal(await rig.spend(2_000, 300, 6), 300);
  rig.clock.us += 2 * HOUR_US + 1;
  t.equal(await rig.spend(2_000, 1_000), 1_000);
  await rig.keeper.close();
  t.same(rig.troubles, []);
});

t.test('what was not spent is given back at the end, and lost with a crash, which never gives more', async (t) => {
  const path = await folder(t);
  const first = new Rig(path);
  t.equal(await first.spend(100, 1_000), 100);
  await first.keeper.close();
  // This one ends without a word: its block is stranded.
  const second = new Rig(path);
  t.equal(await second.spend(100, 1_000), 100);
  const third = new Rig(path);
  const rest = await third.spend(2_000, 1_000);
  t.ok(rest <= 800 && rest >= 800 - 64, `${rest} of 800 were left`);
  await third.keeper.close();
  await second.keeper.close();
});

t.test('two processes on one folder share the quota', async (t) => {
  const path = await folder(t);
  const rigs = [new Rig(path), new Rig(path)] as const;
  let admitted = 0;
  for (let round = 0; round < 60; round++) {
    for (const rig of rigs) admitted += await rig.spend(20, 500);
  }
  t.ok(admitted <= 500 && admitted >= 500 - 16, `${admitted}`);
  for (const rig of rigs) await rig.keeper.close();
});

t.test('a quota that was raised goes on where it was used up; one that was lowered is over', async (t) => {
  const rig = new Rig(await folder(t));
  t.equal(await rig.spend(200, 100), 100);
  await rig.keeper.refresh();
  t.equal(await rig.spend(200, 150), 50);
  await rig.keeper.refresh();
  t.equal(await rig.spend(200, 120), 0);
  await rig.keeper.close();
});

t.test('counters that cannot be opened are told of, once, and hand out nothing', async (t) => {
  const rig = new Rig('/dev/null/nowhere');
  t.equal(await rig.spend(3, 100), 0);
  t.equal(rig.troubles.length, 1);
  t.match(rig.troubles[0], 'counters of quotas cannot be used');
});

/** Of others, too: what they answer is up to the test. */
class Shared implements QuotaCounters {
  readonly isShared = true;
  readonly asked: number[] = [];
  readonly returned: number[] = [];
  answer: Taken | NoAnswer = { granted: 10, left: 90 };

  async take(_window: unknown, wanted: number): Promise<Taken | NoAnswer> {
    this.asked.push(wanted);
    return this.answer;
  }

  async giveBack(blocks: readonly { readonly count: number }[]): Promise<void> {
    this.returned.push(...blocks.map(({ count }) => count));
  }

  tick(): void {}

  async close(): Promise<void> {}
}

function pass(rig: Rig, seconds: number): void {
  for (let tick = 0; tick < seconds * 10; tick++) {
    rig.clock.us += 100_000;
    rig.keeper.tick();
  }
}

t.test(
  'what is shared and used up is asked for again each second, and at once when the counters are back',
  async (t) => {
    const counters = new Shared();
    const rig = new Rig('', counters);
    counters.answer = { granted: 0, left: 0 };
    t.equal(await rig.spend(50, 100), 0);
    t.equal(counters.asked.length, 1);
    for (let second = 0; second < 10; second++) {
      pass(rig, 1);
      t.equal(await rig.spend(50, 100), 0);
    }
    t.ok(counters.asked.length >= 5 && counters.asked.length <= 11, `${counters.asked.length} in ten seconds`);
    counters.answer = { granted: 3, left: 0 };
    rig.keeper.retry();
    t.equal(await rig.spend(3, 100), 3);
    await rig.keeper.close();
  },
);

t.test(
  'a store that is away is asked no more than that; one answer that is late is asked for again by itself',
  async (t) => {
    const counters = new Shared();
    const rig = new Rig('', counters);
    counters.answer = 'away';
    for (let n = 0; n < 20; n++) t.equal(await rig.spend(1, 100), 0);
    t.equal(counters.asked.length, 1);
    counters.answer = 'late';
    rig.keeper.retry();
    t.equal(await rig.spend(1, 100), 0);
    const asked = counters.asked.length;
    counters.answer = { granted: 2, left: 5 };
    pass(rig, 2);
    t.equal(counters.asked.length, asked + 1);
    t.equal(await rig.spend(2, 100), 2);
    await rig.keeper.close();
  },
);

t.test('what is shared and lies idle goes back, and what is used does not', async (t) => {
  const counters = new Shared();
  const rig = new Rig('', counters);
  t.equal(await rig.spend(4, 100), 4);
  t.equal(await rig.spend(4, 100, 6), 4);
  pass(rig, 8);
  t.equal(await rig.spend(1, 100, 6), 1);
  pass(rig, 8);
  t.same(counters.returned, [6]);
  await rig.keeper.close();
  t.same(counters.returned, [6, 5]);
});
