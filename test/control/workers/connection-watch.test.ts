import t from 'tap';
import { ConnectionWatch } from '../../../src/control/workers/connection-watch.ts';

type Counts = readonly (readonly [string, number])[];

function watch(count: () => Promise<Counts | undefined>) {
  const told: Counts[] = [];
  const warned: string[] = [];
  const clock = { nowMs: 0 };
  const watch = new ConnectionWatch({
    ports: () => [8080],
    count,
    tell: (counts) => told.push(counts),
    warn: (message) => warned.push(message),
    nowMs: () => clock.nowMs,
  });
  return { watch, told, warned, clock };
}

t.test('counts are told, one count at a time, and counting takes a tenth of the time at the most', async (t) => {
  let counted = 0;
  const rig = watch(async () => {
    counted++;
    rig.clock.nowMs += 20;
    return [['192.0.2.1', counted]];
  });
  await Promise.all([rig.watch.count(), rig.watch.count()]);
  t.equal(counted, 1);
  rig.clock.nowMs += 179;
  await rig.watch.count();
  t.equal(counted, 1);
  rig.clock.nowMs += 1;
  await rig.watch.count();
  t.same(rig.told, [[['192.0.2.1', 1]], [['192.0.2.1', 2]]]);
});

t.test('a system that tells nothing is asked once; a count that failed is tried again', async (t) => {
  const silent = watch(async () => undefined);
  await silent.watch.count();
  await silent.watch.count();
  t.match(silent.warned, [/has no effect where engine is uws/]);
  t.equal(silent.warned.length, 1);
  const failing = watch(() => Promise.reject(new Error('no thread')));
  await failing.watch.count();
  await failing.watch.count();
  t.equal(failing.warned.length, 2);
});
