// Limits over the real gateway with two workers: what is admitted, by the clock of the one who asks.

import t from 'tap';
import { testConfig } from '../support/configs.ts';
import { startGatewayProcess } from '../support/gateway-process.ts';
import { startLoad } from '../support/load.ts';
import { echo, startUpstream } from '../support/upstream.ts';

const CLIENTS = 16;

for (const { limit, burst, seconds } of [
  { limit: 7, burst: 1, seconds: 3 },
  // A second's worth: the machine may stand still for a while without the limit going unused.
  { limit: 200, burst: 200, seconds: 4 },
]) {
  t.test(`Two workers admit ${limit}/s with a burst of ${burst} exactly, under excess demand`, async (t) => {
    const upstream = await startUpstream(echo);
    const policies = `[{ rate-limit: { limit: ${limit}/s, burst: ${burst}, by: route } }]`;
    const routes = `      one: { match: "GET /one", policies: ${policies} }`;
    const gateway = await startGatewayProcess(testConfig({ upstream: upstream.url, routes }));
    t.teardown(async () => {
      await gateway.stop();
      await upstream.close();
    });
    const fromMs = performance.now();
    const answeredMs: number[] = [fromMs];
    const load = startLoad({
      url: `${gateway.address}/one`,
      clients: CLIENTS,
      onAnswer: () => void answeredMs.push(performance.now()),
    });
    while (performance.now() - fromMs < seconds * 1_000) await new Promise((resolve) => setImmediate(resolve));
    const untilMs = performance.now();
    const counts = await load.stop();
    const endMs = performance.now();
    const admitted = counts.statuses.get(200) ?? 0;
    const refused = counts.statuses.get(429) ?? 0;
    // The first request was sent after fromMs and the last answered before endMs: a window that holds them all.
    const most = Math.floor((limit * (endMs - fromMs)) / 1_000 + burst);
    // Where the machine stood still for longer than the burst covers, nobody asked for what the limit had to give.
    const excessMs = untilMs - fromMs - stalledMs(answeredMs, (burst / limit) * 1_000);
    const least = Math.floor(0.99 * ((limit * excessMs) / 1_000)) - 1;
    t.comment(`admitted ${admitted} of ${admitted + refused}, at most ${most}, at least ${least}`);
    t.ok(admitted <= most, 'never over');
    t.ok(admitted >= least, 'not under either');
    t.ok(refused > admitted, 'there was an excess');
    t.equal(upstream.seen.length, admitted, 'what was refused never reached the upstream');
    t.strictSame([...counts.failures], []);
  });
}

t.test('A limit by consumer is one over both workers, whatever connection a request comes on', async (t) => {
  const upstream = await startUpstream(echo);
  const gateway = await startGatewayProcess(
    testConfig({
      upstream: upstream.url,
      more: 'consumers: { alice: { keys: [{ id: a, secret: "alice-secret" }] }, bob: { keys: [{ id: b, secret: "bob-secret" }] } }',
      routes:
        '      one: { match: "GET /one", policies: [{ auth: { any: [api-key] } }, { rate-limit: { limit: 1/min, burst: 10, by: consumer } }] }',
    }),
  );
  t.teardown(async () => {
    await gateway.stop();
    await upstream.close();
  });
  const ask = async (key: string) =>
    (await fetch(`${gateway.address}/one`, { headers: { 'x-api-key': key, connection: 'close' } })).status;
  const statuses = await Promise.all(Array.from({ length: 40 }, () => ask('alice-secret')));
  t.equal(statuses.filter((status) => status === 200).length, 10);
  t.equal(statuses.filter((status) => status === 429).length, 30);
  t.equal(await ask('bob-secret'), 200, 'another consumer has its own');
});

/** How long in all no answer came, beyond the given time each. */
function stalledMs(moments: readonly number[], beyondMs: number): number {
  let sum = 0;
  for (let i = 1; i < moments.length; i++) {
    sum += Math.max(0, (moments[i] as number) - (moments[i - 1] as number) - beyondMs);
  }
  return sum;
}
