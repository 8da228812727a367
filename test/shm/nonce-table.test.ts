import fc from 'fast-check';
import t from 'tap';
import { NonceOutcome, NonceTable, nonceTableLayout } from '../../src/shm/nonce-table.ts';
import { headerTable, lastNumber, numberIn } from './header-table.ts';

const SECOND_US = 1_000_000;

t.test('the table in the header comment says what the constants say', async (t) => {
  const rows = new Map(headerTable('nonce-table.ts').map((row) => [row.field.replace(/\[.*/, ''), row]));
  const { headerBytes, header, pageBytes, page, entryBytes, entry, entriesPerPage } = nonceTableLayout;
  t.equal(new Uint32Array(NonceTable.create(1).buffer)[0], numberIn(rows.get('magic')?.rest ?? '', /(0x[0-9A-F]+)/));
  const plain = (field: string) => rows.get(field)?.offset.replaceAll(',', '');
  for (const [field, offset] of Object.entries(header)) t.equal(plain(field), String(offset), field);
  t.equal(plain('lock'), `${headerBytes} + ${pageBytes}·p + ${page.lock}`);
  for (const [field, offset] of Object.entries(entry)) {
    t.equal(plain(field), `${headerBytes} + ${pageBytes}·p + ${page.entries} + ${entryBytes}·e + ${offset}`, field);
  }
  t.equal(lastNumber(rows.get('counts')?.field.replace(/\]/, '') ?? ''), Object.keys(NonceOutcome).length);
  t.equal(page.entries + entryBytes * entriesPerPage, pageBytes);
  t.equal(headerBytes % 64, 0);
});

t.test('a nonce counts once until its time is over, whatever else is added', async (t) => {
  const nonce = fc.tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 0, max: 3 }));
  const step = fc.record({ nonce, passS: fc.integer({ min: 0, max: 40 }), ttlS: fc.integer({ min: 1, max: 60 }) });
  const law = fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
    const table = NonceTable.create(2);
    const until = new Map<string, number>();
    let nowS = 10;
    for (const { nonce: each, passS, ttlS } of steps) {
      nowS += passS;
      const isNew = (until.get(each.join()) ?? 0) <= nowS;
      const outcome = table.add(each[0], each[1], nowS * SECOND_US, (nowS + ttlS) * SECOND_US);
      if (outcome !== (isNew ? NonceOutcome.ACCEPTED : NonceOutcome.REPLAYED)) return false;
      if (isNew) until.set(each.join(), nowS + ttlS);
    }
    return true;
  });
  t.doesNotThrow(() => fc.assert(law, { numRuns: 300 }));
});

t.test('fractions of seconds are remembered too long rather than too short', async (t) => {
  const table = NonceTable.create(1);
  table.add(1, 2, 1_900_000, 2_100_000);
  t.equal(table.add(1, 2, 2_999_999, 9_000_000), NonceOutcome.REPLAYED);
  t.equal(table.add(1, 2, 3_000_000, 9_000_000), NonceOutcome.ACCEPTED);
});

t.test('a full page refuses what is new and forgets nothing; a page whose holder is gone refuses all', async (t) => {
  const table = NonceTable.create(2);
  const { entriesPerPage, headerBytes } = nonceTableLayout;
  for (let n = 1; n <= entriesPerPage; n++) t.equal(table.add(n, 2, 0, SECOND_US * n), NonceOutcome.ACCEPTED);
  t.equal(table.add(1_000, 2, 0, SECOND_US), NonceOutcome.FULL);
  for (let n = 1; n <= entriesPerPage; n++) t.equal(table.add(n, 2, 0, SECOND_US), NonceOutcome.REPLAYED);
  t.equal(table.add(1_000, 1, 0, SECOND_US), NonceOutcome.ACCEPTED, 'another page has room');
  t.equal(table.add(1_000, 2, SECOND_US, 9 * SECOND_US), NonceOutcome.ACCEPTED, 'one is over');
  t.equal(table.add(1_001, 2, SECOND_US, 9 * SECOND_US), NonceOutcome.FULL);
  Atomics.store(new Int32Array(table.buffer), headerBytes / 4, 1);
  t.equal(table.add(7, 4, 0, SECOND_US), NonceOutcome.FULL);
});

t.test('outcomes are counted', async (t) => {
  const table = NonceTable.create(1);
  table.count(NonceOutcome.LOST);
  table.count(NonceOutcome.LOST);
  table.count(NonceOutcome.ACCEPTED);
  t.same(
    [NonceOutcome.ACCEPTED, NonceOutcome.REPLAYED, NonceOutcome.FULL, NonceOutcome.LOST].map((o) => table.countOf(o)),
    [1, 0, 0, 2],
  );
});
