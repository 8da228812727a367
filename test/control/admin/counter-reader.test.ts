import fc from 'fast-check';
import t from 'tap';
import type { SeriesIndex, WorkerIndex } from '../../../src/base/ids.ts';
import { CounterReader } from '../../../src/control/admin/counter-reader.ts';
import { errors } from '../../../src/gateway/pipeline/errors.ts';
import { SERIES_WORDS, SeriesTable, seriesTableLayout } from '../../../src/shm/series-table.ts';

const A = 1 as SeriesIndex;
const SUCCESS = 2;
const workers = [0 as WorkerIndex, 1 as WorkerIndex];
const names: readonly [string, number][] = [['shop\na', 1]];

/** The word of a worker's series, to have it stand just before its wrap. */
function setWord(table: SeriesTable, worker: number, series: number, statusClass: number, value: number): void {
  const { headerBytes, bankBytes, rejectionsBytes } = seriesTableLayout;
  const at = (headerBytes + bankBytes * worker + rejectionsBytes) / 4 + series * SERIES_WORDS + statusClass;
  new Uint32Array(table.buffer)[at] = value;
}

t.test('totals are those of all workers, since the start', async (t) => {
  const table = SeriesTable.create(2);
  const reader = new CounterReader(table);
  for (const worker of workers) {
    for (let i = 0; i < 5; i++) table.countExchange(worker, A, SUCCESS);
    table.countRejection(worker, errors.NO_ROUTE.id);
  }
  t.equal(reader.exchanges(A, SUCCESS), 0, 'nothing before it has looked');
  reader.poll(names);
  reader.poll(names);
  t.equal(reader.exchanges(A, SUCCESS), 10);
  t.equal(reader.exchanges(A, 5), 0);
  t.equal(reader.rejections(errors.NO_ROUTE.id), 2);
});

t.test('words that wrap at 2³² lose nothing', async (t) => {
  const table = SeriesTable.create(1);
  const reader = new CounterReader(table);
  setWord(table, 0, A, SUCCESS, 0xffff_fffe);
  reader.poll(names);
  for (let i = 0; i < 5; i++) table.countExchange(0 as WorkerIndex, A, SUCCESS);
  reader.poll(names);
  t.equal(reader.exchanges(A, SUCCESS), 0xffff_fffe + 5);
});

t.test('however the counting and the reading fall, every exchange is counted once', async (t) => {
  const step = fc.oneof(
    fc.record({ worker: fc.nat(1), statusClass: fc.nat(5), by: fc.integer({ min: 1, max: 0xffff_ffff }) }),
    fc.constant('poll' as const),
  );
  const law = fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
    const table = SeriesTable.create(2);
    const reader = new CounterReader(table);
    const totals = new Array<number>(6).fill(0);
    const since = new Map<string, number>();
    for (const step of steps) {
      if (step === 'poll') {
        reader.poll(names);
        since.clear();
        continue;
      }
      const word = `${step.worker} ${step.statusClass}`;
      const counted = (since.get(word) ?? 0) + step.by;
      // 2³² within one poll is past what it promises.
      if (counted >= 2 ** 32) continue;
      since.set(word, counted);
      const now = table.read(step.worker as WorkerIndex, A, step.statusClass);
      setWord(table, step.worker, A, step.statusClass, (now + step.by) >>> 0);
      totals[step.statusClass] = (totals[step.statusClass] as number) + step.by;
    }
    reader.poll(names);
    return totals.every((total, statusClass) => reader.exchanges(A, statusClass) === total);
  });
  // The table has half a megabyte per worker.
  t.doesNotThrow(() => fc.assert(law, { numRuns: 50 }));
});

t.test('what came without a route is always read', async (t) => {
  const table = SeriesTable.create(1);
  const reader = new CounterReader(table);
  table.countExchange(0 as WorkerIndex, 0 as SeriesIndex, 4);
  reader.poll([]);
  t.equal(reader.exchanges(0, 4), 1);
});

t.test('an index that goes to another name starts at zero, with what comes after', async (t) => {
  const table = SeriesTable.create(1);
  const reader = new CounterReader(table);
  for (let i = 0; i < 7; i++) table.countExchange(0 as WorkerIndex, A, SUCCESS);
  reader.poll(names);
  t.equal(reader.exchanges(A, SUCCESS), 7);
  reader.poll([['shop\nb', 1]]);
  t.equal(reader.exchanges(A, SUCCESS), 0);
  table.countExchange(0 as WorkerIndex, A, SUCCESS);
  reader.poll([['shop\nb', 1]]);
  t.equal(reader.exchanges(A, SUCCESS), 1);
});
