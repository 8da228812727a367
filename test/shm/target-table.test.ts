import fc from 'fast-check';
import t from 'tap';
import type { TargetIndex } from '../../src/base/ids.ts';
import { TARGET_COUNT, TargetHealth, TargetTable, targetTableLayout } from '../../src/shm/target-table.ts';
import { headerTable, lastNumber, numberIn } from './header-table.ts';

const A = 0 as TargetIndex;
const B = (TARGET_COUNT - 1) as TargetIndex;

t.test('the table in the header comment says what the constants say', async (t) => {
  const [magic, ...rows] = headerTable('target-table.ts');
  t.equal(new Uint32Array(TargetTable.create().buffer)[0], numberIn(magic?.rest ?? '', /(0x[0-9A-F]+)/));
  t.same(Object.fromEntries(rows.map(({ field, offset }) => [field, lastNumber(offset)])), targetTableLayout.target);
  const { headerBytes, targetBytes } = targetTableLayout;
  for (const { offset } of rows) t.match(offset, `${headerBytes} + ${targetBytes}·t + `);
  t.equal(targetBytes, 64, 'a target is a line of its own');
});

t.test('a target that refuses is out for 1, 2, 4 and then 8 seconds, until it answers', async (t) => {
  const table = TargetTable.create();
  let nowMs = 123;
  for (const seconds of [1, 2, 4, 8, 8, 8]) {
    table.countFailure(A, nowMs);
    t.ok(table.isOut(A, nowMs) && table.isOut(A, nowMs + seconds * 1_000 - 1), `${seconds} s`);
    nowMs += seconds * 1_000;
    t.notOk(table.isOut(A, nowMs));
  }
  table.countSuccess(A);
  table.countFailure(A, nowMs);
  t.notOk(table.isOut(A, nowMs + 1_000), 'and starts over');
  t.notOk(table.isOut(B, nowMs), 'another target is not meant');
});

t.test('connects that fail together are one failure', async (t) => {
  const table = TargetTable.create();
  for (let i = 0; i < 100; i++) table.countFailure(A, 5_000 + i);
  t.ok(table.isOut(A, 5_999));
  t.notOk(table.isOut(A, 6_000));
  table.countFailure(A, 6_000);
  t.ok(table.isOut(A, 7_999), 'the next try is the second');
});

t.test('a success brings a target back at once', async (t) => {
  const table = TargetTable.create();
  table.countFailure(A, 0);
  table.countSuccess(A);
  t.notOk(table.isOut(A, 1));
});

t.test('whatever the clock reads, a target is out for its time and no longer, wrapped clocks included', async (t) => {
  const law = fc.property(
    fc.integer({ min: 0, max: 2 ** 45 }),
    fc.integer({ min: 0, max: 2 ** 34 }),
    (startMs, laterMs) => {
      const table = TargetTable.create();
      table.countFailure(A, startMs);
      // Each 49 days, if nobody has asked for the target since, there are 8 s that look like those after the failure.
      const round = laterMs % 2 ** 32;
      fc.pre(laterMs === round ? round < 2 ** 32 - 7_000 : round >= 1_000 && round < 2 ** 32 - 7_000);
      return table.isOut(A, startMs + laterMs) === laterMs < 1_000;
    },
  );
  t.doesNotThrow(() => fc.assert(law, { numRuns: 1_000 }));
});

t.test('turns are numbered for all threads together, and wrap', async (t) => {
  const table = TargetTable.create();
  const other = new TargetTable(table.buffer);
  t.same([table.nextTurn(A), other.nextTurn(A), table.nextTurn(A), table.nextTurn(B)], [0, 1, 2, 0]);
  const { headerBytes, target } = targetTableLayout;
  new Uint32Array(table.buffer)[(headerBytes + target.cursor) / 4] = 0xffff_ffff;
  t.same([table.nextTurn(A), table.nextTurn(A)], [0xffff_ffff, 0]);
});

t.test('a target that takes over an index starts afresh', async (t) => {
  const table = TargetTable.create();
  table.countFailure(A, 0);
  table.nextTurn(A);
  table.reset(A);
  t.notOk(table.isOut(A, 1));
  t.equal(table.nextTurn(A), 0);
});

t.test('a buffer of something else is refused', async (t) => {
  t.throws(() => new TargetTable(new SharedArrayBuffer(1_024)), /is a target table/);
});

t.test('a target that its checks call unhealthy is out, until they call it something else', async (t) => {
  const table = TargetTable.create();
  t.equal(table.health(A), TargetHealth.UNKNOWN);
  table.setHealth(A, TargetHealth.UNHEALTHY, 1_000);
  t.ok(new TargetTable(table.buffer).isOut(A, 1_000_000), 'for every thread, however long');
  t.notOk(table.isOut(B, 1_000));
  table.countSuccess(A);
  t.ok(table.isOut(A, 1_000), 'requests are not asked');
  table.setHealth(A, TargetHealth.HEALTHY, 5_000);
  t.notOk(table.isOut(A, 5_000));
  table.setHealth(A, TargetHealth.UNHEALTHY, 6_000);
  table.reset(A);
  t.equal(table.health(A), TargetHealth.UNKNOWN);
  t.notOk(table.isOut(A, 6_000));
});

t.test('health has an age from when it changed, wrapped clocks included', async (t) => {
  const table = TargetTable.create();
  table.setHealth(A, TargetHealth.HEALTHY, 2 ** 32 - 100);
  table.setHealth(A, TargetHealth.HEALTHY, 2 ** 32 + 50);
  t.equal(table.healthAgeMs(A, 2 ** 32 + 200), 300);
});

t.test('connects that fail are counted though the checks have failed before', async (t) => {
  const table = TargetTable.create();
  table.setHealth(A, TargetHealth.UNHEALTHY, 0);
  table.countFailure(A, 0);
  table.setHealth(A, TargetHealth.HEALTHY, 10);
  t.ok(table.isOut(A, 999));
  t.notOk(table.isOut(A, 1_000));
});
