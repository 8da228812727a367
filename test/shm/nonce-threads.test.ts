// Real threads that bring the same nonces at the same time: each is accepted once. This file starts itself as the threads.

import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { NonceOutcome, NonceTable } from '../../src/shm/nonce-table.ts';

interface Job {
  readonly table: SharedArrayBuffer;
  /** [0]: threads that are ready. */
  readonly gate: SharedArrayBuffer;
}

const THREADS = 4;
const NONCES = 20_000;
const TTL_US = 60_000_000;

/** All in the same order. @returns those that were accepted here */
function bring({ table: buffer, gate }: Job): number[] {
  const table = new NonceTable(buffer);
  const ready = new Int32Array(gate);
  Atomics.add(ready, 0, 1);
  // All begin at once.
  while (Atomics.load(ready, 0) < THREADS);
  const accepted: number[] = [];
  for (let n = 1; n <= NONCES; n++) {
    if (table.add(n, n * 7, 0, TTL_US) === NonceOutcome.ACCEPTED) accepted.push(n);
  }
  return accepted;
}

if (!isMainThread) parentPort?.postMessage(bring(workerData as Job));
else await runTests();

async function runTests(): Promise<void> {
  const { default: t } = await import('tap');

  t.test('each nonce is accepted by one thread, and by one alone', async (t) => {
    const job: Job = { table: NonceTable.create(512).buffer, gate: new SharedArrayBuffer(4) };
    const threads = Array.from({ length: THREADS }, () => new Worker(new URL(import.meta.url), { workerData: job }));
    const answers = await Promise.all(threads.map(async (thread) => (await once(thread, 'message')) as [number[]]));
    const accepted = answers.flatMap(([each]) => each).sort((a, b) => a - b);
    t.comment(`by thread: ${answers.map(([each]) => each.length).join(', ')}`);
    t.equal(new Set(accepted).size, accepted.length, 'none twice');
    t.equal(accepted.length, NONCES, 'and none refused by all');
    await Promise.all(threads.map((thread) => thread.terminate()));
  });
}
