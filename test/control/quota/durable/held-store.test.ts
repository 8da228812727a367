import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { HeldStore, SEAT_COUNT } from '../../../../src/control/quota/durable/held-store.ts';

const HOUR_MS = 3_600_000;

const folder = await mkdtemp(join(tmpdir(), 'sluice-held-'));
t.teardown(() => rm(folder, { recursive: true, force: true }));

t.test('lives share a name and take turns in its seats; the next begins above the last', async (t) => {
  const holders: string[] = [];
  let last = 0;
  for (let life = 0; life <= SEAT_COUNT; life++) {
    const held = await HeldStore.open(folder);
    holders.push(held.holder);
    t.ok(held.firstSequence > last && Number.isSafeInteger(held.firstSequence));
    last = held.firstSequence + 2 ** 31;
    await held.add('plan:a/day\nalice\nday\n0', 10, HOUR_MS);
    await held.close();
  }
  t.equal(new Set(holders).size, SEAT_COUNT);
  t.equal(holders[0], holders[SEAT_COUNT]);
  t.equal(new Set(holders.map((holder) => holder.slice(0, -1))).size, 1);
});

t.test('a life tells what all have had, page by page, and keeps what a seat had', async (t) => {
  const one = await HeldStore.open(folder);
  const other = await HeldStore.open(folder);
  t.not(one.holder, other.holder, 'two at once are two');
  const [first] = one.list('', 1);
  t.match(first, { id: 'plan:a/day\nalice\nday\n0', endMs: HOUR_MS });
  const all = [first, ...one.list(first?.key ?? '', 100)];
  t.same(all.map((each) => each?.total).toSorted(), [10, 10, 10, 20], 'the first seat was taken twice');
  t.equal(await one.add('plan:a/day\nalice\nday\n0', 5, HOUR_MS), 15);
  t.equal(await one.add('plan:a/day\nalice\nday\n0', -3, HOUR_MS), 12);
  t.equal(one.totalOf('plan:a/day\nalice\nday\n0'), 12);
  t.equal(one.totalOf('plan:a/day\nbob\nday\n0'), 0);
  await one.settle('server:1');
  await Promise.all([one.close(), other.close()]);
  const later = await HeldStore.open(folder);
  t.equal(later.marker, 'server:1');
  await later.prune(25 * HOUR_MS);
  t.equal(later.list('', 100).length, 4, 'a day is grace');
  await later.prune(26 * HOUR_MS);
  t.equal(later.list('', 100).length, 0);
  await later.close();
});
