// A quota over real gateways, with a real Redis: one is killed, another one comes, Redis starts again and loses its data; never more
// than the quota is admitted, and nearly all of it.

import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import t from 'tap';
import { testConfig } from '../support/configs.ts';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import { redisBinary, startOwnServer } from '../support/redis-server.ts';
import { echo, startUpstream } from '../support/upstream.ts';
import { sendRequest } from './fixture.ts';

const QUOTA = 400;
const TIMEOUT_MS = 40_000;

const redis = await startOwnServer(redisBinary(), ['--appendonly', 'yes', '--appendfsync', 'everysec']);
const upstream = await startUpstream(echo);
const data = await mkdtemp(join(tmpdir(), 'sluice-data-'));
// Who hears of it: each threshold once, by its id.
const alerts = new Map<string, { data: { consumer: string; threshold: number; used: number } }>();
const webhook = createServer((request, response) => {
  let body = '';
  request.setEncoding('utf8').on('data', (chunk: string) => {
    body += chunk;
  });
  request.on('end', () => {
    alerts.set(String(request.headers['webhook-id']), JSON.parse(body));
    response.writeHead(204).end();
  });
});
webhook.listen(0, '127.0.0.1');
await once(webhook, 'listening');
const webhookUrl = `http://127.0.0.1:${(webhook.address() as AddressInfo).port}/`;
const yaml = testConfig({
  upstream: upstream.url,
  gateway: `  redis: "\${REDIS_URL}"
  alerts: { webhook: "${webhookUrl}", secret: a-secret-for-webhooks, at: [50%, 90%] }`,
  more: `plans: { free: { quota: ${QUOTA}/total } }
consumers:
  alice: { plan: free, keys: [{ id: a, secret: "alice-secret" }] }
  open: { quota: ${QUOTA}/total, onStoreLoss: open, keys: [{ id: o, secret: "open-secret" }] }`,
  routes: '      one: { match: "GET /one", policies: [{ auth: { any: [api-key] } }] }',
});
const start = (folder: string) =>
  startGatewayProcess(yaml, { args: ['--data', join(data, folder), '--workers', '1'], env: { REDIS_URL: redis.url } });
// As if it had been there for some time: an empty Redis gives nothing for three seconds, of which there are enough below.
const client = new Redis(redis.url);
const runId = /^run_id:(\S+)/m.exec(await client.info('server'))?.[1];
for (const marker of ['sluice:marker', 'sluice:{quota}:marker']) {
  await client.set(marker, `${runId}:${(Date.now() - 60_000) * 1_000}`);
}
client.disconnect();
const running: GatewayProcess[] = await Promise.all(['a', 'b'].map(start));
t.teardown(async () => {
  await Promise.all(running.map((gateway) => gateway.stop()));
  await redis.stop();
  await upstream.close();
  webhook.close();
  await rm(data, { recursive: true, force: true });
});

let admitted = 0;

t.test('the quota is never passed, whatever ends, comes, starts again and forgets', async (t) => {
  const [first, second] = running as [GatewayProcess, GatewayProcess];
  await askUntil([first, second], () => admitted >= 120);
  t.ok(admitted <= 160);

  // What it had taken and not used is stranded; nobody gives it away.
  first.signal('SIGKILL');
  await first.exited;
  running.shift();
  await askUntil([second], () => admitted >= 180);

  // It has the data folder of the killed one, and takes up what that had.
  const starting = start('a');
  const from = second.output().length;
  await redis.restart();
  await second.waitForOutput('Redis has restarted, or lost its data', from);
  t.match(second.output().slice(from), /Redis does not answer .*: quotas over the cluster spend what is held/);
  t.match(second.output().slice(from), /quotas over the cluster: Redis answers again/);
  const third = await starting;
  running.push(third);
  await askUntil([second, third], () => admitted >= 240);

  const flusher = new Redis(redis.url);
  await flusher.flushall();
  flusher.disconnect();
  await askUntil([second, third], () => isUsedUp);
  t.ok(admitted <= QUOTA, `${admitted} of ${QUOTA}`);
  t.ok(admitted >= 0.9 * QUOTA, `${admitted} of ${QUOTA}`);
  t.equal(await metric(second, 'losses'), 2);
  t.ok((await metric(second, 'granted')) > 0);
});

t.test('a flood after the end asks Redis hardly at all', async (t) => {
  const [gateway] = running as [GatewayProcess];
  const before = await metric(gateway, 'commands');
  const fromMs = performance.now();
  for (let n = 0; n < 30; n++) await Promise.all(Array.from({ length: 10 }, () => ask(gateway)));
  const seconds = (performance.now() - fromMs) / 1_000;
  const commands = (await metric(gateway, 'commands')) - before;
  // One a second for the quota, and the look at the marker; a report of Redis's loss may be under way.
  t.ok(commands <= 2 * seconds + 12, `${commands} in ${seconds} s`);
});

t.test('each threshold is one alert, whoever sends it', async (t) => {
  const deadlineMs = performance.now() + TIMEOUT_MS;
  while (alerts.size < 2 && performance.now() < deadlineMs) await new Promise((resolve) => setTimeout(resolve, 20));
  const seen = [...alerts.values()].map(({ data }) => data).toSorted((a, b) => a.threshold - b.threshold);
  t.match(seen, [
    { consumer: 'alice', threshold: 0.5 },
    { consumer: 'alice', threshold: 0.9 },
  ]);
  t.ok(seen.every(({ threshold, used }) => used >= threshold * QUOTA && used <= QUOTA));
  const [gateway] = running as [GatewayProcess];
  t.match(await (await fetch(`${gateway.admin}/metrics`)).text(), /^sluice_alerts_dropped_total 0$/m);
});

t.test('without Redis a quota is closed or open, as its plan says, and nobody waits', async (t) => {
  const [gateway] = running as [GatewayProcess];
  const from = gateway.output().length;
  await redis.stop();
  await gateway.waitForOutput('Redis does not answer', from);
  const deadlineMs = performance.now() + TIMEOUT_MS;
  let answer = await ask(gateway);
  while (answer.status !== 503 && performance.now() < deadlineMs) answer = await ask(gateway);
  t.match(answer.json, { code: 'QUOTA_UNKNOWN' });
  const open = await Promise.all(Array.from({ length: 20 }, () => ask(gateway, 'open-secret')));
  t.ok(open.every(({ status }) => status === 200));
});

let isUsedUp = false;

async function askUntil(gateways: readonly GatewayProcess[], isDone: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + TIMEOUT_MS;
  let refusals = 0;
  while (!isDone() && performance.now() < deadlineMs) {
    const answers = await Promise.all(gateways.flatMap((gateway) => Array.from({ length: 4 }, () => ask(gateway))));
    admitted += answers.filter(({ status }) => status === 200).length;
    // Used up for all: nobody has anything left to give back.
    refusals = answers.every(({ status }) => status === 429) ? refusals + 1 : 0;
    isUsedUp = refusals >= 3;
    if (answers.every(({ status }) => status !== 200)) await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function ask(gateway: GatewayProcess, secret = 'alice-secret') {
  return sendRequest(gateway.port, '/one', { headers: { 'x-api-key': secret } });
}

async function metric(gateway: GatewayProcess, name: string): Promise<number> {
  const page = await (await fetch(`${gateway.admin}/metrics`)).text();
  return Number(new RegExp(`^sluice_quota_blocks_${name}_total (\\d+)$`, 'm').exec(page)?.[1]);
}
