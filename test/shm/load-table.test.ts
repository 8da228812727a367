import fc from 'fast-check';
import t from 'tap';
import type { LoadIndex, WorkerIndex } from '../../src/base/ids.ts';
import {
  LOAD_COUNT,
  LoadTable,
  loadTableLayout,
  SAMPLE_COUNT_MAX,
  SHED_CAUSE_COUNT,
  ShedCause,
} from '../../src/shm/load-table.ts';
import { headerTable, lastNumber, numberIn } from './header-table.ts';

const A = 0 as LoadIndex;
const B = (LOAD_COUNT - 1) as LoadIndex;
const W0 = 0 as WorkerIndex;
const W1 = 1 as WorkerIndex;
const W2 = 2 as WorkerIndex;
const MANY = 1_000;

t.test('the table in the header comment says what the constants say', async (t) => {
  const [magic, workerCount, ...rows] = headerTable('load-table.ts');
  const words = new Uint32Array(LoadTable.create(3).buffer);
  t.equal(words[0], numberIn(magic?.rest ?? '', /(0x[0-9A-F]+)/));
  t.equal(words[lastNumber(workerCount?.offset ?? '') / 4], 3);
  const told = (prefix: string) =>
    Object.fromEntries(
      rows
        .filter(({ offset }) => offset.startsWith(prefix))
        .map(({ field, offset }) => [field.replace(/\[\d+\]/, ''), lastNumber(offset)]),
    );
  const { headerBytes, upstreamBytes, rowBytes } = loadTableLayout;
  t.same(told(`${headerBytes} + (${upstreamBytes} + ${rowBytes}·W)·u + `), loadTableLayout.upstream);
  t.same(told('row + '), loadTableLayout.row);
  t.equal(rows.length, Object.keys({ ...loadTableLayout.upstream }).length + Object.keys(loadTableLayout.row).length);
  t.ok(upstreamBytes % 64 === 0 && rowBytes % 64 === 0, 'what different writers write lies on different lines');
  t.equal((loadTableLayout.upstream.atLevel - loadTableLayout.upstream.sheds) / 4 >= SHED_CAUSE_COUNT, true);
});

t.test(
  'no interleaving of workers has more under way than the cap, and all that is given back is free again',
  async (t) => {
    const step = fc.record({
      worker: fc.nat(2),
      level: fc.nat(15),
      cap: fc.integer({ min: 1, max: 6 }),
      enters: fc.boolean(),
    });
    const law = fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const table = LoadTable.create(3);
      const held: { worker: WorkerIndex; level: number }[] = [];
      for (const { worker, level, cap, enters } of steps) {
        const before = held.length;
        if (enters) {
          const isIn = table.enter(A, worker as WorkerIndex, level, cap);
          if (isIn !== before < cap) return false;
          if (isIn) held.push({ worker: worker as WorkerIndex, level });
        } else {
          const one = held.shift();
          if (one !== undefined) table.leave(A, one.worker, one.level);
        }
        if (table.read(A, 'inFlight') !== held.length) return false;
        if (table.atLevel(A, level) !== held.filter((one) => one.level === level).length) return false;
      }
      return table.read(B, 'inFlight') === 0;
    });
    t.doesNotThrow(() => fc.assert(law, { numRuns: 300 }));
  },
);

t.test('what was not held cannot be given back', async (t) => {
  const table = LoadTable.create(2);
  table.enter(A, W0, 0, 9);
  table.leave(A, W1, 0);
  t.equal(table.read(A, 'inFlight'), 1);
});

t.test('the window remembers the most that were under way at once', async (t) => {
  const table = LoadTable.create(1);
  for (let i = 0; i < 3; i++) table.enter(A, W0, 0, 9);
  table.leave(A, W0, 0);
  t.equal(table.read(A, 'peak'), 3);
  t.equal(table.read(A, 'ended'), 1);
});

t.test('of a window, so many latencies are added up that their sum fits, whatever they are', async (t) => {
  const table = LoadTable.create(2);
  let taken = 0;
  while (table.addSample(A, 1e12)) taken++;
  t.equal(taken, SAMPLE_COUNT_MAX - 2, 'one short per worker: each may be about to add one');
  const sum = table.take(A, 'sampleSum');
  const count = table.take(A, 'sampleCount');
  t.equal(count, taken);
  t.equal(sum / count, 2 ** 23 - 1, 'one counts as 33 s at most');
  t.same([table.take(A, 'sampleSum'), table.take(A, 'sampleCount')], [0, 0]);
});

t.test('a free place is not for a request while one of a higher priority waits on another worker', async (t) => {
  const table = LoadTable.create(3);
  const isForeign = (level: number) => table.belongsElsewhere(A, W0, level, 10, MANY);
  t.notOk(isForeign(0), 'nobody waits');
  table.noteWaiting(A, W1, 2, 5, MANY);
  t.ok(isForeign(4));
  t.notOk(isForeign(6), 'a higher one goes before');
  t.notOk(isForeign(5), 'an equal one does, within its share');
  table.noteWaiting(A, W1, 2, 5, MANY - 51);
  t.notOk(isForeign(4), 'a worker that has not looked for 50 ms hangs, and claims nothing');
  table.noteWaiting(A, W1, 0, -1, MANY);
  t.notOk(isForeign(4));
  t.equal(table.read(A, 'waiting'), 0);
});

t.test('a worker that has its share leaves a free place to one that waits below its own', async (t) => {
  const table = LoadTable.create(3);
  for (let i = 0; i < 5; i++) table.enter(A, W0, 0, 10);
  table.noteWaiting(A, W1, 1, 0, MANY);
  t.ok(table.belongsElsewhere(A, W0, 0, 10, MANY), '5 of 10 are half');
  t.notOk(table.belongsElsewhere(A, W1, 0, 10, MANY));
  table.leave(A, W0, 0);
  t.notOk(table.belongsElsewhere(A, W0, 0, 10, MANY), '4 of 10 are not');
  table.noteWaiting(A, W2, 1, 0, MANY);
  t.ok(table.belongsElsewhere(A, W0, 0, 10, MANY), 'but more than a third');
});

t.test('of a worker that has ended nothing is under way, waits or is locked; of the others all is', async (t) => {
  const table = LoadTable.create(2);
  for (const [worker, level] of [
    [W0, 1],
    [W1, 1],
    [W1, 3],
  ] as const)
    table.enter(A, worker, level, 10);
  table.noteWaiting(A, W0, 4, 2, MANY);
  table.noteWaiting(A, W1, 3, 9, MANY);
  t.ok(table.tryLock(A, W1));
  t.notOk(table.tryLock(A, W0));
  t.equal(table.zeroWorker(W1), 2);
  t.same([table.read(A, 'inFlight'), table.read(A, 'waiting')], [1, 4]);
  t.same([table.atLevel(A, 1), table.atLevel(A, 3)], [1, 0]);
  t.notOk(table.belongsElsewhere(A, W0, 0, 10, MANY));
  t.ok(table.tryLock(A, W0));
  t.equal(table.zeroWorker(W1), 0);
  t.notOk(table.tryLock(A, W1), 'a lock that another holds stays');
});

t.test('an upstream that takes over an index starts afresh', async (t) => {
  const table = LoadTable.create(2);
  table.write(A, 'limit', 7);
  table.countShed(A, ShedCause.PRIORITY);
  table.setReserve(A, 3, 4);
  table.reset(A);
  t.same([table.read(A, 'limit'), table.sheds(A, ShedCause.PRIORITY), table.reserve(A, 3)], [0, 0, 0]);
});

t.test('a buffer of something else, and a number of workers that cannot be, are refused', async (t) => {
  t.throws(() => new LoadTable(new SharedArrayBuffer(1_024)), /is a load table/);
  t.throws(() => LoadTable.create(0), /1 to 64/);
  t.throws(() => LoadTable.create(65), /1 to 64/);
});
