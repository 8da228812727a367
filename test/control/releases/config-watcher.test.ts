import { renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { ConfigWatcher } from '../../../src/control/releases/config-watcher.ts';

/** A watched file, and a way to wait for its changes. */
async function watched(t: Test, file: string) {
  let changes = 0;
  let onChange: () => void = () => {};
  const watcher = new ConfigWatcher(file, () => {
    changes++;
    onChange();
  });
  t.teardown(() => watcher.close());
  await watcher.ready;
  return {
    watcher,
    count: () => changes,
    changed: () =>
      new Promise<void>((resolve) => {
        onChange = resolve;
      }),
  };
}

t.test('a file that is written into, however often, is seen once when it has settled', async (t) => {
  const file = join(t.testdir({ 'sluice.yaml': 'a' }), 'sluice.yaml');
  const { changed, count } = await watched(t, file);
  for (const text of ['b', 'c', 'd']) writeFileSync(file, text);
  await changed();
  writeFileSync(file, 'e');
  await changed();
  t.equal(count(), 2);
});

t.test('a file that is replaced is seen each time', async (t) => {
  const folder = t.testdir({ 'sluice.yaml': 'a' });
  const file = join(folder, 'sluice.yaml');
  const { changed, count } = await watched(t, file);
  for (const text of ['b', 'c']) {
    writeFileSync(join(folder, 'next'), text);
    renameSync(join(folder, 'next'), file);
    await changed();
  }
  t.equal(count(), 2);
});

t.test('a file behind links, as Kubernetes mounts it, is seen when the links move', async (t) => {
  const folder = t.testdir({ v1: { 'sluice.yaml': 'a' }, v2: { 'sluice.yaml': 'b' } });
  symlinkSync('v1', join(folder, '..data'));
  symlinkSync('..data/sluice.yaml', join(folder, 'sluice.yaml'));
  const { changed, count } = await watched(t, join(folder, 'sluice.yaml'));
  for (const version of ['v2', 'v1', 'v2']) {
    symlinkSync(version, join(folder, '..data_tmp'));
    renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
    await changed();
  }
  t.equal(count(), 3);
});

t.test('nothing is told of a watcher that was closed, not even what had not settled', async (t) => {
  const file = join(t.testdir({ 'sluice.yaml': 'a' }), 'sluice.yaml');
  const closed = await watched(t, file);
  const open = await watched(t, file);
  writeFileSync(file, 'b');
  closed.watcher.close();
  // The other one waits for just as long.
  writeFileSync(file, 'c');
  await open.changed();
  t.equal(closed.count(), 0);
});
