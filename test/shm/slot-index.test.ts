// This file starts itself as the worker of its last case.

import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { ABSENT, BUSY, EXISTS, FULL, SlotIndex, slotIndexLayout, slotTag } from '../../src/shm/slot-index.ts';

const SLOT_COUNT = 64;
const KEYS = 48;

if (isMainThread) await runTests();
else parentPort?.postMessage(makeAll(workerData as SharedArrayBuffer));

/** Make every key that is absent, in an order of this thread's own. */
function makeAll(buffer: SharedArrayBuffer): number {
  const index = new SlotIndex(buffer, 0, SLOT_COUNT);
  const tag = slotTag(3, 1);
  let made = 0;
  for (let n = 0; n < KEYS; n++) {
    const key = 1 + ((n * 29 + (performance.now() & 7)) % KEYS);
    for (let attempt = 0; attempt < 1_000 && index.find(key, key, tag) === ABSENT; attempt++) {
      const slot = index.open(key, key, tag);
      if (slot < 0) continue;
      index.publish(slot, key, key, tag, 0);
      made++;
    }
  }
  return made;
}

function newBuffer(): SharedArrayBuffer {
  return new SharedArrayBuffer(SlotIndex.byteLength(SLOT_COUNT));
}

async function runTests(): Promise<void> {
  const { default: t } = await import('tap');
  // Starting threads takes long when other test files have the cores.
  t.setTimeout(120_000);
  const tag = slotTag(3, 1);

  function make(index: SlotIndex, low: number, high: number, slotTag: number, tat = 0): number {
    const slot = index.open(low, high, slotTag);
    if (slot >= 0) index.publish(slot, low, high, slotTag, tat);
    return slot;
  }

  t.test('the layout is the one in the table', async (t) => {
    const buffer = newBuffer();
    const index = new SlotIndex(buffer, 0, SLOT_COUNT);
    const slot = make(index, 0x1234, 9, slotTag(5, 7), -3);
    const view = new DataView(buffer);
    t.equal(slot >> 3, 9 & 7, 'the bucket is the low bits of the high half');
    t.equal(view.getInt32(slot * slotIndexLayout.slotBytes + slotIndexLayout.slot.hashLow, true), 0x1234);
    t.equal(view.getInt32(slot * slotIndexLayout.slotBytes + slotIndexLayout.slot.hashHigh, true), 9);
    t.equal(
      view.getInt32(slot * slotIndexLayout.slotBytes + slotIndexLayout.slot.meta, true),
      1 | (5 << 2) | (7 << 16),
    );
    t.equal(view.getInt32(slot * slotIndexLayout.slotBytes + slotIndexLayout.slot.tat, true), -3);
    const bucket = SLOT_COUNT * slotIndexLayout.slotBytes + (slot >> 3) * slotIndexLayout.bucketBytes;
    t.equal(view.getInt32(bucket + slotIndexLayout.bucket.version, true), 2);
    t.equal(buffer.byteLength, 64 * 16 + 8 * 8);
  });

  t.test('a key has one slot, of its limit and generation', async (t) => {
    const index = new SlotIndex(newBuffer(), 0, SLOT_COUNT);
    t.equal(index.find(1, 2, tag), ABSENT);
    const slot = make(index, 1, 2, tag, 42);
    t.equal(index.find(1, 2, tag), slot);
    t.equal(index.tatOf(slot), 42);
    t.equal(index.open(1, 2, tag), EXISTS);
    t.equal(index.find(1, 2, slotTag(4, 1)), ABSENT, 'not of another limit');
    t.equal(index.find(1, 2, slotTag(3, 2)), ABSENT, 'not of another generation');
    t.equal(index.limitOf(slot), 3);
    t.equal(index.tagOf(slot), tag);
    const far = slotTag(16_383, 0xffff);
    t.equal(index.limitOf(make(index, 5, 5, far)), 16_383, 'the largest limit and generation fit');
    t.ok(index.find(5, 5, far) >= 0);
  });

  t.test('a bucket takes eight keys, then it is full, with nothing locked', async (t) => {
    const index = new SlotIndex(newBuffer(), 0, SLOT_COUNT);
    for (let key = 0; key < 8; key++) t.ok(make(index, key + 1, 8 * key, tag) >= 0);
    t.equal(index.open(99, 0, tag), FULL);
    t.ok(index.isUnchanged(0, index.fullVersion));
    t.equal(index.open(99, 8, tag), FULL, 'again: no lock was left');
    t.ok(make(index, 99, 1, tag) >= 0, 'the next bucket has room');
    for (let key = 0; key < 8; key++) t.ok(index.find(key + 1, 8 * key, tag) >= 0, 'all are found');
  });

  t.test('while a key is being made, others wait, then give up', async (t) => {
    const index = new SlotIndex(newBuffer(), 0, SLOT_COUNT);
    const slot = index.open(1, 1, tag);
    t.ok(slot >= 0);
    t.equal(index.find(1, 1, tag), ABSENT, 'not to be seen yet');
    t.equal(index.open(2, 1, tag), BUSY);
    t.equal(index.open(1, 1, tag), BUSY);
    index.abandon(slot);
    t.equal(index.find(1, 1, tag), ABSENT);
    t.equal(make(index, 1, 1, tag), slot, 'an abandoned slot is free');
  });

  t.test('a version tells whether a key was made since', async (t) => {
    const index = new SlotIndex(newBuffer(), 0, SLOT_COUNT);
    for (let key = 1; key <= 8; key++) make(index, key, 0, tag);
    index.open(9, 0, tag);
    const version = index.fullVersion;
    retire(index, index.find(1, 0, tag));
    t.ok(index.isUnchanged(0, version), 'a slot that became free is no new key');
    const slot = index.open(9, 0, tag);
    t.notOk(index.isUnchanged(0, version), 'one that is being made is');
    index.publish(slot, 9, 0, tag, 0);
    t.notOk(index.isUnchanged(0, version), 'and stays it');
  });

  function retire(index: SlotIndex, slot: number): void {
    index.unlink(slot);
    index.bury(slot);
    index.free(slot);
  }

  t.test('a slot goes from LIVE over UNLINKING and DEAD to FREE, and no other way', async (t) => {
    const index = new SlotIndex(newBuffer(), 0, SLOT_COUNT);
    const slot = make(index, 1, 1, tag);
    t.notOk(index.bury(slot), 'a live slot is not buried');
    t.ok(index.unlink(slot));
    t.notOk(index.unlink(slot), 'twice is once');
    t.ok(index.isUnlinking(slot));
    t.equal(index.open(1, 1, tag), EXISTS, 'its key is not made elsewhere');
    t.ok(index.relink(slot));
    t.ok(index.isLive(slot));
    index.unlink(slot);
    t.ok(index.bury(slot));
    t.equal(index.find(1, 1, tag), ABSENT);
    t.equal(index.limitOf(slot), 3, 'a dead slot still counts as its limit’s');
    const other = make(index, 1, 1, tag);
    t.not(other, slot, 'a dead slot is not reused');
    index.free(slot);
    t.equal(index.limitOf(slot), -1);
    t.equal(index.find(1, 1, tag), other);
  });

  t.test('whoever finds its key being unlinked rescues it', async (t) => {
    const index = new SlotIndex(newBuffer(), 0, SLOT_COUNT);
    const slot = make(index, 1, 1, tag);
    index.unlink(slot);
    t.equal(index.find(1, 1, tag), slot);
    t.ok(index.isLive(slot));
    t.notOk(index.bury(slot), 'the sweeper comes too late');
    index.unlink(slot);
    t.ok(index.bury(slot));
    t.equal(index.find(1, 1, tag), ABSENT, 'the charger comes too late');
  });

  t.test('the mark of a bucket that overflowed takes three steps to clear, and a new charge keeps it', async (t) => {
    const index = new SlotIndex(newBuffer(), 0, SLOT_COUNT);
    const slot = make(index, 1, 3, tag);
    t.notOk(index.hasOverflowed(slot));
    index.markOverflowed(3);
    t.ok(index.hasOverflowed(slot));
    index.clearOverflow(3);
    t.ok(index.hasOverflowed(slot), 'not before it was aged');
    t.ok(index.ageOverflow(3));
    t.ok(index.hasOverflowed(slot), 'aged is still marked');
    index.markOverflowed(3);
    index.clearOverflow(3);
    t.ok(index.hasOverflowed(slot), 'a charge since then renews it');
    index.ageOverflow(3);
    index.clearOverflow(3);
    t.notOk(index.hasOverflowed(slot));
    t.notOk(index.ageOverflow(3));
  });

  t.test('threads that make the same keys at once make each of them once', async (t) => {
    for (let round = 0; round < 3; round++) {
      const buffer = newBuffer();
      const workers = [1, 2, 3].map(() => new Worker(new URL(import.meta.url), { workerData: buffer }));
      const made = await Promise.all(workers.map(async (worker) => ((await once(worker, 'message')) as [number])[0]));
      const index = new SlotIndex(buffer, 0, SLOT_COUNT);
      let used = 0;
      for (let slot = 0; slot < SLOT_COUNT; slot++) if (index.limitOf(slot) === 3) used++;
      t.equal(used, made[0]! + made[1]! + made[2]!, `${made.join(' + ')} slots`);
      t.ok(used <= KEYS, 'no key has two');
    }
  });
}
