import t from 'tap';
import { cpuUsBetween, processUsage } from '../../bench/support/process-usage.ts';

t.test('a process that works for 50 ms of its own CPU time is seen to have done so', async (t) => {
  const before = processUsage(process.pid);
  const from = process.cpuUsage();
  let [used, sum] = [0, 0];
  while (used < 50_000) {
    for (let i = 0; i < 10_000; i++) sum += Math.sqrt(i);
    const { user, system } = process.cpuUsage(from);
    used = user + system;
  }
  t.ok(sum > 0);
  // cpuUsage() may lag behind by a scheduler tick.
  t.ok(cpuUsBetween(before, processUsage(process.pid)) >= 45_000);
  t.ok(before.residentMib > 10);
});

t.test('threads that began since count in full, and those that ended not at all', async (t) => {
  const usage = (...threads: readonly (readonly [string, number])[]) => ({
    threadCpuUs: new Map(threads),
    residentMib: 1,
  });
  t.equal(cpuUsBetween(usage(['1', 100], ['2', 5_000]), usage(['1', 130], ['3', 7])), 37);
});
