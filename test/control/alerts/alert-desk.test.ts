// Alerts to a real HTTP server, on a clock of the test's own.

import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { monotonicClock } from '../../../src/base/clock.ts';
import { AlertDesk } from '../../../src/control/alerts/alert-desk.ts';
import { ALERT_COUNT_MAX, AlertStore, type StoredAlert } from '../../../src/control/alerts/alert-store.ts';
import { sendWebhook } from '../../../src/control/alerts/send-webhook.ts';
import { signWebhook } from '../../../src/control/alerts/sign-webhook.ts';
import { ClusterQuotas } from '../../../src/control/quota/blocks/cluster-quotas.ts';
import { QuotaKeeper } from '../../../src/control/quota/durable/quota-keeper.ts';
import { QuotaStore } from '../../../src/control/quota/durable/quota-store.ts';
import { NO_BLOCK, QuotaTable } from '../../../src/shm/quota-table.ts';
import { VirtualClock } from '../../gateway/limiter/window.ts';
import { startRedisServer } from '../../support/redis-server.ts';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const DAY_MS = 86_400_000;
const WALL_MS = Date.parse('2026-11-26T22:00:00Z');
const WAIT_MS = 20_000;

interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Answers with the statuses in their order, then with 204. */
async function receiver(t: Test, statuses: number[] = [], port = 0) {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => {
      body += chunk;
    });
    request.on('end', () => {
      received.push({ headers: request.headers, body });
      response.writeHead(statuses.shift() ?? 204, { location: '/elsewhere' }).end();
    });
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const address = server.address() as AddressInfo;
  return { received, port: address.port, url: `http://127.0.0.1:${address.port}/hook` };
}

class Rig {
  readonly table = QuotaTable.create(64);
  readonly clock = new VirtualClock();
  readonly troubles: string[] = [];
  readonly desk: AlertDesk;
  readonly keeper: QuotaKeeper;
  wallMs = WALL_MS;

  constructor(folder: string, webhook: string, claim?: ConstructorParameters<typeof AlertDesk>[0]['claim']) {
    const config = { webhook, secret: SECRET, at: [0.5, 0.8, 1], timeoutMs: 10_000 };
    const log = (_level: string, message: string) => void this.troubles.push(message);
    this.desk = new AlertDesk({
      folder: join(folder, 'alerts'),
      config: () => config,
      send: sendWebhook,
      ...(claim !== undefined && { claim }),
      log,
      wallMs: () => this.wallMs,
    });
    this.keeper = new QuotaKeeper({
      table: this.table,
      clock: this.clock,
      wallMs: () => this.wallMs,
      counters: new QuotaStore(join(folder, 'quotas')),
      timeZone: () => 'UTC',
      watcher: this.desk,
      wake: () => {},
      log,
    });
    this.keeper.tick();
  }

  async spend(count: number, max: number): Promise<void> {
    const take = (): number => {
      const slot = this.table.find(5, 1);
      return slot < 0 ? NO_BLOCK : this.table.take(slot, this.table.windowAt(1, this.clock.us));
    };
    const need = { key: 'k', low: 5, high: 1, quota: 'plan:free/day', consumer: 'alice', max, calendar: 1 };
    for (let n = 0; n < count; n++) {
      if (take() !== NO_BLOCK) continue;
      await this.keeper.need(need);
      take();
    }
    // A second: what was spent since the last block is looked at.
    for (let tick = 0; tick < 12; tick++) this.keeper.tick();
  }

  /** Time passes until it is so. */
  async until(isSo: () => boolean, stepMs = 1_000): Promise<void> {
    const deadlineMs = performance.now() + WAIT_MS;
    while (!isSo() && performance.now() < deadlineMs) {
      this.desk.tick();
      this.wallMs += stepMs;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  async close(): Promise<void> {
    await this.keeper.close();
    await this.desk.close();
  }
}

async function folder(t: Test): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'sluice-alerts-'));
  t.teardown(() => rm(path, { recursive: true, force: true }));
  return path;
}

const thresholds = (received: readonly Received[]) =>
  received.map(({ body }) => JSON.parse(body).data.threshold).toSorted();

t.test('each threshold is one signed message, when so much is used, and not before', async (t) => {
  const { received, url } = await receiver(t);
  const rig = new Rig(await folder(t), url);
  await rig.spend(499, 1_000);
  await rig.until(() => true);
  t.equal(rig.desk.counts.pending, 0);
  await rig.spend(1, 1_000);
  await rig.until(() => rig.desk.counts.sent === 1);
  await rig.spend(600, 1_000);
  await rig.until(() => rig.desk.counts.sent === 3);
  await rig.spend(10, 1_000);
  t.same(thresholds(received), [0.5, 0.8, 1]);
  const [first] = received as [Received];
  const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature } = first.headers;
  t.equal(signature, signWebhook(SECRET, String(id), Number(timestamp), first.body));
  t.equal(first.headers['content-type'], 'application/json');
  t.match(JSON.parse(first.body), {
    type: 'quota.threshold',
    id,
    data: {
      ...{ consumer: 'alice', quota: 'plan:free/day', threshold: 0.5, used: 500, max: 1_000, instance: String },
      ...{ windowStart: '2026-11-26T00:00:00.000Z', windowEnd: '2026-11-27T00:00:00.000Z' },
    },
  });
  t.equal(new Set(received.map(({ headers }) => headers['webhook-id'])).size, 3);
  t.same(rig.desk.counts, { sent: 3, failed: 0, pending: 0, dropped: 0 });
  await rig.close();
});

t.test('a refusal, a redirect and a refused connection are tried again, with the same id', async (t) => {
  const { received, url, port } = await receiver(t, [500, 302]);
  const rig = new Rig(await folder(t), url);
  await rig.spend(5, 10);
  await rig.until(() => rig.desk.counts.sent === 1);
  t.equal(received.length, 3);
  t.equal(new Set(received.map(({ headers }) => headers['webhook-id'])).size, 1);
  t.not(received[0]?.headers['webhook-timestamp'], received[2]?.headers['webhook-timestamp'], 'of the attempt');
  t.same(rig.desk.counts, { sent: 1, failed: 2, pending: 0, dropped: 0 });
  t.match(rig.troubles, [/alerts: the webhook fails \(it answers 500\)/]);
  t.notOk(rig.troubles.join().includes(String(port)), 'its address may be a secret');
  await rig.close();
});

t.test('what was not delivered outlives the process, and is not made again by the next', async (t) => {
  const path = await folder(t);
  const gone = await receiver(t);
  const first = new Rig(path, `http://127.0.0.1:1/${gone.port}`);
  await first.spend(6, 10);
  await first.until(() => first.desk.counts.failed >= 1);
  t.equal(first.desk.counts.pending, 1);
  await first.close();

  const { received, url } = await receiver(t);
  const second = new Rig(path, url);
  second.wallMs = first.wallMs;
  await second.spend(1, 10);
  await second.until(() => second.desk.counts.sent === 1);
  await second.spend(1, 10);
  await second.until(() => second.desk.counts.sent === 2);
  t.same(thresholds(received), [0.5, 0.8]);
  await second.close();
});

t.test('an alert is given up after a day, and when the webhook is gone', async (t) => {
  const { received, url } = await receiver(t, [410, 500]);
  const rig = new Rig(await folder(t), url);
  await rig.spend(5, 10);
  await rig.until(() => rig.desk.counts.dropped === 1);
  t.equal(received.length, 1);
  await rig.spend(3, 10);
  await rig.until(() => rig.desk.counts.failed === 2);
  rig.wallMs += DAY_MS + 1;
  await rig.until(() => rig.desk.counts.dropped === 2);
  t.equal(received.length, 2);
  await rig.close();
});

t.test('two instances on one Redis send each alert once; while Redis is away it waits', async (t) => {
  const redis = await startRedisServer();
  t.teardown(() => redis.stop());
  const { received, url } = await receiver(t);
  const paths = [await folder(t), await folder(t)] as const;
  const clusters = paths.map(
    (path) =>
      new ClusterQuotas({ url: redis.url, folder: path, clock: monotonicClock(), log: () => {}, onUp: () => {} }),
  );
  let isAway = true;
  const rigs = paths.map((path, index) => {
    const claim: ClusterQuotas['claim'] = async (...args) => (isAway ? undefined : clusters[index]?.claim(...args));
    return new Rig(path, url, claim);
  });
  for (const rig of rigs) await rig.spend(9, 10);
  for (const rig of rigs) await rig.until(() => rig.wallMs > WALL_MS + 20_000);
  t.equal(received.length, 0);
  isAway = false;
  const pending = () => rigs.reduce((sum, { desk }) => sum + desk.counts.pending, 0);
  const deadlineMs = performance.now() + WAIT_MS;
  while (pending() > 0 && performance.now() < deadlineMs) {
    await Promise.all(rigs.map((rig) => rig.until(() => rig.desk.counts.pending === 0)));
  }
  t.same(thresholds(received), [0.5, 0.8]);
  await Promise.all(rigs.map((rig) => rig.close()));
  await Promise.all(clusters.map((cluster) => cluster.close()));
});

t.test('the queue is bounded: the oldest goes', async (t) => {
  const store = await AlertStore.open(join(await folder(t), 'alerts'));
  const alertOf = (n: number): StoredAlert => ({
    ...{ id: `msg_${n}`, body: '{}', createdMs: WALL_MS + n, nextMs: WALL_MS + n, attempts: 0 },
    ...{ isClaimed: true, endMs: WALL_MS + DAY_MS },
  });
  const dropped = await Promise.all(Array.from({ length: ALERT_COUNT_MAX + 2 }, (_, n) => store.add(alertOf(n))));
  t.equal(
    dropped.reduce((sum, count) => sum + count, 0),
    2,
  );
  t.equal(store.pending, ALERT_COUNT_MAX);
  t.equal(await store.add(alertOf(0)), -1, 'made before');
  t.match(await store.takeDue(WALL_MS + 5_000, () => 1_000), { id: 'msg_2', attempts: 0 });
  t.match(await store.takeDue(WALL_MS + 5_000, () => 1_000), { id: 'msg_3' });
  await store.prune(WALL_MS + 3 * DAY_MS);
  t.notOk(store.has('msg_0'));
  await store.close();
});
