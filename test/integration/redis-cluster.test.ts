// Two gateways on a real Redis Cluster of three masters: limits, quotas and usage are one for both.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import t from 'tap';
import { OPEN_ADMIN, testConfig } from '../support/configs.ts';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import { startRedisCluster } from '../support/redis-cluster.ts';
import { echo, startUpstream } from '../support/upstream.ts';

const QUOTA = 40;
const TIMEOUT_MS = 30_000;

async function until<T>(what: string, read: () => Promise<T | undefined>): Promise<T> {
  const deadlineMs = performance.now() + TIMEOUT_MS;
  for (;;) {
    const value = await read();
    if (value !== undefined) return value;
    if (performance.now() > deadlineMs) throw new Error(`waited too long for ${what}`);
    await wait(50);
  }
}

t.test('limits, quotas and usage are one over gateways that share a cluster', { timeout: 90_000 }, async (t) => {
  const redis = await startRedisCluster(3);
  const upstream = await startUpstream(echo);
  const folder = await mkdtemp(join(tmpdir(), 'sluice-data-'));
  const yaml = testConfig({
    admin: OPEN_ADMIN,
    upstream: upstream.url,
    gateway: '  redis: "${REDIS_URL}"\n  usage: {}',
    more: `plans: { free: { limit: 1000/s, quota: ${QUOTA}/total, onStoreLoss: closed } }
consumers: { alice: { plan: free, keys: [{ id: a, secret: "alice-secret" }] } }`,
    routes: '      one: { match: "GET /one", policies: [{ auth: { any: [api-key] } }] }',
  });
  const start = (name: string): Promise<GatewayProcess> =>
    startGatewayProcess(yaml, {
      args: ['--data', join(folder, name), '--workers', '1'],
      env: { REDIS_URL: redis.url },
    });
  const gateways = await Promise.all(['a', 'b'].map(start));
  t.teardown(async () => {
    await Promise.all(gateways.map((gateway) => gateway.stop()));
    await redis.stop();
    await upstream.close();
    await rm(folder, { recursive: true, force: true });
  });
  const ask = async (gateway: GatewayProcess): Promise<string> => {
    const answer = await fetch(`${gateway.address}/one`, { headers: { 'x-api-key': 'alice-secret' } });
    const body = (await answer.json()) as { code?: string };
    return answer.status === 200 ? 'ok' : (body.code ?? '');
  };
  const answers: string[] = [];
  const isUsedUp = (): boolean => answers.slice(-4).every((answer) => answer === 'QUOTA_EXCEEDED');
  await until('the quota to be used up', async () => {
    // An empty store gives nothing for three seconds, and says so.
    for (const gateway of gateways) answers.push(await ask(gateway));
    return answers.length >= 4 && isUsedUp() ? true : undefined;
  });
  const admitted = answers.filter((answer) => answer === 'ok').length;
  t.ok(admitted <= QUOTA && admitted > QUOTA / 2, `${admitted} of ${QUOTA}`);
  t.same(
    [...new Set(answers)].filter(
      (answer) => !['ok', 'QUOTA_EXCEEDED', 'QUOTA_UNKNOWN', 'STORE_UNAVAILABLE', 'RATE_LIMITED'].includes(answer),
    ),
    [],
  );
  for (const { admin } of gateways) {
    const calls = await until('usage of both', async () => {
      const page = (await (await fetch(`${admin}/api/v1/usage?consumer=alice`)).json()) as {
        rows: { calls: number }[];
      };
      return page.rows[0]?.calls === answers.length ? page.rows[0].calls : undefined;
    });
    t.equal(calls, answers.length, 'each of them tells of all calls');
  }
});
