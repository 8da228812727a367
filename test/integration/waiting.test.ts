// The verdict WAIT, end to end: a policy that parks its exchange (test/support/faulty-gateway.worker.ts) in the real
// gateway. One worker, so that the waiting and the waking request meet.

import { fileURLToPath } from 'node:url';
import t from 'tap';
import { sample, testConfig } from '../support/configs.ts';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import { RawClient } from '../support/raw-client.ts';
import { echo, startUpstream, type TestUpstream } from '../support/upstream.ts';

const script = fileURLToPath(new URL('../support/run-faulty-gateway.js', import.meta.url));
const routes = '      told: { match: "ANY /told/{rest*}", policies: [{ concurrency: { max: 1000 } }] }';

for (const engine of ['uws', 'node'] as const) {
  t.test(`WAIT over engine ${engine}`, async (t) => {
    const upstream = await startUpstream(echo);
    const config = testConfig({ upstream: upstream.url, engine, routes });
    const gateway = await startGatewayProcess(config, { script, args: ['--workers', '1'] });
    t.teardown(async () => {
      await gateway.stop();
      await upstream.close();
    });
    const told = (order: string, key: string, path = order, init: RequestInit = {}) =>
      fetch(`${gateway.address}/told/${path}`, { ...init, headers: { 'x-test': order, 'x-test-key': key } });

    t.test('A waiting request is answered once its decision comes, with its body whole', async (t) => {
      const body = 'b'.repeat(300_000);
      const answer = told('wait', 'body', 'body', { method: 'POST', body });
      await untilParked(gateway, 1);
      t.equal(upstream.seen.length, 0, 'nothing goes upstream before the decision');
      await told('wake', 'body');
      const response = await answer;
      t.equal(response.status, 200);
      t.equal(((await response.json()) as { body: string }).body, body);
    });

    t.test('A decision that refuses ends all who wait for it', async (t) => {
      const answers = [told('wait', 'no'), told('wait', 'no')];
      await untilParked(gateway, 2);
      await told('refuse-waiting', 'no');
      t.strictSame(
        (await Promise.all(answers)).map(({ status }) => status),
        [429, 429],
      );
    });

    t.test('Nobody waits longer than the policy says; then its stated way out holds', async (t) => {
      t.equal((await told('wait-briefly', 'never')).status, 503);
      t.equal((await told('wait-open', 'never')).status, 200);
    });

    t.test('Grants go to those who have waited longest', async (t) => {
      upstream.seen.length = 0;
      const answers: Promise<Response>[] = [];
      for (let n = 0; n < 6; n++) {
        answers.push(told('take', 'order', `take-${n}`));
        await untilParked(gateway, n + 1);
      }
      for (const left of [4, 2, 0]) {
        await told('grant-two', 'order');
        await untilParked(gateway, left);
      }
      await Promise.all(answers);
      const order = upstream.seen.map(({ url }) => url).filter((url) => url.includes('take-'));
      t.strictSame(
        order,
        [0, 1, 2, 3, 4, 5].map((n) => `/told/take-${n}`),
      );
    });

    t.test('A client that leaves while waiting is forgotten, and the others are not', async (t) => {
      const leaver = await RawClient.open(gateway.port);
      leaver.send('GET /told/left HTTP/1.1\r\nHost: a\r\nX-Test: wait\r\nX-Test-Key: leave\r\n\r\n');
      await untilParked(gateway, 1);
      const stayer = told('wait', 'leave', 'stayed');
      await untilParked(gateway, 2);
      leaver.close();
      await untilParked(gateway, 1);
      upstream.seen.length = 0;
      await told('wake', 'leave');
      t.equal((await stayer).status, 200);
      t.notOk(sawPath(upstream, '/told/left'));
    });

    t.test('A waiting request outlives a reload and is answered by the configuration that it met', async (t) => {
      const answer = told('wait', 'reload', 'reload');
      await untilParked(gateway, 1);
      const from = gateway.output().length;
      await gateway.writeConfig(config.replace('ANY /told/{rest*}', 'ANY /told/wake'));
      await gateway.waitForOutput('published snapshot', from);
      t.equal((await told('', '', 'other')).status, 404, 'the new configuration holds');
      await told('wake', 'reload', 'wake');
      t.equal((await answer).status, 200);
      const again = gateway.output().length;
      await gateway.writeConfig(config);
      await gateway.waitForOutput('published snapshot', again);
    });

    t.test('More than 1,024 waiting requests are refused, and the bound is free again afterwards', async (t) => {
      const answers = Array.from({ length: 1_024 }, () => told('wait', 'many').then(({ status }) => status));
      await untilParked(gateway, 1_024);
      t.equal((await told('wait', 'many')).status, 503);
      await told('wake', 'many');
      t.ok((await Promise.all(answers)).every((status) => status === 200));
      await untilParked(gateway, 0);
    });
  });
}

async function untilParked(gateway: GatewayProcess, count: number): Promise<void> {
  for (;;) {
    const page = await (await fetch(`${gateway.admin}/metrics`)).text();
    if (sample(page, 'sluice_requests_parked', 'worker="0"') === count) return;
  }
}

function sawPath(upstream: TestUpstream, path: string): boolean {
  return upstream.seen.some(({ url }) => url === path);
}
