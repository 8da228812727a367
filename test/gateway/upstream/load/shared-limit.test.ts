import t from 'tap';
import type { LoadIndex, WorkerIndex } from '../../../../src/base/ids.ts';
import type { LoadPlan } from '../../../../src/gateway/snapshot.ts';
import { SharedLimit } from '../../../../src/gateway/upstream/load/shared-limit.ts';
import { LoadTable } from '../../../../src/shm/load-table.ts';

const A = 0 as LoadIndex;
const [W0, W1] = [0 as WorkerIndex, 1 as WorkerIndex];
const plan: LoadPlan = { adaptive: true, min: 4, max: 100, queueMs: 50, queueLength: 10 };
const DAY_MS = 86_400_000;

function start() {
  const table = LoadTable.create(2);
  const limits = [W0, W1].map((worker) => new SharedLimit(table, A, worker));
  const maintain = (worker: WorkerIndex, nowMs: number, own = plan) => limits[worker]?.maintain(own, nowMs, 0.5);
  const sample = (latencyMs: number, count = 30) => {
    for (let n = 0; n < count; n++) table.addSample(A, latencyMs * 1_000);
  };
  return { table, limits, maintain, sample, limit: () => table.read(A, 'limit') / 256 };
}

t.test('a limit that nobody knows begins at 20, within its bounds', async (t) => {
  const { limits, maintain, limit } = start();
  t.equal(limits[0]?.placesFor(0), 20);
  maintain(W0, 1_000);
  t.equal(limit(), 20);
  const small = start();
  small.maintain(W0, 1_000, { ...plan, max: 7 });
  t.equal(small.limit(), 7);
});

t.test('a window is closed once, by whichever worker comes first', async (t) => {
  const { table, maintain, sample, limit } = start();
  maintain(W0, 1_000);
  sample(20);
  for (let n = 0; n < 15; n++) table.enter(A, W0, 0, 20);
  maintain(W1, 1_100);
  const grown = limit();
  t.ok(grown > 20);
  t.equal(table.read(A, 'sampleCount'), 0);
  maintain(W0, 1_100);
  t.equal(limit(), grown);
});

t.test('who finds the lock taken goes on without', async (t) => {
  const { table, maintain, sample, limit } = start();
  maintain(W0, 1_000);
  sample(20);
  table.tryLock(A, W1);
  maintain(W0, 1_100);
  t.equal(limit(), 20);
  t.equal(table.read(A, 'sampleCount'), 30);
});

t.test('clocks of two threads that differ by a moment, and a rest of 30 days, upset nothing', async (t) => {
  for (const startMs of [1_000, 2 ** 31 - 50, 2 ** 32 - 50]) {
    const { table, maintain, sample } = start();
    maintain(W0, startMs);
    sample(20);
    maintain(W1, startMs - 3);
    t.equal(table.read(A, 'sampleCount'), 30, 'not over yet');
    maintain(W1, startMs + 30 * DAY_MS);
    t.equal(table.read(A, 'sampleCount'), 0, 'over by now');
  }
});

t.test('rates are taken over a second, and not over a long rest', async (t) => {
  const { table, maintain } = start();
  maintain(W0, 1_000);
  maintain(W0, 20_000);
  const end = (count: number) => {
    for (let n = 0; n < count; n++) {
      table.enter(A, W0, 0, 1);
      table.leave(A, W0, 0);
    }
  };
  end(500);
  maintain(W0, 21_000);
  t.equal(table.read(A, 'drainRate'), 500);
  maintain(W0, 60_000);
  t.equal(table.read(A, 'drainRate'), 500, 'nobody asked meanwhile');
});

t.test('a fixed limit is told to whoever reads metrics, and an adaptive one that follows begins with it', async (t) => {
  const { table, limits, maintain, limit } = start();
  maintain(W0, 1_000, { ...plan, adaptive: false, max: 60 });
  t.equal(limit(), 60);
  maintain(W0, 2_000);
  t.equal(limits[0]?.placesFor(0), 60);
  t.equal(table.read(A, 'isDoubtful'), 1, 'and measures its baseline soon');
});
