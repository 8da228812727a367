import { existsSync, readFileSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t from 'tap';
import { testConfig } from '../support/configs.ts';
import { startGatewayProcess } from '../support/gateway-process.ts';
import { startLoad } from '../support/load.ts';
import { linesOf, routes, startLogging, UNTIL_MS, until, untilCounted } from './access-log-rig.ts';

for (const engine of ['uws', 'node'] as const) {
  t.test(`every request under load has its line, and draining loses none (${engine})`, async (t) => {
    const folder = t.testdir();
    const file = join(folder, 'not-there-yet', 'access.log');
    const { gateway } = await startLogging(t, { engine, accessLog: `{ file: "${file}" }` });
    const load = startLoad({ url: `${gateway.address}/orders/7?token=secret`, clients: 8, endsWhenRefused: true });
    while ((load.counts.statuses.get(200) ?? 0) < 1_000) await new Promise((resolve) => setImmediate(resolve));
    t.equal(await gateway.stop(), 0);
    const counts = await load.stop();
    t.strictSame([...counts.failures], []);
    const text = readFileSync(file, 'utf8');
    t.notMatch(text, 'secret');
    const lines = linesOf(file);
    t.equal(lines.length, counts.statuses.get(200));
    t.equal(new Set(lines.map((line) => line['requestId'])).size, lines.length);
    t.ok(lines.every((line) => line.status === 200 && line.path === '/orders/7' && line['upstream'] === 'main'));
  });

  t.test(`a line says what its request was and what became of it (${engine})`, async (t) => {
    const { gateway, get } = await startLogging(t, { engine, accessLog: '{ file: logs/access.log }' });
    t.same([await get('/orders/1'), await get('/mine'), await get('/nothing')], [200, 401, 404]);
    await untilCounted(gateway, 3);
    // Relative to the configuration, wherever the gateway was started.
    const lines = linesOf(join(dirname(gateway.file), 'logs', 'access.log'));
    lines.sort((a, b) => (a.status ?? 0) - (b.status ?? 0));
    t.match(lines, [
      { service: 'shop', route: 'orders', method: 'GET', path: '/orders/1', status: 200, userAgent: 'test "1"' },
      { service: 'shop', route: 'mine', status: 401, code: 'UNAUTHENTICATED', responseBytes: Number },
      { path: '/nothing', status: 404, code: 'NO_ROUTE', clientAddress: '127.0.0.1', requestBytes: 0 },
    ]);
    t.ok((lines[0]?.['durationMs'] as number) >= (lines[0]?.['upstreamMs'] as number));
    t.ok((lines[0]?.['responseBytes'] as number) > 100);
    t.ok(Math.abs(Date.parse(lines[0]?.['time'] as string) - Date.now()) < UNTIL_MS);
  });
}

t.test(
  'queries are logged where that is wanted, and no secret of theirs, in the file or on the way to it',
  async (t) => {
    const file = join(t.testdir(), 'access.log');
    const accessLog = `{ file: "${file}", query: masked }\n  mask: { path: ["^[0-9]{3}$"], presets: [emails] }`;
    const { gateway, get } = await startLogging(t, { accessLog });
    await get('/orders/123?token=hush&user%5Bpassword%5D=hush&mail=hush%40a.example&page=2');
    await get('/nothing?api_key=hush');
    await gateway.stop();
    t.match(linesOf(file), [
      { path: '/orders/***', query: 'token=***&user%5Bpassword%5D=***&mail=***&page=2' },
      { path: '/nothing', query: 'api_key=***' },
    ]);
    t.notMatch(readFileSync(file, 'utf8'), 'hush');
  },
);

t.test('with a sample of 0% and errors: all, refusals are logged and nothing else', async (t) => {
  const file = join(t.testdir(), 'access.log');
  const { gateway, get } = await startLogging(t, { accessLog: `{ file: "${file}", sample: 0% }` });
  for (const path of ['/orders/1', '/mine', '/orders/2', '/nothing']) await get(path);
  await gateway.stop();
  t.same(
    linesOf(file)
      .map(({ path }) => path)
      .sort(),
    ['/mine', '/nothing'],
  );
});

t.test('SIGHUP opens a file that was moved away anew, also when the configuration is refused', async (t) => {
  const file = join(t.testdir(), 'access.log');
  const { gateway, configWith, get } = await startLogging(t, { accessLog: `{ file: "${file}" }` });
  let sent = 0;
  const rotate = async (to: string, said: string) => {
    t.equal(await get(`/orders/${sent++}`), 200);
    renameSync(file, `${file}.${to}`);
    const from = gateway.output().length;
    gateway.signal('SIGHUP');
    await gateway.waitForOutput(said, from);
    // Its workers are told before the configuration is read, and open the file in the background.
    await until(async () => {
      await get(`/orders/${sent++}`);
      return existsSync(file) && readFileSync(file, 'utf8') !== '';
    }, 'a line in the new file');
  };
  await rotate('1', 'SIGHUP: published');
  await gateway.writeConfig(configWith('{ file: "" }'));
  await gateway.waitForOutput('changed: refused');
  await rotate('2', 'SIGHUP: refused');
  await gateway.stop();
  const lines = [`${file}.1`, `${file}.2`, file].flatMap(linesOf);
  t.equal(lines.length, sent);
  t.equal(new Set(lines.map(({ path }) => path)).size, sent);
});

t.test('a reload turns the log on and off', async (t) => {
  const file = join(t.testdir(), 'access.log');
  const { gateway, configWith, get } = await startLogging(t, { accessLog: '' });
  await get('/orders/before');
  await gateway.writeConfig(configWith(`{ file: "${file}" }`));
  await gateway.waitForOutput('published snapshot 2');
  await get('/orders/logged');
  await gateway.writeConfig(configWith(''));
  await gateway.waitForOutput('published snapshot 3');
  await get('/orders/after');
  await gateway.stop();
  t.same(
    linesOf(file).map(({ path }) => path),
    ['/orders/logged'],
  );
});

t.test('lines on standard output are whole', async (t) => {
  const { gateway, get } = await startLogging(t, { accessLog: '{ file: "-" }' });
  for (let i = 0; i < 20; i++) await get(`/orders/${i}`);
  await gateway.stop();
  const lines = gateway
    .output()
    .split('\n')
    .filter((line) => line.startsWith('{'));
  t.same(new Set(lines.map((line) => JSON.parse(line).path)).size, 20);
});

t.test('a file that cannot be written ends the start with a sentence', async (t) => {
  await t.rejects(
    startGatewayProcess(testConfig({ upstream: 'http://127.0.0.1:9', routes, gateway: '  accessLog: { file: / }' })),
    /gateway\.accessLog\.file cannot be written: EISDIR/,
  );
});
