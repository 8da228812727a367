import { connect } from 'node:net';
import t from 'tap';
import { testConfig } from '../support/configs.ts';
import { startGatewayProcess } from '../support/gateway-process.ts';
import { startLoad } from '../support/load.ts';
import { echo, startUpstream } from '../support/upstream.ts';

const routes = '      all: { match: "ANY /{rest*}" }';

for (const engine of ['uws', 'node'] as const) {
  t.test(`SIGTERM under load fails no request that was received, and exits 0 (${engine})`, async (t) => {
    const upstream = await startUpstream(echo);
    t.teardown(() => upstream.close());
    const gateway = await startGatewayProcess(testConfig({ upstream: upstream.url, engine, routes }));
    const load = startLoad({ url: `${gateway.address}/one`, clients: 16, endsWhenRefused: true });
    while ((load.counts.statuses.get(200) ?? 0) < 500) await new Promise((resolve) => setImmediate(resolve));
    t.equal(await gateway.stop(), 0);
    const counts = await load.stop();
    t.comment(`requests: ${JSON.stringify([...counts.statuses])}, refused: ${counts.refused}`);
    t.strictSame([...counts.failures], []);
    t.strictSame([...counts.statuses.keys()], [200]);
  });

  t.test(`A request under way when SIGTERM comes is finished (${engine})`, async (t) => {
    let release: () => void = () => {};
    const upstream = await startUpstream((_req, res) => {
      release = () => res.end('late');
    });
    t.teardown(() => upstream.close());
    const gateway = await startGatewayProcess(testConfig({ upstream: upstream.url, engine, routes }));
    const answer = fetch(`${gateway.address}/slow`);
    while (upstream.seen.length === 0) await new Promise((resolve) => setImmediate(resolve));
    gateway.signal('SIGTERM');
    await gateway.waitForOutput('draining');
    release();
    const response = await answer;
    t.equal(response.status, 200);
    t.equal(await response.text(), 'late');
    t.equal((await gateway.exited).code, 0);
  });

  t.test(`A request that does not finish within drainTimeout is cut, and the exit code is 0 (${engine})`, async (t) => {
    const upstream = await startUpstream(() => {});
    t.teardown(() => upstream.close());
    const gateway = await startGatewayProcess(
      testConfig({ upstream: upstream.url, engine, routes, gateway: '  drainTimeout: 500ms' }),
    );
    const answer = fetch(`${gateway.address}/never`).then(
      (response) => response.status,
      () => 'cut',
    );
    while (upstream.seen.length === 0) await new Promise((resolve) => setImmediate(resolve));
    t.equal(await gateway.stop(), 0);
    t.equal(await answer, 'cut');
    t.match(gateway.output(), /did not finish in time/);
  });

  // What becomes of the drain's end is the fleet's part, the same for both engines.
  if (engine === 'node') continue;
  t.test(`An idle kept connection does not hold up the end (${engine})`, async (t) => {
    const upstream = await startUpstream(echo);
    t.teardown(() => upstream.close());
    const gateway = await startGatewayProcess(testConfig({ upstream: upstream.url, engine, routes }));
    const socket = connect(gateway.port, '127.0.0.1');
    await new Promise((resolve) => socket.once('connect', resolve));
    socket.on('error', () => {});
    const startedMs = Date.now();
    t.equal(await gateway.stop(), 0);
    t.ok(Date.now() - startedMs < 5_000, 'long before the drain timeout of 30 s');
  });
}

t.test('A gateway whose output nobody reads any more drains like any other', async (t) => {
  const upstream = await startUpstream(echo);
  t.teardown(() => upstream.close());
  const gateway = await startGatewayProcess(testConfig({ upstream: upstream.url, routes }));
  gateway.closeOutput();
  t.equal((await fetch(`${gateway.address}/one`)).status, 200);
  gateway.signal('SIGHUP');
  t.equal(await gateway.stop(), 0);
});

for (const engine of ['uws', 'node'] as const) {
  t.test(`A port that is taken ends the start with a sentence (${engine})`, async (t) => {
    const upstream = await startUpstream(echo);
    const gateway = await startGatewayProcess(testConfig({ upstream: upstream.url, routes }));
    t.teardown(async () => {
      await gateway.stop();
      await upstream.close();
    });
    const free = testConfig({ upstream: upstream.url, engine, routes });
    const taken = free.replace('address: "127.0.0.1:0"', `address: "127.0.0.1:${gateway.port}"`);
    await t.rejects(startGatewayProcess(taken), { message: /cannot be listened on|EADDRINUSE/ });
    await t.rejects(startGatewayProcess(taken), { message: /sluice did not start/ });
  });
}
