import fc from 'fast-check';
import t from 'tap';
import type { TargetIndex, WorkerIndex } from '../../src/base/ids.ts';
import { TARGET_COUNT, TargetHealth, TargetTable, targetTableLayout } from '../../src/shm/target-table.ts';
import { headerTable, lastNumber, numberIn } from './header-table.ts';

const A = 0 as TargetIndex;
const B = (TARGET_COUNT - 1) as TargetIndex;

t.test('the table in the header comment says what the constants say', async (t) => {
  const [magic, workerCount, ...rows] = headerTable('target-table.ts');
  const table = TargetTable.create(3);
  t.same([...new Uint32Array(table.buffer).slice(0, 2)], [numberIn(magic?.rest ?? '', /(0x[0-9A-F]+)/), 3]);
  t.same(targetTableLayout.header, { magic: Number(magic?.offset), workerCount: Number(workerCount?.offset) });
  const { headerBytes, targetBytes, heldBytes, targetCount } = targetTableLayout;
  const fieldsAt = (start: string) =>
    Object.fromEntries(
      rows
        .filter(({ offset }) => offset.startsWith(start))
        .map(({ field, offset }) => [field.replace(/\[\d+\]$/, ''), lastNumber(offset)]),
    );
  t.same(fieldsAt(`${headerBytes} + ${targetBytes}·t + `), targetTableLayout.target);
  t.same(fieldsAt(`${headerBytes} + ${targetBytes}·T + ${heldBytes}·(T·w + t) + `), targetTableLayout.held);
  t.equal(targetBytes, 128, 'a target has two lines of its own');
  t.equal(table.buffer.byteLength, headerBytes + (targetBytes + 3 * heldBytes) * targetCount);
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
  table.countSuccess(A, nowMs);
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
  t.ok(table.countSuccess(A, 1));
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
  table.countSuccess(A, 1_000);
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

t.test('what is under way is counted for all workers, and a dead worker gives back its own', async (t) => {
  const table = TargetTable.create(2);
  const [first, second] = [0, 1] as WorkerIndex[];
  if (first === undefined || second === undefined) return;
  for (let n = 0; n < 3; n++) table.enter(A, first);
  for (let n = 0; n < 2; n++) table.enter(A, second);
  table.enter(B, second);
  table.countLoose(A, second, 4);
  t.same([table.inFlight(A), table.underWay(A)], [5, 9]);
  table.leave(A, first);
  table.zeroWorker(second);
  t.same([table.inFlight(A), table.underWay(A), table.inFlight(B)], [2, 2, 0]);
  table.reset(A);
  t.same([table.inFlight(A), table.underWay(A)], [2, 2], 'it leaves by itself, whosever the index is by then');
});

t.test('the n-th ejection in a row lasts n times as long, up to ten times; a good time starts over', async (t) => {
  const table = TargetTable.create();
  let nowMs = 5_000;
  for (const times of [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10, 10]) {
    t.ok(table.eject(A, nowMs, 100));
    t.notOk(table.eject(A, nowMs + 1, 100), 'once for all workers');
    t.ok(table.isOut(A, nowMs + times * 100 - 1) && table.isOnTrial(A), `${times} times`);
    nowMs += times * 100;
    t.notOk(table.isOut(A, nowMs));
    nowMs += 50;
  }
  t.ok(table.countAnswer(A, nowMs), 'the trial is over');
  t.notOk(table.countAnswer(A, nowMs + 900));
  t.ok(table.eject(A, nowMs + 1_000, 100));
  t.notOk(table.isOut(A, nowMs + 1_100), 'as the first time');
  t.equal(table.ejectionCount(A), 13);
});

t.test('tries that began before a target came back, and those alone, are told from others', async (t) => {
  const law = fc.property(
    fc.integer({ min: 0, max: 2 ** 45 }),
    fc.integer({ min: 1, max: 6_000_000 }),
    fc.integer({ min: -3_600_000, max: 2 ** 30 }),
    (nowMs, forMs, afterMs) => {
      const table = TargetTable.create();
      table.eject(A, nowMs + 2 ** 22, forMs);
      return table.isBeforeReturn(A, nowMs + 2 ** 22 + afterMs) === afterMs < forMs;
    },
  );
  t.doesNotThrow(() => fc.assert(law, { numRuns: 300 }));
  t.notOk(TargetTable.create().isBeforeReturn(A, 0), 'of one that was never out, none');
});

t.test('a window of tries looks back for its length, and forgets what is older', async (t) => {
  const table = TargetTable.create();
  const counts = { tries: 0, failed: 0, meanUs: 0 };
  const read = (nowMs: number) => {
    table.readTries(A, nowMs, 1_000, counts);
    return [counts.tries, counts.failed, Math.round(counts.meanUs / 64)];
  };
  for (let n = 0; n < 10; n++) table.countTry(A, n < 4, n * 6_400, 10_000 + n, 1_000);
  t.same(read(10_500), [10, 4, 650]);
  t.same(read(11_000), [10, 4, 650], 'the window before counts in full at the start of the next');
  t.same(read(11_750), [2.5, 1, 650], 'and for what still reaches into the last second');
  table.countTry(A, true, 0, 11_800, 1_000);
  t.same(
    read(11_800).map((count) => Number(count?.toFixed(6))),
    [3, 1.8, 650],
  );
  table.countTry(A, true, 0, 10_999, 1_000);
  t.same(read(11_999)[0]?.toFixed(2), '2.01', 'a worker that is a tick behind counts in the window of now');
  t.same(read(13_000), [0, 0, 0]);
});

t.test('the share of a new target starts to grow when it is first seen, and again when it comes back', async (t) => {
  const table = TargetTable.create();
  t.equal(table.serviceTimeMs(A, 7_000), 0);
  t.equal(table.serviceTimeMs(A, 9_000), 2_000);
  table.countFailure(A, 10_000);
  t.ok(table.serviceTimeMs(A, 10_500) < 0, 'it is out');
  t.equal(table.serviceTimeMs(A, 11_200), 200, 'it has been back for so long');
  table.countFailure(A, 11_300);
  table.countSuccess(A, 11_400);
  t.equal(table.serviceTimeMs(A, 11_500), 100);
  const { headerBytes, target } = targetTableLayout;
  const words = new Int32Array(table.buffer);
  words[(headerBytes + target.health) / 4] = TargetHealth.HEALTHY;
  words[(headerBytes + target.healthSinceMs) / 4] = 11_450;
  t.equal(table.serviceTimeMs(A, 11_500), 50, 'since active checks say so');
  words[(headerBytes + target.health) / 4] = TargetHealth.UNHEALTHY;
  t.ok(table.isOut(A, 12_000) && !table.isEjected(A, 12_000));
});
