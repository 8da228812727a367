import t from 'tap';
import type { LimitIndex } from '../../src/base/ids.ts';
import { type LimitRecord, LimitTable, limitTableLayout, type MutableLimitRecord } from '../../src/shm/limit-table.ts';

const limit = 2 as LimitIndex;

function record(changes: Partial<LimitRecord> = {}): LimitRecord {
  return {
    v0: -5,
    t0Us: 2 ** 40 + 7,
    mantissa: 2 ** 31 - 1,
    shift: 47,
    resolution: 18,
    burst: 1_000_000,
    generation: 0xffff,
    staleUnits: 2 ** 30 + 2 ** 29,
    startDebtUnits: 11,
    debtUnitsMax: 2 ** 30,
    follows: false,
    algorithm: 2,
    windowMs: 86_400_000,
    alignUs: -(2 ** 40) - 3,
    ...changes,
  };
}

t.test('the layout is the one in the table', async (t) => {
  const table = LimitTable.create(4, 64);
  table.claim(limit, 123, -456);
  table.writeRecord(limit, record());
  table.startOverflow(limit, 7, -9);
  const view = new DataView(table.buffer);
  const entry = limitTableLayout.headerBytes + limitTableLayout.entryBytes * limit;
  t.equal(view.getUint32(0, true), 0x51c1ce05);
  t.equal(view.getUint32(4, true), 4);
  t.equal(view.getUint32(8, true), 64);
  t.equal(view.getUint32(entry, true), 1, 'sequence');
  t.equal(view.getInt32(entry + 4, true), 123);
  t.equal(view.getInt32(entry + 8, true), -456);
  t.equal(view.getUint32(entry + 12, true), 1);
  t.equal(view.getInt32(entry + 64 + 4, true), -9, 'an odd generation has the second overflow word');
  const at = entry + limitTableLayout.recordsByte + limitTableLayout.recordBytes * 1;
  t.equal(view.getUint32(at + limitTableLayout.record.t0Low, true), 7);
  t.equal(view.getUint32(at + limitTableLayout.record.t0High, true), 256);
  t.equal(limitTableLayout.entryBytes, limitTableLayout.recordsByte + 4 * limitTableLayout.recordBytes);
  t.equal(table.buffer.byteLength, 64 + 4 * 384 + 64 * 16 + 8 * 8 + 64 * 64);
});

t.test('a record comes back as it was written, in another thread’s view of the buffer too', async (t) => {
  const table = LimitTable.create(4, 64);
  table.writeRecord(limit, record());
  const into = {} as MutableLimitRecord;
  const other = new LimitTable(table.buffer);
  t.equal(other.copyRecord(limit, 2 ** 41, into), other.sequenceOf(limit));
  t.same(into, record());
  t.equal(other.generationOf(limit), 0xffff);
});

t.test('before a record is in force, its predecessor is the one to go by', async (t) => {
  const table = LimitTable.create(4, 64);
  const into = {} as MutableLimitRecord;
  for (let n = 0; n < 9; n++) {
    table.writeRecord(limit, record({ t0Us: 1_000 * n + 5, burst: n + 1, follows: n > 0 }));
    table.copyRecord(limit, 1_000 * n + 4.999, into);
    t.equal(into.burst, n === 0 ? 1 : n, 'a moment before');
    table.copyRecord(limit, 1_000 * n + 5, into);
    t.equal(into.burst, n + 1, 'from then on');
    t.equal(table.newestStartUs(limit), 1_000 * n + 5);
  }
});

t.test('an entry is claimed once, and counts what happened to its keys', async (t) => {
  const table = LimitTable.create(4, 64);
  t.notOk(table.isUsed(limit));
  table.claim(limit, 1, 2);
  t.throws(() => table.claim(limit, 1, 2), /unused/);
  table.countOverflow(limit);
  table.countOverflow(limit);
  table.countBusy(limit);
  t.equal(table.overflowCount(limit), 2);
  t.equal(table.busyCount(limit), 1);
  table.vacate(limit);
  t.notOk(table.isUsed(limit));
});

t.test('overflow words of two generations are apart, and exchanged like slots', async (t) => {
  const table = LimitTable.create(4, 64);
  table.startOverflow(limit, 4, 40);
  table.startOverflow(limit, 5, 50);
  t.notOk(table.exchangeOverflowTat(limit, 4, 41, 42));
  t.ok(table.exchangeOverflowTat(limit, 4, 40, 42));
  t.equal(table.overflowTat(limit, 4), 42);
  t.equal(table.overflowTat(limit, 5), 50);
  t.equal(table.overflowTat(limit, 7), 50);
});

t.test('anything else is not taken for a limit table', async (t) => {
  t.throws(() => new LimitTable(new SharedArrayBuffer(1_024)), /limit table/);
  t.throws(() => new LimitTable(new SharedArrayBuffer(4)), /header/);
  t.throws(() => LimitTable.create(16_385, 64), /14 bits/);
  t.throws(() => LimitTable.create(1, 48), /power of 2/);
});
