// This file starts itself as the hammering worker.

import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import type { WorkerIndex } from '../../src/base/ids.ts';
import { ConcurrencyTable, concurrencyTableLayout, NO_SLOT, REFUSED } from '../../src/shm/concurrency-table.ts';

interface Job {
  readonly table: SharedArrayBuffer;
  /** Per key: exchanges that the workers themselves count to be in flight. */
  readonly counted: SharedArrayBuffer;
  readonly worker: number;
  readonly keyCount: number;
  readonly max: number;
  readonly rounds: number;
}

if (isMainThread) await runTests();
else parentPort?.postMessage(hammer(workerData as Job));

function hammer(job: Job) {
  const table = new ConcurrencyTable(job.table);
  const counted = new Int32Array(job.counted);
  const worker = job.worker as WorkerIndex;
  const held: [slot: number, key: number][] = [];
  let random = 99 + job.worker;
  let over = 0;
  let admitted = 0;
  for (let round = 0; round < job.rounds; round++) {
    random = (Math.imul(random, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    if (held.length > 0 && (random & 0x3000) !== 0x1000 && held.length > (random & 7)) {
      const [slot, key] = held.splice(random % held.length, 1)[0] as [number, number];
      Atomics.sub(counted, key, 1);
      table.release(slot, worker);
      continue;
    }
    const key = (random >>> 8) % job.keyCount;
    const slot = table.acquire(key + 1, key, job.max, worker);
    if (slot < 0) continue;
    admitted++;
    if (Atomics.add(counted, key, 1) + 1 > job.max) over++;
    held.push([slot, key]);
  }
  return { over, admitted, held: held.length };
}

async function runTests(): Promise<void> {
  const { default: t } = await import('tap');
  // Starting threads takes long when other test files have the cores.
  t.setTimeout(120_000);
  const first = 0 as WorkerIndex;
  const second = 1 as WorkerIndex;

  t.test('the layout is the one in the table', async (t) => {
    const table = ConcurrencyTable.create(2, 64);
    const slot = table.acquire(5, 6, 3, second);
    table.acquire(5, 6, 3, second);
    const view = new DataView(table.buffer);
    const at = concurrencyTableLayout.slotsByte + slot * concurrencyTableLayout.slotBytes;
    t.equal(view.getUint32(0, true), 0x51c1ce06);
    t.equal(view.getUint32(4, true), 2);
    t.equal(view.getUint32(8, true), 64);
    t.equal(view.getInt32(at + concurrencyTableLayout.slot.hashLow, true), 5);
    t.equal(view.getInt32(at + concurrencyTableLayout.slot.hashHigh, true), 6);
    t.equal(view.getInt32(at + concurrencyTableLayout.slot.total, true), 2);
    const held = Math.ceil((128 + 64 * 16 + 8 * 4) / 64) * 64;
    t.equal(view.getInt32(held + 4 * (64 + slot), true), 2);
    t.equal(table.buffer.byteLength, held + 2 * 64 * 4);
  });

  t.test('a key has at most its maximum in flight, over all workers', async (t) => {
    const table = ConcurrencyTable.create(2, 64);
    const slots = [table.acquire(1, 1, 3, first), table.acquire(1, 1, 3, second), table.acquire(1, 1, 3, first)];
    t.equal(new Set(slots).size, 1);
    t.equal(table.acquire(1, 1, 3, second), REFUSED);
    t.ok(table.acquire(2, 1, 3, second) >= 0, 'another key has its own');
    table.release(slots[0] as number, first);
    t.ok(table.acquire(1, 1, 3, second) >= 0);
    t.equal(table.inFlight(1, 1), 3);
    t.equal(table.acquire(9, 9, 0, first), REFUSED, 'none at all is possible too');
  });

  t.test('the slot of a key with nothing in flight is given to another', async (t) => {
    const table = ConcurrencyTable.create(1, 8);
    for (let key = 1; key <= 1_000; key++) {
      const slot = table.acquire(key, key, 1, first);
      t.ok(slot >= 0);
      t.equal(table.acquire(key, key, 1, first), REFUSED);
      table.release(slot, first);
    }
    t.equal(table.fullCount(), 0);
  });

  t.test('with every slot of its bucket in use a key is refused, and counted', async (t) => {
    const table = ConcurrencyTable.create(1, 8);
    const slots = Array.from({ length: 8 }, (_, key) => table.acquire(key + 1, 0, 1, first));
    t.equal(table.acquire(99, 0, 1, first), NO_SLOT);
    t.equal(table.fullCount(), 1);
    table.release(slots[5] as number, first);
    t.equal(table.acquire(99, 0, 1, first), slots[5]);
  });

  t.test('a dead worker’s exchanges are given back, and nobody else’s', async (t) => {
    const table = ConcurrencyTable.create(2, 64);
    for (let n = 0; n < 4; n++) table.acquire(1, 1, 5, first);
    const kept = table.acquire(1, 1, 5, second);
    table.acquire(2, 2, 5, first);
    t.equal(table.acquire(1, 1, 5, second), REFUSED);
    t.equal(table.zeroWorker(first), 5);
    t.equal(table.inFlight(1, 1), 1);
    t.equal(table.inFlight(2, 2), 0);
    t.equal(table.zeroWorker(first), 0);
    table.release(kept, second);
    t.equal(table.inFlight(1, 1), 0);
  });

  t.test('a release of what is not held changes nothing, and is counted as a fault', async (t) => {
    const table = ConcurrencyTable.create(2, 64);
    const slot = table.acquire(1, 1, 1, first);
    table.release(slot, second);
    t.equal(table.acquire(1, 1, 1, second), REFUSED);
    t.equal(table.faultCount(), 1);
  });

  for (const [name, keyCount, max, slotCount] of [
    ['on few keys', 3, 2, 64],
    ['on more keys than slots', 40, 1, 16],
  ] as const) {
    t.test(`threads ${name} never have more in flight than the maximum, and lose nothing`, async (t) => {
      const table = ConcurrencyTable.create(3, slotCount);
      const counted = new SharedArrayBuffer(4 * keyCount);
      const job = { table: table.buffer, counted, keyCount, max, rounds: 150_000 };
      const workers = [0, 1, 2].map((worker) => {
        return new Worker(new URL(import.meta.url), { workerData: { ...job, worker } satisfies Job });
      });
      const results = await Promise.all(
        workers.map(async (worker) => ((await once(worker, 'message')) as [ReturnType<typeof hammer>])[0]),
      );
      t.equal(
        results.reduce((sum, result) => sum + result.over, 0),
        0,
        `${results.map((result) => result.admitted).join(' + ')} admitted`,
      );
      const held = results.reduce((sum, result) => sum + result.held, 0);
      let inFlight = 0;
      for (let key = 0; key < keyCount; key++) inFlight += table.inFlight(key + 1, key);
      t.equal(inFlight, held, 'the totals are what the workers still hold');
      let given = 0;
      for (let worker = 0; worker < 3; worker++) given += table.zeroWorker(worker as WorkerIndex);
      t.equal(given, held);
      for (let key = 0; key < keyCount; key++) t.equal(table.inFlight(key + 1, key), 0);
      t.equal(table.faultCount(), 0);
      t.comment(`full ${table.fullCount()}, busy ${table.busyCount()}`);
    });
  }
}
