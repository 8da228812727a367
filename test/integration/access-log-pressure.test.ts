import { execFileSync } from 'node:child_process';
import { constants, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { startLoad } from '../support/load.ts';
import { counted, startLogging, until, untilCounted } from './access-log-rig.ts';

t.test('a full disk costs lines and no request, and is told once', async (t) => {
  const { gateway } = await startLogging(t, { accessLog: '{ file: /dev/full }' });
  const load = startLoad({ url: `${gateway.address}/orders/1`, clients: 8, endsWhenRefused: true });
  while ((load.counts.statuses.get(200) ?? 0) < 500) await new Promise((resolve) => setImmediate(resolve));
  const counts = await load.stop();
  t.strictSame([...counts.failures], []);
  const total = counts.statuses.get(200) as number;
  await untilCounted(gateway, total);
  t.same(await counted(gateway), { written: 0, dropped: total });
  await gateway.waitForOutput('ENOSPC');
  await gateway.stop();
  t.equal(gateway.output().split('access log /dev/full: ENOSPC').length - 1, 1);
});

t.test('a pipe that nobody reads costs lines and no request; read again, it gets whole lines', async (t) => {
  const pipe = join(t.testdir(), 'pipe');
  execFileSync('mkfifo', [pipe]);
  const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
  const { gateway, get } = await startLogging(t, { accessLog: `{ file: "${pipe}" }` });
  // Long lines: the pipe and two buffers for each worker are full after some 500 requests.
  const url = `${gateway.address}/orders/${'x'.repeat(2_000)}`;
  const load = startLoad({ url, clients: 8, endsWhenRefused: true });
  await until(async () => (await counted(gateway)).dropped > 100, 'lines that are dropped');
  const counts = await load.stop();
  t.strictSame([...counts.failures], []);
  const total = counts.statuses.get(200) as number;

  let text = '';
  const stream = new Socket({ fd: reader, readable: true, writable: false });
  t.teardown(() => stream.destroy());
  const drained = new Promise<void>((resolve) => stream.once('end', resolve));
  stream.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  await untilCounted(gateway, total);
  t.equal(await get('/orders/afterwards'), 200);
  await untilCounted(gateway, total + 1);
  const { written } = await counted(gateway);
  await gateway.stop();
  await drained;
  const lines = text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));
  t.equal(lines.length, written);
  t.equal(lines.at(-1).path, '/orders/afterwards');
});
