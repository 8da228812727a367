import { mkdirSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { RESOLUTIONS, stepStart } from '../../../../src/control/metering/ledger/calendar.ts';
import { UsageStore } from '../../../../src/control/metering/ledger/usage-store.ts';
import { type Call, callsBy, deltaOf, openStore } from './usage-rig.ts';

// 2026-11-26T04:00Z
const NOW = Date.UTC(2026, 10, 26, 4) / 60_000;
const DAY_MS = 86_400_000;
const retention = { minuteMs: 2 * DAY_MS, hourMs: 90 * DAY_MS, dayMs: 730 * DAY_MS, monthMs: 3_650 * DAY_MS };

const call = fc.record({
  // Up to 50 days ago, in few different minutes.
  minute: fc.nat(40).map((step) => NOW - step * 1_777),
  consumer: fc.constantFrom('alice', 'bob'),
  count: fc.integer({ min: 1, max: 3 }),
});

t.test('a delta counts once, however often it is sent, and those of others beside it', async (t) => {
  const store = openStore(t);
  let run = 0;
  const deltas = fc.array(fc.array(call, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 4 });
  const law = fc.property(deltas, deltas, fc.array(fc.nat(9), { maxLength: 8 }), (ours, theirs, replays) => {
    const before = total(callsBy(store, 'minute'));
    run++;
    const sent = [
      ...ours.map((calls, at) => deltaOf(`ours-${run}`, at + 1, calls)),
      ...theirs.map((calls, at) => deltaOf(`theirs-${run}`, at + 1, calls)),
    ];
    const applied = sent.map((delta, at) => {
      const isNew = store.apply(delta, NOW);
      // Any that was sent until now, again.
      const replayed = replays.map((pick) => store.apply(sent[pick % (at + 1)] as (typeof sent)[number], NOW));
      return isNew && !replayed.includes(true);
    });
    const expected = [...ours, ...theirs].flat().reduce((sum, { count }) => sum + count, 0);
    return !applied.includes(false) && total(callsBy(store, 'minute')) - before === expected;
  });
  t.doesNotThrow(() => fc.assert(law, { numRuns: 15 }));
});

t.test('a delta without the one before it is refused, and changes nothing', async (t) => {
  const store = openStore(t);
  t.ok(store.apply(deltaOf('one', 1, [{ minute: NOW }]), NOW));
  t.throws(() => store.apply(deltaOf('one', 3, [{ minute: NOW }]), NOW), /delta 2 of one is missing before 3/);
  t.ok(store.apply(deltaOf('one', 2, [{ minute: NOW }]), NOW));
  t.ok(store.apply(deltaOf('other', 7, [{ minute: NOW }]), NOW), 'whoever finds an empty store begins where it is');
  t.same(callsBy(store, 'minute'), { [`${NOW} alice`]: 3 });
});

t.test(
  'hours, days and months are the sums of their minutes, whenever these were rolled up, or came late',
  async (t) => {
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.array(call, { minLength: 1, maxLength: 3 }) },
      fc.record({ rollUps: fc.integer({ min: 1, max: 6 }), now: fc.nat(60).map((hours) => NOW - hours * 600) }),
    );
    const law = fc.asyncProperty(fc.array(step, { maxLength: 10 }), async (steps) => {
      const ends: (() => Promise<void>)[] = [];
      const store = openStore({ teardown: (end) => void ends.push(end) });
      const calls: Call[] = [];
      let sequence = 0;
      for (const each of steps) {
        if ('rollUps' in each) for (let n = 0; n < each.rollUps && store.rollUp(each.now); n++);
        else {
          store.apply(deltaOf('one', ++sequence, each), NOW);
          calls.push(...each);
        }
      }
      for (const resolution of RESOLUTIONS) {
        const expected: Record<string, number> = {};
        for (const { minute, consumer, count = 0 } of calls) {
          const name = `${stepStart(resolution, minute)} ${consumer}`;
          expected[name] = (expected[name] ?? 0) + count;
        }
        t.same(
          callsBy(store, resolution, (minute) => stepStart(resolution, minute)),
          expected,
          resolution,
        );
      }
      await ends[0]?.();
    });
    await t.resolves(fc.assert(law, { numRuns: 15 }));
  },
);

t.test('what is older than it has to be kept goes, minutes once they are in the hours', async (t) => {
  const store = openStore(t);
  const old = NOW - 3 * 1_440;
  store.apply(deltaOf('one', 1, [{ minute: old, count: 5 }, { minute: NOW - 10 }]), NOW);
  store.prune(retention, NOW);
  t.same(callsBy(store, 'minute'), { [`${old} alice`]: 5, [`${NOW - 10} alice`]: 1 }, 'not rolled up yet');
  while (store.rollUp(NOW));
  t.equal(store.prune(retention, NOW), false);
  t.same(callsBy(store, 'minute'), { [`${NOW - 10} alice`]: 1 });
  t.equal(total(callsBy(store, 'hour')), 6);
  // A hundred days later.
  store.prune(retention, NOW + 100 * 1_440);
  t.same(callsBy(store, 'hour'), {});
  t.equal(total(callsBy(store, 'day')), 6);
  store.prune(retention, NOW + 800 * 1_440);
  t.same(callsBy(store, 'day'), {});
  t.equal(total(callsBy(store, 'month')), 6);
  t.ok(store.apply(deltaOf('one', 1, [{ minute: NOW }]), NOW), 'its instance was forgotten after a week');
});

t.test('a folder that is none, and a file that is no store, are said', async (t) => {
  const folder = t.testdir({ file: '' });
  t.throws(() => UsageStore.open(join(folder, 'file')), /ENOTDIR|EEXIST/);
  mkdirSync(join(folder, 'ledger'));
  const data = join(folder, 'ledger', 'data.mdb');
  for (const content of ['x', 'no database at all'.repeat(1_000)]) {
    writeFileSync(data, content);
    t.throws(() => UsageStore.open(folder), /data\.mdb is no store of the ledger, or a damaged one/);
  }
  writeFileSync(data, '');
  const store = UsageStore.open(folder);
  for (let n = 1; n <= 20; n++) store.apply(deltaOf('one', n, [{ minute: NOW, route: `route-${n}` }]), NOW);
  await store.close();
  const { size } = statSync(data);
  for (const bytes of [100, 4_096, 8_192]) {
    truncateSync(data, bytes);
    t.throws(() => UsageStore.open(folder), /damaged/, `${bytes} of ${size} bytes`);
  }
});

function total(sums: Record<string, number>): number {
  return Object.values(sums).reduce((sum, count) => sum + count, 0);
}
