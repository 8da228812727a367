import t from 'tap';
import type { WorkerIndex } from '../../../src/base/ids.ts';
import { absentWorker, expectAttached, settleAttached } from '../../../src/control/workers/fleet-worker.ts';

t.test('a reload and a worker that starts may both wait for one snapshot, and each is told once', async (t) => {
  const worker = absentWorker(0 as WorkerIndex);
  const told: string[] = [];
  for (const [epoch, who] of [
    [7, 'reload'],
    [7, 'start'],
    [8, 'start of 8'],
  ] as const) {
    expectAttached(worker, epoch, () => told.push(who));
  }
  settleAttached(worker, [7]);
  t.same(told, ['reload', 'start']);
  settleAttached(worker, [7]);
  t.same(told, ['reload', 'start'], 'nobody waits any more');
  settleAttached(worker);
  t.same(told, ['reload', 'start', 'start of 8'], 'a worker that has ended is not waited for');
});
