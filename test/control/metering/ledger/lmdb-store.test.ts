import { mkdirSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { LmdbStore } from '../../../../src/control/metering/ledger/lmdb-store.ts';
import { storeSuite } from './store.suite.ts';
import { callsBy, deltaOf, openStore, total } from './usage-rig.ts';

// 2026-11-26T04:00Z
const NOW = Date.UTC(2026, 10, 26, 4) / 60_000;
const DAY_MS = 86_400_000;
const retention = { minuteMs: 2 * DAY_MS, hourMs: 90 * DAY_MS, dayMs: 730 * DAY_MS, monthMs: 3_650 * DAY_MS };

storeSuite(async (t) => openStore(t));

t.test('what is older than it has to be kept goes, minutes once they are in the hours', async (t) => {
  const store = openStore(t);
  const old = NOW - 3 * 1_440;
  store.apply(deltaOf('one', 1, [{ minute: old, count: 5 }, { minute: NOW - 10 }]), NOW);
  store.prune(retention, NOW);
  t.same(await callsBy(store, 'minute'), { [`${old} alice`]: 5, [`${NOW - 10} alice`]: 1 }, 'not rolled up yet');
  while (store.rollUp(NOW));
  t.equal(store.prune(retention, NOW), false);
  t.same(await callsBy(store, 'minute'), { [`${NOW - 10} alice`]: 1 });
  t.equal(total(await callsBy(store, 'hour')), 6);
  // A hundred days later.
  store.prune(retention, NOW + 100 * 1_440);
  t.same(await callsBy(store, 'hour'), {});
  t.equal(total(await callsBy(store, 'day')), 6);
  store.prune(retention, NOW + 800 * 1_440);
  t.same(await callsBy(store, 'day'), {});
  t.equal(total(await callsBy(store, 'month')), 6);
  t.ok(store.apply(deltaOf('one', 1, [{ minute: NOW }]), NOW), 'its instance was forgotten after a week');
});

t.test('a folder that is none, and a file that is no store, are said', async (t) => {
  const folder = t.testdir({ file: '' });
  t.throws(() => LmdbStore.open(join(folder, 'file')), /ENOTDIR|EEXIST/);
  mkdirSync(join(folder, 'ledger'));
  const data = join(folder, 'ledger', 'data.mdb');
  for (const content of ['x', 'no database at all'.repeat(1_000)]) {
    writeFileSync(data, content);
    t.throws(() => LmdbStore.open(folder), /data\.mdb is no store of the ledger, or a damaged one/);
  }
  writeFileSync(data, '');
  const store = LmdbStore.open(folder);
  for (let n = 1; n <= 20; n++) store.apply(deltaOf('one', n, [{ minute: NOW, route: `route-${n}` }]), NOW);
  await store.close();
  const { size } = statSync(data);
  for (const bytes of [100, 4_096, 8_192]) {
    truncateSync(data, bytes);
    t.throws(() => LmdbStore.open(folder), /damaged/, `${bytes} of ${size} bytes`);
  }
});
