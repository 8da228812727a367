// Two real threads on one target table. This file starts itself as the other thread.

import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import type { TargetIndex, WorkerIndex } from '../../src/base/ids.ts';
import { TargetTable } from '../../src/shm/target-table.ts';

interface Job {
  readonly table: SharedArrayBuffer;
  /** How many threads have come to each round. */
  readonly rounds: SharedArrayBuffer;
}

const ROUNDS = 100;
const TRIES_PER_ROUND = 500;
const TARGET = 3 as TargetIndex;

/** Enters and leaves, and puts the target out once a round. @returns how often it was this thread that did */
function hammer({ table: buffer, rounds: roundsBuffer }: Job, worker: WorkerIndex): number {
  const table = new TargetTable(buffer);
  const rounds = new Int32Array(roundsBuffer);
  let ejections = 0;
  for (let round = 0; round < ROUNDS; round++) {
    Atomics.add(rounds, round, 1);
    // Not a wait: both must go on in the same moment.
    while (Atomics.load(rounds, round) < 2);
    for (let n = 0; n < TRIES_PER_ROUND; n++) {
      table.enter(TARGET, worker);
      if (n === 0 && table.eject(TARGET, 1_000 + round * 100_000, 100)) ejections++;
      table.leave(TARGET, worker);
    }
    // One that stays, of every other round.
    if (round % 2 === 0) table.enter(TARGET, worker);
  }
  return ejections;
}

if (!isMainThread) parentPort?.postMessage(hammer(workerData as Job, 1 as WorkerIndex));
else await runTests();

async function runTests(): Promise<void> {
  const { default: t } = await import('tap');

  t.test('no try is lost between threads, and a target is put out once, whoever says so', async (t) => {
    const table = TargetTable.create(2);
    const job: Job = { table: table.buffer, rounds: new SharedArrayBuffer(4 * ROUNDS) };
    const thread = new Worker(new URL(import.meta.url), { workerData: job });
    const answer = once(thread, 'message');
    await once(thread, 'online');
    const own = hammer(job, 0 as WorkerIndex);
    const [others] = (await answer) as [number];
    t.equal(table.inFlight(TARGET), ROUNDS);
    t.equal(table.underWay(TARGET), ROUNDS);
    t.equal(table.ejectionCount(TARGET), own + others);
    t.equal(own + others, ROUNDS);
    table.zeroWorker(1 as WorkerIndex);
    t.equal(table.inFlight(TARGET), ROUNDS / 2);
  });
}
