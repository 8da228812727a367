import { fileURLToPath } from 'node:url';
import t from 'tap';
import { sample, testConfig } from '../support/configs.ts';
import { startGatewayProcess } from '../support/gateway-process.ts';
import { startLoad } from '../support/load.ts';
import { echo, startUpstream } from '../support/upstream.ts';

const script = fileURLToPath(new URL('../support/run-faulty-gateway.js', import.meta.url));
const routes = `      plain: { match: "GET /plain" }
      told: { match: "GET /told", policies: [{ concurrency: { max: 1000 } }] }`;
const FAILURES = 6;
const CLIENTS = 16;

t.test(
  `${FAILURES} workers fail one after the other: only their own requests are lost, and each is replaced`,
  async (t) => {
    const upstream = await startUpstream(echo);
    const gateway = await startGatewayProcess(testConfig({ upstream: upstream.url, routes }), { script });
    t.teardown(async () => {
      await gateway.stop();
      await upstream.close();
    });
    const load = startLoad({ url: `${gateway.address}/plain`, clients: CLIENTS });
    for (let n = 1; n <= FAILURES; n++) {
      const order = n % 2 === 0 ? 'throw' : 'throw-later';
      await fetch(`${gateway.address}/told`, { headers: { 'x-test': order } }).catch(() => {});
      await untilMetric(gateway.admin, 'sluice_worker_restarts_total', (value) => value >= n);
      await untilMetric(gateway.admin, 'sluice_workers_registered', (value) => value === 2);
      // Traffic goes on: through the worker that is left, and through the new one.
      const served = load.counts.statuses.get(200) ?? 0;
      while ((load.counts.statuses.get(200) ?? 0) < served + 2 * CLIENTS) await turn();
    }
    const counts = await load.stop();
    const lost = [...counts.failures.values()].reduce((sum, count) => sum + count, 0);
    t.comment(`requests: ${JSON.stringify([...counts.statuses])}, lost: ${JSON.stringify([...counts.failures])}`);
    // A failing worker's connections (about half of them) each have one request under way.
    t.ok(lost <= FAILURES * CLIENTS, `${lost} lost`);
    t.strictSame([...counts.statuses.keys()], [200]);
    const metrics = await (await fetch(`${gateway.admin}/metrics`)).text();
    t.equal(
      sample(metrics, 'sluice_requests_in_flight', 'worker="0"'),
      0,
      'what a dead worker had under way is zeroed',
    );
    t.equal(sample(metrics, 'sluice_requests_in_flight', 'worker="1"'), 0);
  },
);

t.test('A worker that hangs gets no connections meanwhile, and is used again afterwards', async (t) => {
  const upstream = await startUpstream(echo);
  const gateway = await startGatewayProcess(testConfig({ upstream: upstream.url, routes }), { script });
  t.teardown(async () => {
    await gateway.stop();
    await upstream.close();
  });
  const hanging = fetch(`${gateway.address}/told`, { headers: { 'x-test': 'hang', 'x-test-key': '3000' } });
  await gateway.waitForOutput('it gets no connections');
  for (let n = 0; n < 20; n++) {
    const response = await fetch(`${gateway.address}/plain`, { headers: { connection: 'close' } });
    t.equal(response.status, 200);
  }
  t.equal((await hanging).status, 200);
  await gateway.waitForOutput('answers again');
  t.notMatch(gateway.output(), /failed/);
});

t.test(
  'A gateway whose worker hangs for good ends itself, and --supervise starts it again',
  { timeout: 60_000 },
  async (t) => {
    const upstream = await startUpstream(echo);
    const gateway = await startGatewayProcess(testConfig({ upstream: upstream.url, routes }), {
      script: fileURLToPath(new URL('../support/supervise-faulty-gateway.js', import.meta.url)),
    });
    t.teardown(async () => {
      await gateway.stop();
      await upstream.close();
    });
    const from = gateway.output().length;
    const lost = fetch(`${gateway.address}/told`, { headers: { 'x-test': 'hang', 'x-test-key': '60000' } }).catch(
      () => 'lost',
    );
    await gateway.waitForOutput('has hung for', from);
    t.equal(await lost, 'lost');
    await gateway.waitForOutput('admin on ', from);
    const again = [...gateway.output().matchAll(/^listening on (\S+)$/gm)].at(-1)?.[1] as string;
    t.equal((await fetch(`${again}/plain`)).status, 200);
  },
);

/** One turn of the event loop. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

async function untilMetric(admin: string, name: string, holds: (value: number) => boolean): Promise<void> {
  for (;;) {
    const page = await (await fetch(`${admin}/metrics`)).text();
    const line = page.split('\n').find((text) => text.startsWith(`${name} `));
    if (holds(Number(line?.split(' ')[1] ?? 0))) return;
  }
}
