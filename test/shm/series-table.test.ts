import fc from 'fast-check';
import t from 'tap';
import type { SeriesIndex, WorkerIndex } from '../../src/base/ids.ts';
import { ERROR_ID_COUNT } from '../../src/gateway/pipeline/errors.ts';
import {
  SERIES_COUNT,
  SERIES_WORDS,
  SeriesTable,
  STATUS_CLASSES,
  seriesTableLayout,
} from '../../src/shm/series-table.ts';
import { headerTable, numberIn } from './header-table.ts';

const { headerBytes, bankBytes, rejectionsBytes, seriesBytes } = seriesTableLayout;

t.test('the table in the header comment says what the constants say', async (t) => {
  const rows = new Map(headerTable('series-table.ts').map((row) => [row.field.replace(/\[.*/, ''), row]));
  const table = SeriesTable.create(1);
  t.equal(new Uint32Array(table.buffer)[0], numberIn(rows.get('magic')?.rest ?? '', /(0x[0-9A-F]+)/));
  t.equal(rows.get('series')?.offset, `${headerBytes} + b·w + ${rejectionsBytes}`);
  t.equal(numberIn(rows.get('series')?.field ?? '', /\[([\d,]+)\]/), SERIES_COUNT);
  t.equal(numberIn(rows.get('series')?.rest ?? '', /(\d+) words/), SERIES_WORDS);
  t.equal(rows.get('rejections')?.offset, `${headerBytes} + b·w + 0`);
  t.equal(numberIn(rows.get('rejections')?.field ?? '', /\[(\d+)\]/) * 4, rejectionsBytes);
  t.equal(rows.get('aborted')?.offset, `series + ${seriesBytes}·s + 0`);
  t.equal(bankBytes, rejectionsBytes + SERIES_COUNT * seriesBytes);
});

t.test('each worker has lines of its own', async (t) => {
  for (const bytes of [headerBytes, bankBytes, rejectionsBytes]) t.equal(bytes % 64, 0);
});

t.test('every class and every error has a word', async (t) => {
  t.ok(STATUS_CLASSES.length <= SERIES_WORDS);
  t.ok(ERROR_ID_COUNT <= rejectionsBytes / 4);
});

t.test('what a worker counts is counted there, and nowhere else', async (t) => {
  const series = fc.constantFrom(0, 1, 2, SERIES_COUNT - 1);
  const exchange = fc.tuple(fc.nat(2), series, fc.nat(5));
  const rejection = fc.tuple(fc.nat(2), fc.integer({ min: 1, max: ERROR_ID_COUNT - 1 }));
  const law = fc.property(fc.array(exchange), fc.array(rejection), (exchanges, rejections) => {
    const table = SeriesTable.create(3);
    for (const [worker, series, statusClass] of exchanges) {
      table.countExchange(worker as WorkerIndex, series as SeriesIndex, statusClass);
    }
    for (const [worker, id] of rejections) table.countRejection(worker as WorkerIndex, id);
    const other = new SeriesTable(table.buffer);
    const isCounted =
      exchanges.every((one) => {
        const count = exchanges.filter((two) => two.join() === one.join()).length;
        return other.read(one[0] as WorkerIndex, one[1] as SeriesIndex, one[2]) === count;
      }) &&
      rejections.every((one) => {
        const count = rejections.filter((two) => two.join() === one.join()).length;
        return other.readRejections(one[0] as WorkerIndex, one[1]) === count;
      });
    const words = new Uint32Array(table.buffer, headerBytes);
    const sum = words.reduce((a, b) => a + b, 0);
    return isCounted && sum === exchanges.length + rejections.length;
  });
  t.doesNotThrow(() => fc.assert(law, { numRuns: 30 }));
});

t.test('a word wraps at 2³²', async (t) => {
  const table = SeriesTable.create(1);
  new Uint32Array(table.buffer)[headerBytes / 4 + 3] = 0xffff_ffff;
  table.countRejection(0 as WorkerIndex, 3);
  t.equal(table.readRejections(0 as WorkerIndex, 3), 0);
});

t.test('a buffer of something else is refused', async (t) => {
  t.throws(() => new SeriesTable(new SharedArrayBuffer(1_024)), /is a series table/);
});
