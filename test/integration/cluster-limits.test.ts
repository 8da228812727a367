// A limit over two real gateways with two workers each, leased from a real Redis: never over in any window, nearly all of it used,
// at few commands; and what becomes of it when Redis is killed and comes back without its data.

import { Agent, request } from 'node:http';
import t from 'tap';
import { sample, testConfig } from '../support/configs.ts';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import { redisBinary, startOwnServer } from '../support/redis-server.ts';
import { echo, startUpstream } from '../support/upstream.ts';

const RATE = 200;
const CLIENTS = 6;
// Of a client, between an answer and its next request: what all ask for is some times the limit, and no more.
const PAUSE_MS = 4;
// How much of the time more was asked for than there was, and so many times the limit.
const SLOT_MS = 100;
const EXCESS = 1.5;
const READY_TIMEOUT_MS = 20_000;

interface Admission {
  readonly sentMs: number;
  readonly answeredMs: number;
}

const redis = await startOwnServer(redisBinary(), []);
const upstream = await startUpstream(echo);
const limited = (name: string, burst: number, onStoreLoss: string) =>
  `      ${name}: { match: "GET /${name}", policies: [{ rate-limit: { limit: ${RATE}/s, burst: ${burst}, by: route, scope: cluster, onStoreLoss: ${onStoreLoss} } }] }`;
const yaml = testConfig({
  upstream: upstream.url,
  gateway: `  redis: "\${REDIS_URL}"\n  explain: { from: ["127.0.0.1"] }`,
  routes: [limited('closed', 40, 'closed'), limited('open', 40, 'open'), limited('alone', RATE, 'closed')].join('\n'),
});
const gateways = await Promise.all([1, 2].map(() => startGatewayProcess(yaml, { env: { REDIS_URL: redis.url } })));
const [one, other] = gateways as [GatewayProcess, GatewayProcess];
t.teardown(async () => {
  await Promise.all(gateways.map((gateway) => gateway.stop()));
  await redis.stop();
  await upstream.close();
});

// An empty Redis gives nothing for three seconds.
await Promise.all(gateways.map(ready));

/** Of its limits; consumers and operators are looked up by the clock, load or not. */
async function leaseCommands({ admin }: GatewayProcess): Promise<number> {
  const page = await (await fetch(`${admin}/metrics`)).text();
  return Number(/^sluice_quota_lease_commands_total (\d+)$/m.exec(page)?.[1]);
}

t.test('one gateway alone uses nearly all of a limit, at few commands', async (t) => {
  const before = await leaseCommands(one);
  const load = startLoad([one], '/alone');
  await load.run(1_500);
  const { admitted, excessMs, elapsedMs } = await load.stop();
  const least = (0.98 * (RATE * excessMs)) / 1_000 - 1;
  const calls = (await leaseCommands(one)) - before;
  t.comment(`admitted ${admitted.length}, at least ${least.toFixed(0)} were there; ${calls} commands`);
  t.ok(admitted.length >= least, 'not under');
  t.equal(mostOver(admitted, RATE), undefined, 'never over');
  // What a holder allows itself, whatever happens, and less than a fifth of a call per request.
  t.ok(calls <= 5 + elapsedMs / 75, 'never more than 14 a second');
  t.ok(calls < admitted.length / 5, 'far from a call per request');
  const page = await (await fetch(`${one.admin}/metrics`)).text();
  t.match(page, /^sluice_store_up 1$/m);
  t.match(page, /^sluice_quota_lease_commands_total [1-9]/m);
  t.match(page, /^sluice_quota_lease_failures_total 0$/m);
});

t.test('two gateways are never over, also while Redis is killed and comes back empty', async (t) => {
  const load = startLoad([one, other], '/closed');
  await load.run(1_500);
  const before = load.admittedCount();
  t.ok(before > RATE / 2, 'there was something to count');
  t.ok(load.statuses.get(429) ?? 0, 'and an excess');
  const from = one.output().length;
  await redis.restart();
  await one.waitForOutput('Redis answers again', from);
  t.match(
    one.output().slice(from),
    /Redis does not answer \(down: .*\): limits over the cluster do what onStoreLoss says/,
  );
  // What is held is renewed; nothing is given beyond before every old lease has expired.
  await load.until(() => load.admittedCount() > before + 3 * RATE);
  const { admitted, statuses, failures } = await load.stop();
  t.comment(`admitted ${admitted.length} of ${[...statuses.values()].reduce((sum, count) => sum + count, 0)}`);
  t.equal(mostOver(admitted, 40), undefined, 'never over');
  t.same(
    [...statuses.keys()].filter((status) => ![200, 429, 503].includes(status)),
    [],
  );
  t.same(failures, []);
});

t.test('an answer says what is left, and how it was decided', async (t) => {
  await Promise.all(gateways.map(ready));
  const answer = await fetch(`${one.address}/open`, { headers: { 'x-sluice-explain': '1' } });
  t.equal(answer.status, 200);
  t.match(answer.headers.get('ratelimit'), /^"shop.open.rate-limit.1";r=\d+;t=\d+$/);
  const { steps } = JSON.parse(answer.headers.get('x-sluice-explain') ?? '{}');
  t.match(steps[0], { place: 'shop.open.rate-limit.1', verdict: 'wait', scope: 'cluster', waitedUs: Number });
  t.equal(steps[0].remaining, undefined, 'nothing was decided');
  t.match(steps[1], { place: 'shop.open.rate-limit.1', verdict: 'admit', burst: 40, remaining: Number });
});

t.test('without Redis a limit does what its onStoreLoss says, and requests wait no longer than they may', async (t) => {
  await redis.stop();
  await one.waitForOutput('Redis does not answer', one.output().lastIndexOf('Redis answers again'));
  // What is held expires within three seconds.
  const deadlineMs = performance.now() + READY_TIMEOUT_MS;
  let status = 0;
  while (status !== 503 && performance.now() < deadlineMs) {
    status = await ask(one, '/closed');
    await pause(20);
  }
  t.equal(status, 503);
  const body = await (await fetch(`${one.address}/closed`)).json();
  t.match(body, { code: 'STORE_UNAVAILABLE', detail: 'the limit shop.closed.rate-limit.1 cannot be counted for now' });
  const open = await Promise.all(Array.from({ length: 100 }, () => ask(one, '/open')));
  t.ok(
    open.every((each) => each === 200),
    'open admits',
  );
  t.equal((await fetch(`${one.admin}/readyz`)).status, 200, 'an instance that was ready stays so');
  const page = await (await fetch(`${one.admin}/metrics`)).text();
  t.match(page, /^sluice_store_up 0$/m);
  t.ok(sample(page, 'sluice_rejections_total', 'code="STORE_UNAVAILABLE"') > 0);
});

async function ready(gateway: GatewayProcess): Promise<void> {
  const deadlineMs = performance.now() + READY_TIMEOUT_MS;
  while ((await fetch(`${gateway.admin}/readyz`)).status !== 200) {
    if (performance.now() > deadlineMs) throw new Error(`not ready: ${gateway.output()}`);
    await pause(50);
  }
}

async function ask(gateway: GatewayProcess, path: string): Promise<number> {
  const answer = await fetch(`${gateway.address}${path}`);
  await answer.arrayBuffer();
  return answer.status;
}

/** Clients with a kept connection each, in turn for each gateway, that ask and pause until they are told to stop. */
function startLoad(targets: readonly GatewayProcess[], path: string) {
  const fromMs = performance.now();
  const admitted: Admission[] = [];
  const statuses = new Map<number, number>();
  const failures: string[] = [];
  let stopping = false;
  const answeredOf = new Map<number, number>();
  const clients = Array.from({ length: CLIENTS }, async (_, index) => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const url = `${(targets[index % targets.length] as GatewayProcess).address}${path}`;
    while (!stopping) {
      const sentMs = performance.now();
      const status = await get(url, agent).catch((error: Error) => void failures.push(error.message));
      const answeredMs = performance.now();
      const slot = Math.floor((answeredMs - fromMs) / SLOT_MS);
      answeredOf.set(slot, (answeredOf.get(slot) ?? 0) + 1);
      statuses.set(status ?? 0, (statuses.get(status ?? 0) ?? 0) + 1);
      if (status === 200) admitted.push({ sentMs, answeredMs });
      await pause(PAUSE_MS);
    }
    agent.destroy();
  });
  return {
    statuses,
    admittedCount: () => admitted.length,
    run: (ms: number) => pause(ms),
    async until(isDone: () => boolean) {
      const deadlineMs = performance.now() + READY_TIMEOUT_MS;
      while (!isDone() && performance.now() < deadlineMs) await pause(20);
    },
    async stop() {
      // Where the machine is too busy for more than the limit to be asked for, it need not be used.
      const inExcess = [...answeredOf.values()].filter((count) => count >= (EXCESS * RATE * SLOT_MS) / 1_000);
      stopping = true;
      await Promise.all(clients);
      const elapsedMs = performance.now() - fromMs;
      return { admitted, statuses, failures, excessMs: inExcess.length * SLOT_MS, elapsedMs };
    },
  };
}

function get(url: string, agent: Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    const call = request(url, { agent }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    });
    call.on('error', reject);
    call.end();
  });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/**
 * A request was admitted at some time between when it was sent and answered. So those that were sent and answered within a
 * window were admitted in it, and may be no more than rate × length + burst: exactly, whatever the machine does.
 * @returns a window that is over; undefined when none is
 */
function mostOver(admitted: readonly Admission[], burst: number): string | undefined {
  const byAnswer = admitted.toSorted((a, b) => a.answeredMs - b.answeredMs);
  for (const { sentMs } of admitted) {
    let count = 0;
    for (const each of byAnswer) {
      if (each.sentMs < sentMs) continue;
      const most = (RATE * (each.answeredMs - sentMs)) / 1_000 + burst;
      if (++count > most) return `${count} in ${each.answeredMs - sentMs} ms, at most ${most}`;
    }
  }
  return undefined;
}
