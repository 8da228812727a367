// Real threads on one upstream: nothing is counted twice or lost, and of what there is only so much of is given only so much.
// This file starts itself as the hammering worker.

import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import type { UpstreamIndex } from '../../src/base/ids.ts';
import { CircuitState, circuitWord, UpstreamTable } from '../../src/shm/upstream-table.ts';

const A = 0 as UpstreamIndex;
const ROUNDS = 5_000;
const THREADS = 3;
const TRIALS = 7;

interface Hammered {
  readonly withdrawn: number;
  readonly trials: number;
}

function hammer(buffer: SharedArrayBuffer): Hammered {
  const table = new UpstreamTable(buffer);
  let withdrawn = 0;
  let trials = 0;
  for (let round = 0; round < ROUNDS; round++) {
    table.countCall(A, 100 + Math.floor(round / 1_000), round % 2 === 0, false);
    table.deposit(A, 2, 1_000_000);
    if (table.withdraw(A, 3)) withdrawn += 3;
    // A round of trials that all threads share.
    if (table.takeTrial(A, circuitWord(CircuitState.HALF_OPEN, 1), TRIALS)) trials++;
  }
  return { withdrawn, trials };
}

if (!isMainThread) parentPort?.postMessage(hammer(workerData as SharedArrayBuffer));
else await runTest();

async function runTest(): Promise<void> {
  const { default: t } = await import('tap');
  const table = UpstreamTable.create();
  const workers = Array.from(
    { length: THREADS },
    () => new Worker(fileURLToPath(import.meta.url), { workerData: table.buffer }),
  );
  const results = await Promise.all(workers.map(async (worker) => (await once(worker, 'message'))[0] as Hammered));
  const total = (field: keyof Hammered) => results.reduce((sum, result) => sum + result[field], 0);
  const calls = THREADS * ROUNDS;
  // A compare-and-swap that failed 64 times would leave a call out; that is allowed, and not to be met.
  t.ok(table.calls(A, 104) <= calls && table.calls(A, 104) >= calls * 0.999, `${table.calls(A, 104)} of ${calls}`);
  t.ok(table.failedCalls(A, 104) <= calls / 2);
  const deposited = 2 * calls;
  let left = 0;
  while (table.withdraw(A, 1)) left++;
  t.ok(total('withdrawn') + left <= deposited, 'no unit is spent twice');
  t.ok(total('withdrawn') + left >= deposited * 0.999);
  t.equal(total('trials'), TRIALS);
}
