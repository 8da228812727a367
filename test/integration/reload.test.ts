import t from 'tap';
import { sample, testConfig } from '../support/configs.ts';
import { startGatewayProcess } from '../support/gateway-process.ts';
import { startLoad } from '../support/load.ts';
import { echo, startUpstream } from '../support/upstream.ts';

// `npm run soak` makes it 50.
const RELOADS_UNDER_LOAD = Number(process.env['RELOADS_UNDER_LOAD'] ?? 12);

t.test('A changed file is published as a whole, and answers change with it', async (t) => {
  const upstream = await startUpstream(echo);
  const routes = (path: string) => `      one: { match: "GET ${path}" }`;
  const gateway = await startGatewayProcess(testConfig({ upstream: upstream.url, routes: routes('/before') }));
  t.teardown(async () => {
    await gateway.stop();
    await upstream.close();
  });
  t.equal((await fetch(`${gateway.address}/before`)).status, 200);
  await gateway.writeConfig(testConfig({ upstream: upstream.url, routes: routes('/after') }));
  await gateway.waitForOutput('published snapshot 2');
  t.equal((await fetch(`${gateway.address}/before`)).status, 404);
  t.equal((await fetch(`${gateway.address}/after`)).status, 200);
});

t.test('A bad file is refused with every problem, and the old configuration goes on', async (t) => {
  const upstream = await startUpstream(echo);
  const good = testConfig({ upstream: upstream.url, routes: '      one: { match: "GET /one" }' });
  const gateway = await startGatewayProcess(good);
  t.teardown(async () => {
    await gateway.stop();
    await upstream.close();
  });
  await gateway.writeConfig(good.replace('upstream: main', 'upstream: mian').replace('GET /one', 'GIT /one'));
  gateway.signal('SIGHUP');
  await gateway.waitForOutput('services.shop.routes.one.match');
  t.match(gateway.output(), /services\.shop\.upstream/);
  t.equal((await fetch(`${gateway.address}/one`)).status, 200);
  const metrics = await (await fetch(`${gateway.admin}/metrics`)).text();
  t.ok(sample(metrics, 'sluice_reloads_total', 'result="refused"') >= 1);
  t.equal(sample(metrics, 'sluice_snapshot_epoch', 'worker="0"'), 1);
});

t.test('What belongs to sockets and threads cannot be reloaded, and the reload says so', async (t) => {
  const upstream = await startUpstream(echo);
  const good = testConfig({ upstream: upstream.url, routes: '      one: { match: "GET /one" }' });
  const gateway = await startGatewayProcess(good);
  t.teardown(async () => {
    await gateway.stop();
    await upstream.close();
  });
  await gateway.writeConfig(good.replace('workers: 2', 'workers: 1'));
  await gateway.waitForOutput('gateway.workers cannot change without a restart');
  t.equal((await fetch(`${gateway.address}/one`)).status, 200);
});

t.test('Limits and counters survive a reload', async (t) => {
  const upstream = await startUpstream(echo);
  const config = (burst: number) =>
    testConfig({
      upstream: upstream.url,
      routes: `      one: { match: "GET /one", policies: [{ rate-limit: { limit: 1/min, burst: ${burst}, by: route } }] }`,
    });
  const gateway = await startGatewayProcess(config(3));
  t.teardown(async () => {
    await gateway.stop();
    await upstream.close();
  });
  const status = async () => (await fetch(`${gateway.address}/one`)).status;
  t.strictSame([await status(), await status(), await status(), await status()], [200, 200, 200, 429]);
  await gateway.writeConfig(`${config(3)}\n# touched\n`);
  await gateway.waitForOutput('published snapshot 2');
  t.equal(await status(), 429, 'the burst is not there again');
  const metrics = await (await fetch(`${gateway.admin}/metrics`)).text();
  t.equal(sample(metrics, 'sluice_requests_total', 'status_class="2xx"'), 3);
  t.equal(sample(metrics, 'sluice_requests_total', 'status_class="4xx"'), 2);
});

for (const engine of ['uws', 'node'] as const) {
  t.test(`${RELOADS_UNDER_LOAD} reloads under load fail no request (${engine})`, async (t) => {
    const upstream = await startUpstream(echo);
    const config = (n: number) =>
      testConfig({
        upstream: upstream.url,
        engine,
        routes: `      one: { match: "GET /one" }\n      r${n}: { match: "GET /r${n}" }`,
      });
    const gateway = await startGatewayProcess(config(0));
    t.teardown(async () => {
      await gateway.stop();
      await upstream.close();
    });
    const load = startLoad({ url: `${gateway.address}/one`, clients: 16 });
    for (let n = 1; n <= RELOADS_UNDER_LOAD; n++) {
      const from = gateway.output().length;
      await gateway.writeConfig(config(n));
      await gateway.waitForOutput(`published snapshot`, from);
      t.equal((await fetch(`${gateway.address}/r${n}`)).status, 200);
    }
    const counts = await load.stop();
    t.comment(`requests: ${JSON.stringify([...counts.statuses])}`);
    t.strictSame([...counts.failures], []);
    t.equal(counts.refused, 0);
    t.strictSame([...counts.statuses.keys()], [200]);
    t.ok((counts.statuses.get(200) ?? 0) > 100, 'there was a load');
  });
}
