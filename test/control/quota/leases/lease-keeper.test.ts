// Several instances in one process, each with a connection of its own, against a real Redis that loses its scripts, its data and
// itself. Windows are judged by one monotonic clock. What is asserted of time is that no window is over, never that something
// was fast.

import { setTimeout as wait } from 'node:timers/promises';
import t from 'tap';
import { monotonicClock } from '../../../../src/base/clock.ts';
import { KEPT_KEY_COUNT_MAX, type KeptKey, LeaseKeeper } from '../../../../src/control/quota/leases/lease-keeper.ts';
import { TOKEN } from '../../../../src/control/quota/leases/lease-terms.ts';
import { ShareBucket } from '../../../../src/control/quota/leases/share-bucket.ts';
import { RedisConnection } from '../../../../src/control/redis/redis-connection.ts';
import { script } from '../../../../src/control/redis/script.ts';
import { redisBinary, startOwnServer } from '../../../support/redis-server.ts';
import { worstExcess } from './simulation.ts';

const RATE = 500;
const BURST = 50;
const STEP_MS = 5;
const clock = monotonicClock();

const scriptFlush = script('script-flush', "return redis.call('SCRIPT', 'FLUSH')");
const flushAll = script('flush-all', "return redis.call('FLUSHALL')");

class Instance {
  readonly connection: RedisConnection;
  readonly keeper: LeaseKeeper;
  readonly bucket = new ShareBucket();
  readonly admittedUs: number[] = [];
  readonly outcomes = new Set<string>();
  #kept: KeptKey | undefined;
  #pollUs = 0;

  constructor(url: string, name: string) {
    this.connection = new RedisConnection({ url });
    this.keeper = new LeaseKeeper(this.connection, clock, {
      prefix: 'test',
      holder: name,
      onOutcome: (kept, outcome) => {
        this.outcomes.add(outcome);
        while (kept.waitingCount > 0 && this.#take()) kept.waitingCount--;
        kept.waitingCount = 0;
      },
    });
  }

  /** So many requests, now. */
  offer(count: number): void {
    for (let n = 0; n < count; n++) {
      this.bucket.demandCount++;
      if (this.#take()) continue;
      this.#kept = this.keeper.open('a1', 'key', RATE * TOKEN, BURST * TOKEN, () => this.bucket);
      if (this.#kept?.holder.mayWait(clock.nowUs()) !== true) continue;
      this.#kept.waitingCount++;
      this.keeper.starve(this.#kept);
    }
    if (clock.nowUs() < this.#pollUs) return;
    this.#pollUs = clock.nowUs() + 25_000;
    this.keeper.tick();
  }

  async leave(): Promise<void> {
    await this.keeper.close();
    this.connection.close();
  }

  #take(): boolean {
    const nowUs = clock.nowUs();
    if (!this.bucket.take(nowUs)) return false;
    this.admittedUs.push(nowUs);
    return true;
  }
}

/** Offer requests to all until so many were admitted since the call. */
async function offerUntil(instances: readonly Instance[], isDone: () => boolean): Promise<void> {
  for (let step = 0; !isDone(); step++) {
    // Ten times the limit, unequally.
    instances.forEach((instance, index) => instance.offer((index + step) % 3 === 0 ? 12 : 4));
    await wait(STEP_MS);
  }
}

const countOf = (instances: readonly Instance[]): number =>
  instances.reduce((sum, { admittedUs }) => sum + admittedUs.length, 0);

function excessOf(instances: readonly Instance[]): number {
  // Whole µs, rounded such that no window gets longer.
  const times = instances.flatMap(({ admittedUs }) => admittedUs).sort((a, b) => a - b);
  const first = times[0] ?? 0;
  return worstExcess(
    times.map((time) => Math.floor(time - first)),
    RATE,
    BURST,
  );
}

t.test('keys without a share are forgotten, and there are never too many', async (t) => {
  const connection = new RedisConnection({ url: 'redis://127.0.0.1:1' });
  t.teardown(() => connection.close());
  const virtual = { us: 1e9, nowUs: () => virtual.us };
  const keeper = new LeaseKeeper(connection, virtual, { prefix: 'test', holder: 'a', onOutcome: () => {} });
  const open = (key: number) => keeper.open('a1', `${key}`, TOKEN, TOKEN, () => new ShareBucket());
  for (let key = 0; key < KEPT_KEY_COUNT_MAX; key++) open(key);
  t.equal(open(-1), undefined);
  t.equal(open(0), open(0));
  for (let tick = 0; tick < 60; tick++) keeper.tick();
  t.equal(keeper.keyCount, 0);
  t.ok(open(-1));
});

t.test('four instances share one limit over a Redis that fails in every way, and no window is over', async (t) => {
  const server = await startOwnServer(redisBinary(), ['--appendonly', 'yes']);
  const instances = ['a', 'b', 'c', 'd'].map((name) => new Instance(server.url, name));
  const left: Instance[] = [];
  t.teardown(async () => {
    for (const instance of [...instances, ...left]) instance.connection.close();
    await server.stop();
  });
  const all = (): Instance[] => [...instances, ...left];
  const more = (count: number) => {
    const from = countOf(all());
    return () => countOf(all()) >= from + count;
  };
  await offerUntil(instances, more(200));
  const first = instances[0] as Instance;
  t.ok(
    all().some(({ outcomes }) => outcomes.has('recovering')),
    'a store without a marker has to settle first',
  );

  // A pause fills all buckets; what is in them is the burst, and no more.
  await wait(400);
  await offerUntil(instances, more(BURST * 4));
  await first.connection.run(scriptFlush, [], []);
  await offerUntil(instances, more(200));

  // What is held goes on while the store settles; what it forgot comes back when no lease can be left.
  for (const { outcomes } of instances) outcomes.clear();
  await first.connection.run(flushAll, [], []);
  const flushedUs = clock.nowUs();
  const isNoticed = () => instances.some(({ outcomes }) => outcomes.has('recovering'));
  // With the next report; on a busy machine that may be a while.
  await offerUntil(instances, () => isNoticed() || clock.nowUs() > flushedUs + 5_000_000);
  t.ok(isNoticed(), 'the loss is noticed');
  left.push(instances.shift() as Instance);
  await left[0]?.leave();
  await offerUntil(instances, more(300));

  const serverId = first.connection.serverId || instances[0]?.connection.serverId;
  const restarted = server.restart();
  const isBack = ({ connection }: Instance): boolean => !['', serverId].includes(connection.serverId);
  await offerUntil(instances, () => instances.every(isBack));
  await restarted;
  instances.push(new Instance(server.url, 'e'));
  for (const { outcomes } of instances) outcomes.clear();
  await offerUntil(instances, () => instances.every(({ outcomes }) => outcomes.has('answered')));
  await offerUntil(instances, more(300));

  t.ok(excessOf(all()) <= 0, `${excessOf(all())} over`);
  const commands = all().reduce((sum, { keeper }) => sum + keeper.commandCount, 0);
  t.comment(`${countOf(all())} admitted, ${commands} commands, excess ${excessOf(all())}`);
  for (const instance of instances) await instance.leave();
  t.ok(instances.every(({ keeper }) => keeper.keyCount === 0));
});
