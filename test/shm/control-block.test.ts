import fc from 'fast-check';
import t from 'tap';
import type { WorkerIndex } from '../../src/base/ids.ts';
import {
  ARENA_COUNT,
  ControlBlock,
  controlBlockLayout,
  type WorkerField,
  WorkerStatus,
} from '../../src/shm/control-block.ts';
import { headerTable, lastNumber, numberIn } from './header-table.ts';

const { header, worker, headerBytes, workerBytes } = controlBlockLayout;
const W0 = 0 as WorkerIndex;
const W1 = 1 as WorkerIndex;
const FIELDS = Object.keys(worker).filter((field) => field !== 'pins') as WorkerField[];

t.test('the table in the header comment says what the constants say', async (t) => {
  const rows = headerTable('control-block.ts');
  const ofHeader = rows.filter(({ offset }) => !offset.includes('w'));
  const ofWorker = rows.filter(({ offset }) => offset.includes('w'));
  t.same(Object.fromEntries(ofHeader.map(({ field, offset }) => [field, lastNumber(offset)])), header);
  const found = ofWorker.map(({ field, offset }) => [field.replace(/\[\d+\]$/, ''), lastNumber(offset)]);
  t.same(Object.fromEntries(found), worker);
  for (const { offset } of ofWorker) t.match(offset, `${headerBytes} + ${workerBytes}·w + `);
  t.equal(numberIn(ofWorker.at(-1)?.field ?? '', /\[(\d+)\]/), ARENA_COUNT);
  const magic = numberIn(rows[0]?.rest ?? '', /(0x[0-9A-F]+)/);
  t.equal(new Uint32Array(ControlBlock.create(1, 0, 0).buffer)[0], magic);
});

t.test('a worker has lines of its own: what it writes shares none with another, or with its pins', async (t) => {
  t.equal(headerBytes % 64, 0);
  t.equal(workerBytes % 64, 0);
  t.equal(worker.pins % 64, 0);
  t.ok(worker.pins + ARENA_COUNT * 4 <= workerBytes);
  t.ok(Math.max(...FIELDS.map((field) => worker[field])) < worker.pins);
});

t.test('every thread reads what one has written, field by field and worker by worker', async (t) => {
  const write = fc.tuple(fc.nat(3), fc.constantFrom(...FIELDS), fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }));
  const law = fc.property(fc.array(write), (writes) => {
    const block = ControlBlock.create(4, 1, 2);
    const other = new ControlBlock(block.buffer);
    const expected = new Map<string, number>();
    for (const [index, field, value] of writes) {
      block.write(index as WorkerIndex, field, value);
      expected.set(`${index} ${field}`, value);
    }
    const isSame = [0, 1, 2, 3].every((index) =>
      FIELDS.every((field) => other.read(index as WorkerIndex, field) === (expected.get(`${index} ${field}`) ?? 0)),
    );
    return isSame && other.epoch() === 0 && other.workerCount === 4 && !other.isPinned(0);
  });
  t.doesNotThrow(() => fc.assert(law));
});

t.test('seeds, epoch and draining are those of the process', async (t) => {
  const block = ControlBlock.create(1, 0xffff_ffff, 7);
  const other = new ControlBlock(block.buffer);
  t.same([other.hashSeedLow, other.hashSeedHigh], [-1, 7]);
  block.raiseEpoch(12);
  t.equal(other.epoch(), 12);
  t.notOk(other.isDraining());
  block.startDraining();
  t.ok(other.isDraining());
});

t.test('counters of turns and connections wrap, and do not end the worker', async (t) => {
  const block = ControlBlock.create(1, 0, 0);
  block.write(W0, 'turn', 2 ** 31 - 1);
  block.countTurn(W0);
  t.equal(block.read(W0, 'turn'), -(2 ** 31));
  block.add(W0, 'connections', 3);
  block.add(W0, 'connections', -1);
  t.equal(block.read(W0, 'connections'), 2);
});

t.test('an arena is pinned while any worker pins it', async (t) => {
  const pin = fc.tuple(fc.boolean(), fc.nat(2), fc.nat(ARENA_COUNT - 1));
  const law = fc.property(fc.array(pin, { maxLength: 100 }), (pins) => {
    const block = ControlBlock.create(3, 0, 0);
    const held = new Set<string>();
    for (const [isPin, index, arena] of pins) {
      if (isPin) block.pin(index as WorkerIndex, arena);
      else block.unpin(index as WorkerIndex, arena);
      if (isPin) held.add(`${index} ${arena}`);
      else held.delete(`${index} ${arena}`);
    }
    return Array.from({ length: ARENA_COUNT }, (_, arena) => arena).every(
      (arena) => block.isPinned(arena) === [0, 1, 2].some((index) => held.has(`${index} ${arena}`)),
    );
  });
  t.doesNotThrow(() => fc.assert(law));
});

t.test(
  'a worker that has ended holds nothing; its status, its turn, its counts and the other workers stay',
  async (t) => {
    const block = ControlBlock.create(2, 0, 0);
    for (const index of [W0, W1]) {
      for (const field of FIELDS) block.write(index, field, 5);
      block.pin(index, 0);
      block.pin(index, ARENA_COUNT - 1);
      block.setStatus(index, WorkerStatus.ENDING);
    }
    block.zeroWorker(W1);
    const kept = FIELDS.filter((field) => block.read(W1, field) !== 0);
    t.same(kept.sort(), [
      'connectionsClosed',
      'connectionsRefused',
      'faultsAborted',
      'faultsDelayed',
      'faultsSkipped',
      'forwardAllowed',
      'forwardDenied',
      'forwardFailed',
      'forwardMs',
      'forwardRemembered',
      'heartMs',
      'logLines',
      'logLinesDropped',
      'messagesIn',
      'messagesOut',
      'mirrorsAnswered',
      'mirrorsFailed',
      'mirrorsIncomplete',
      'mirrorsNoRoom',
      'mirrorsTooLarge',
      'shedsLoop',
      'shedsMemory',
      'spans',
      'spansDropped',
      'status',
      'turn',
    ]);
    t.ok(FIELDS.every((field) => block.read(W0, field) !== 0));
    block.unpin(W0, 0);
    t.notOk(block.isPinned(0));
    t.ok(block.isPinned(ARENA_COUNT - 1));
  },
);

t.test('a buffer of something else, and a number of workers that cannot be, are refused', async (t) => {
  t.throws(() => new ControlBlock(new SharedArrayBuffer(1_024)), /is a control block/);
  t.throws(() => new ControlBlock(new SharedArrayBuffer(8)), /has a header/);
  t.throws(() => ControlBlock.create(0, 0, 0), /1 to 64/);
  t.throws(() => ControlBlock.create(65, 0, 0), /1 to 64/);
  t.equal(ControlBlock.create(64, 0, 0).workerCount, 64);
});
