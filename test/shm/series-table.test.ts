import fc from 'fast-check';
import t from 'tap';
import type { SeriesIndex, WorkerIndex } from '../../src/base/ids.ts';
import { ERROR_ID_COUNT } from '../../src/gateway/pipeline/errors.ts';
import { SERIES_COUNT, SeriesTable, STATUS_CLASSES, seriesTableLayout } from '../../src/shm/series-table.ts';
import { headerTable, numberIn } from './header-table.ts';

const { headerBytes, banksByte, bankBytes, rejectionsBytes, rejectionsHighByte, errorCount, seriesBytes } =
  seriesTableLayout;

t.test('the table in the header comment says what the constants say', async (t) => {
  const rows = new Map(headerTable('series-table.ts').map((row) => [row.field.replace(/\[.*/, ''), row]));
  const table = SeriesTable.create(1);
  t.equal(new Uint32Array(table.buffer)[0], numberIn(rows.get('magic')?.rest ?? '', /(0x[0-9A-F]+)/));
  const plain = (field: string) => rows.get(field)?.offset.replaceAll(',', '');
  t.equal(plain('bases'), String(headerBytes));
  t.equal(plain('series'), `${banksByte} + b·w + ${rejectionsBytes}`);
  t.equal(plain('rejectionsHigh'), `${banksByte} + b·w + ${rejectionsHighByte}`);
  t.equal(numberIn(rows.get('series')?.field ?? '', /\[([\d,]+)\]/), SERIES_COUNT);
  t.equal(numberIn(rows.get('series')?.rest ?? '', /(\d+) words/) * 4, seriesBytes);
  t.equal(plain('rejections'), `${banksByte} + b·w + 0`);
  t.equal(numberIn(rows.get('rejections')?.field ?? '', /\[(\d+)\]/), errorCount);
  t.equal(rows.get('aborted')?.offset, `series + ${seriesBytes}·s + 0`);
  t.equal(bankBytes, rejectionsBytes + SERIES_COUNT * seriesBytes);
});

t.test('each worker has lines of its own', async (t) => {
  for (const bytes of [headerBytes, banksByte, bankBytes, rejectionsBytes]) t.equal(bytes % 64, 0);
});

t.test('every class and every error has a word', async (t) => {
  t.ok(STATUS_CLASSES.length <= seriesTableLayout.series.high / 4);
  t.ok(ERROR_ID_COUNT <= errorCount);
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
      exchanges.every(([, index, statusClass]) => {
        const count = exchanges.filter((two) => two[1] === index && two[2] === statusClass).length;
        return other.exchanges(index as SeriesIndex, statusClass) === count;
      }) && rejections.every(([, id]) => other.rejections(id) === rejections.filter((two) => two[1] === id).length);
    const words = new Uint32Array(table.buffer, headerBytes);
    const sum = words.reduce((a, b) => a + b, 0);
    return isCounted && sum === exchanges.length + rejections.length;
  });
  t.doesNotThrow(() => fc.assert(law, { numRuns: 30 }));
});

t.test('a word that wraps at 2³² loses nothing', async (t) => {
  const table = SeriesTable.create(1);
  const words = new Uint32Array(table.buffer);
  // 2³² - 1 rejections of error 3, in both words.
  words[banksByte / 4 + 3] = 0xffff_ffff;
  words[(banksByte + rejectionsHighByte) / 4 + 3] = 1;
  table.countRejection(0 as WorkerIndex, 3);
  t.equal(table.rejections(3), 2 ** 32);
});

t.test('a series that has got another name counts from zero', async (t) => {
  const table = SeriesTable.create(2);
  for (const worker of [0, 1, 1]) table.countExchange(worker as WorkerIndex, 7 as SeriesIndex, 2);
  table.startAgain(7 as SeriesIndex);
  t.equal(table.exchanges(7 as SeriesIndex, 2), 0);
  table.countExchange(0 as WorkerIndex, 7 as SeriesIndex, 2);
  t.equal(table.exchanges(7 as SeriesIndex, 2), 1);
  table.startAgain(7 as SeriesIndex);
  t.equal(table.exchanges(7 as SeriesIndex, 2), 0);
});

t.test('a buffer of something else is refused', async (t) => {
  t.throws(() => new SeriesTable(new SharedArrayBuffer(1_024)), /is a series table/);
});
