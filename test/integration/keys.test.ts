// Keys over two real gateways with two workers each that share a real Redis, under load all the while: how long a revoked key is
// admitted, how soon a new one is, and what holds while Redis is away.

import { request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import t from 'tap';
import { type AdminTarget, askJson } from '../../src/cli/admin-client.ts';
import { CONSUMER_KEYS } from '../../src/control/catalog/redis/consumer-scripts.ts';
import { testConfig } from '../support/configs.ts';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import { redisBinary, startOwnServer } from '../support/redis-server.ts';
import { echo, startUpstream } from '../support/upstream.ts';
import { tokenOf } from './admin-rig.ts';
import { sendRequest } from './fixture.ts';

const WITHIN_MS = 1_000;
// Only a test that fails waits for so long.
const UNTIL_MS = 20_000;
// A compilation stands behind everything else that the machine does.
t.setTimeout(90_000);

const redis = await startOwnServer(redisBinary(), []);
const upstream = await startUpstream(echo);
const consumers = (keys: string) => `consumers: { walter: { keys: [${keys}] } }`;
const WRITTEN = '{ id: walter-1, secret: walter-secret-1 }';
const yaml = (keys: string, more = '') =>
  testConfig({
    upstream: upstream.url,
    gateway: `  redis: "\${REDIS_URL}"\n${more}`,
    routes: '      keyed: { match: "GET /keyed", policies: [{ auth: { any: [api-key] } }] }',
    more: `plans: { gold: { priority: 3 } }\n${consumers(keys)}`,
  });
const gateways = await Promise.all(
  [1, 2].map(() => startGatewayProcess(yaml(WRITTEN), { env: { REDIS_URL: redis.url } })),
);
const [one, other] = gateways as [GatewayProcess, GatewayProcess];
t.teardown(async () => {
  await Promise.all(gateways.map((gateway) => gateway.stop()));
  await redis.stop();
  await upstream.close();
});

// One of the two makes the first operator of both.
const token = (await Promise.all(gateways.map(tokenOf))).join('');
const place = (gateway: GatewayProcess): AdminTarget => ({ admin: gateway.admin, token });
const KEYS = '/api/v1/consumers/alice/keys';

interface NewKey {
  readonly key: { readonly id: string };
  readonly secret: string;
}

async function createKey(gateway: GatewayProcess, consumer = 'alice', body: object = {}): Promise<NewKey> {
  return (await askJson(
    place(gateway),
    {},
    {
      ...{ method: 'POST', path: `/api/v1/consumers/${consumer}/keys`, body },
    },
  )) as NewKey;
}

async function status(gateway: GatewayProcess, key: string): Promise<number> {
  return (await sendRequest(gateway.port, '/keyed', { headers: { 'x-api-key': key } })).status;
}

async function until(what: () => Promise<boolean> | boolean): Promise<number> {
  const startMs = performance.now();
  while (!(await what())) {
    await pause(5);
    if (performance.now() - startMs > UNTIL_MS) throw new Error('it did not come');
  }
  return performance.now() - startMs;
}

/** Asks one gateway without a pause, over connections that reach all its workers. @returns when the last was sent that was admitted */
function watchAdmissions(gateway: GatewayProcess, key: string) {
  let isOver = false;
  let lastMs = 0;
  let refusals = 0;
  let admissions = 0;
  const ask = (): Promise<number> =>
    new Promise((resolve, reject) => {
      const headers = { 'x-api-key': key, connection: 'close' };
      const req = request({ host: '127.0.0.1', port: gateway.port, path: '/keyed', headers, agent: false }, (res) => {
        res.resume();
        res.on('end', () => resolve(res.statusCode ?? 0));
      });
      req.on('error', reject);
      req.end();
    });
  const clients = Array.from({ length: 2 }, async () => {
    while (!isOver) {
      await pause(1);
      const sentMs = performance.now();
      if ((await ask()) === 200) {
        admissions++;
        lastMs = Math.max(lastMs, sentMs);
      } else refusals++;
    }
  });
  return {
    get refusals() {
      return refusals;
    },
    get admissions() {
      return admissions;
    },
    async stop(): Promise<number> {
      isOver = true;
      await Promise.all(clients);
      return lastMs;
    },
  };
}

/** @returns ms from the moment until the last request was sent that any gateway admitted, less than 0: none was */
async function admittedAfter(key: string, deed: () => Promise<number>): Promise<number> {
  const watches = gateways.map((gateway) => watchAdmissions(gateway, key));
  await until(() => {
    return watches.every(({ admissions }) => admissions > 20);
  });
  const doneMs = await deed();
  const refused = watches.map(({ refusals }) => refusals);
  await until(() => {
    // Some more on each: what is refused stays refused.
    return watches.every(({ refusals }, at) => refusals > (refused[at] ?? 0) + 30);
  });
  const last = await Promise.all(watches.map((watch) => watch.stop()));
  return Math.max(...last) - doneMs;
}

t.test('a new key counts where it was made when it is answered, and elsewhere soon', async (t) => {
  await askJson(place(one), {}, { method: 'PUT', path: '/api/v1/consumers/alice', body: { plan: 'gold' } });
  const { secret } = await createKey(one);
  t.equal(await status(one, secret), 200, 'where it was made, when it is answered');
  const ms = await until(async () => (await status(other, secret)) === 200);
  t.comment(`a new key counted elsewhere after ${ms.toFixed(0)} ms`);
});

t.test('a revoked key is admitted by no gateway a second later, and where it was revoked not at all', async (t) => {
  const { key, secret } = await createKey(one);
  await until(async () => (await status(other, secret)) === 200);
  const ms = await admittedAfter(secret, async () => {
    await askJson(place(one), {}, { method: 'DELETE', path: `${KEYS}/${key.id}` });
    return performance.now();
  });
  t.comment(`the last request was admitted ${ms.toFixed(0)} ms after the revocation was answered`);
  t.ok(ms < WITHIN_MS);
  t.equal(await status(one, secret), 401);
});

t.test('so is one whose consumer was removed, and one that was disabled counts again when it is enabled', async (t) => {
  await askJson(place(other), {}, { method: 'PUT', path: '/api/v1/consumers/bob', body: {} });
  const { key, secret } = await createKey(other, 'bob');
  const path = `/api/v1/consumers/bob/keys/${key.id}`;
  await until(async () => (await status(one, secret)) === 200);
  await askJson(place(other), {}, { method: 'PATCH', path, body: { disabled: true } });
  t.equal(await status(other, secret), 401);
  await until(async () => (await status(one, secret)) === 401);
  await askJson(place(other), {}, { method: 'PATCH', path, body: { disabled: false } });
  t.equal(await status(other, secret), 200);
  await until(async () => (await status(one, secret)) === 200);
  const ms = await admittedAfter(secret, async () => {
    await askJson(place(other), {}, { method: 'DELETE', path: '/api/v1/consumers/bob' });
    return performance.now();
  });
  t.ok(ms < WITHIN_MS, `${ms.toFixed(0)} ms`);
});

t.test('a key that is rotated counts for the overlap beside the new one', async (t) => {
  const { key, secret } = await createKey(one);
  const rotate = (id: string, overlap: string) =>
    askJson(place(one), {}, { method: 'POST', path: `${KEYS}/${id}/rotate`, body: { overlap } }) as Promise<NewKey>;
  const next = await rotate(key.id, '1h');
  t.same([await status(one, secret), await status(one, next.secret)], [200, 200]);
  const last = await rotate(next.key.id, '0s');
  t.same([await status(one, next.secret), await status(one, last.secret)], [401, 200]);
});

t.test('two gateways do not give two consumers the same key', async (t) => {
  await createKey(one, 'alice', { id: 'shared-id', secret: 'a secret of somebody' });
  const refused = (body: object) =>
    askJson(place(other), {}, { method: 'POST', path: '/api/v1/consumers/walter/keys', body });
  await t.rejects(refused({ id: 'shared-id' }), { message: /there is a key shared-id/ });
  await t.rejects(refused({ secret: 'a secret of somebody' }), { message: /has this secret/ });
  await t.rejects(
    refused({ id: 'walter-1' }),
    { message: /there is a key walter-1 already/ },
    'nor one of sluice.yaml',
  );
});

t.test('a key that is taken out of sluice.yaml is admitted no more once that is published', async (t) => {
  const ms = await admittedAfter('walter-secret-1', async () => {
    const writtenMs = performance.now();
    await Promise.all(
      gateways.map((gateway) => gateway.writeConfig(yaml('{ id: walter-2, secret: walter-secret-2 }'))),
    );
    return writtenMs;
  });
  t.comment(`the last request was admitted ${ms.toFixed(0)} ms after the file was written`);
  t.ok(ms < UNTIL_MS);
});

t.test('while Redis is away keys count as they did and no change is taken; what it lost it gets back', async (t) => {
  const kept = await createKey(one);
  const revoked = await createKey(one);
  await until(async () => (await status(other, revoked.secret)) === 200);
  await askJson(place(one), {}, { method: 'DELETE', path: `${KEYS}/${revoked.key.id}` });
  await until(async () => (await status(other, revoked.secret)) === 401);
  const from = one.output().length;
  await redis.kill();
  await one.waitForOutput('consumers: Redis does not answer', from);
  t.same([await status(one, kept.secret), await status(other, kept.secret)], [200, 200]);
  await t.rejects(createKey(one), { message: /the audit log cannot be written: Redis|Redis does not take the change/ });
  // It comes back with nothing.
  await redis.restart();
  await one.waitForOutput('consumers: Redis answers again', from);
  const client = new Redis(redis.url);
  t.teardown(() => client.disconnect());
  await until(async () => (await client.hget(CONSUMER_KEYS[1] as string, 'alice')) !== null);
  const added = await createKey(one);
  await until(async () => (await status(other, added.secret)) === 200);
  for (const gateway of gateways) {
    t.same(
      [await status(gateway, kept.secret), await status(gateway, revoked.secret), await status(gateway, added.secret)],
      [200, 401, 200],
    );
  }
});
