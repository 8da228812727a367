import fc from 'fast-check';
import t from 'tap';
import type { WorkerIndex } from '../../src/base/ids.ts';
import { ERROR_ID_COUNT } from '../../src/gateway/pipeline/errors.ts';
import { SHADOW_ENTRY_COUNT, ShadowTable, shadowTableLayout } from '../../src/shm/shadow-table.ts';
import { headerTable, lastNumber, numberIn } from './header-table.ts';

const FIRST = 0 as WorkerIndex;
const SECOND = 1 as WorkerIndex;
const NAMELESS = 64;

t.test('the table in the header comment says what the constants say', async (t) => {
  const rows = new Map(headerTable('shadow-table.ts').map((row) => [row.field.replace(/\[.*/, ''), row]));
  const { headerBytes, entryBytes, entry, banksByte, bankBytes, bank } = shadowTableLayout;
  t.equal(new Uint32Array(ShadowTable.create(1).buffer)[0], numberIn(rows.get('magic')?.rest ?? '', /(0x[0-9A-F]+)/));
  for (const [field, offset] of Object.entries(entry)) {
    t.equal(rows.get(field)?.offset, `${headerBytes} + ${entryBytes}·e + ${offset}`, field);
  }
  const plain = (field: string) => rows.get(field)?.offset.replaceAll(',', '');
  t.equal(plain('counts'), `${banksByte} + ${bankBytes}·w + 4·e`);
  t.equal(plain('high'), `${banksByte} + ${bankBytes}·w + ${bank.high}`);
  t.equal(numberIn(rows.get('high')?.field ?? '', /\[([\d,]+)\]/), SHADOW_ENTRY_COUNT);
  t.equal(lastNumber(rows.get('workerCount')?.offset ?? ''), shadowTableLayout.header.workerCount);
  t.ok(ERROR_ID_COUNT <= NAMELESS, 'every error has a nameless entry');
  for (const bytes of [headerBytes, entryBytes, banksByte, bankBytes]) t.equal(bytes % 64, 0);
});

t.test('each pair of a place and an error is counted by itself, over all workers', async (t) => {
  const place = fc.constantFrom('shop.rate-limit.1', 'shop.a.rate-limit.1', 'shop.a.auth.1', 'x'.repeat(192));
  const event = fc.tuple(fc.constantFrom(FIRST, SECOND), place, fc.integer({ min: 1, max: ERROR_ID_COUNT - 1 }));
  const law = fc.property(fc.array(event, { maxLength: 60 }), (events) => {
    const table = ShadowTable.create(2);
    const views = [table, new ShadowTable(table.buffer)];
    const expected = new Map<string, number>();
    for (const [worker, name, errorId] of events) {
      const view = views[worker] as ShadowTable;
      view.count(worker, view.entryOf(name, errorId));
      expected.set(`${name} ${errorId}`, (expected.get(`${name} ${errorId}`) ?? 0) + 1);
    }
    const counted = table.counts().map((c) => [`${c.place} ${c.errorId}`, c.count] as const);
    return counted.length === expected.size && counted.every(([key, count]) => expected.get(key) === count);
  });
  t.doesNotThrow(() => fc.assert(law, { numRuns: 100 }));
});

t.test('past its room, policies share an entry for each error, and no count is lost', async (t) => {
  const table = ShadowTable.create(1);
  const room = SHADOW_ENTRY_COUNT - NAMELESS;
  for (let n = 0; n < room + 5; n++) table.count(FIRST, table.entryOf(`shop.route-${n}.auth.1`, 5));
  table.count(FIRST, table.entryOf('shop.one-more.rate-limit.1', 14));
  const nameless = table.counts().filter(({ place }) => place === '');
  t.same(nameless, [
    { place: '', errorId: 5, count: 5 },
    { place: '', errorId: 14, count: 1 },
  ]);
  t.equal(
    table.counts().reduce((sum, { count }) => sum + count, 0),
    room + 6,
  );
  t.equal(table.entryOf('shop.route-7.auth.1', 5), table.entryOf('shop.route-7.auth.1', 5), 'the named ones stay');
});

t.test('an entry that another thread is naming is passed over, and two of one policy are added up', async (t) => {
  const table = ShadowTable.create(1);
  const first = table.entryOf('shop.auth.1', 5);
  table.count(FIRST, first);
  const words = new Int32Array(table.buffer);
  const state = (shadowTableLayout.headerBytes + shadowTableLayout.entryBytes * first) / 4;
  words[state] = 1;
  const second = table.entryOf('shop.auth.1', 5);
  t.not(second, first);
  table.count(FIRST, second);
  t.same(table.counts(), [{ place: 'shop.auth.1', errorId: 5, count: 1 }], 'while it is being named');
  words[state] = 2;
  t.same(table.counts(), [{ place: 'shop.auth.1', errorId: 5, count: 2 }]);
});

t.test('a name that is too long is cut', async (t) => {
  const table = ShadowTable.create(1);
  table.count(FIRST, table.entryOf('n'.repeat(500), 5));
  t.same(table.counts(), [{ place: 'n'.repeat(192), errorId: 5, count: 1 }]);
});

t.test('a buffer of something else is refused', async (t) => {
  t.throws(() => new ShadowTable(new SharedArrayBuffer(1_024)), /is a shadow table/);
});
