// The desk without a store: nobody listens where its connection leads, so that every question fails at once. With one, it is
// tested over real gateways (integration/cluster-limits.test.ts).

import t from 'tap';
import type { WorkerIndex } from '../../../../src/base/ids.ts';
import { LeaseDesk } from '../../../../src/control/quota/leases/lease-desk.ts';
import { RedisConnection } from '../../../../src/control/redis/redis-connection.ts';
import type { ClusterLimitDefinition, OnStoreLoss } from '../../../../src/gateway/limiter/cluster-limit.ts';
import { type LeaseAnswer, LeaseVerdict } from '../../../../src/gateway/worker-messages.ts';
import { LEASE_CHARGED, LeaseLoss, LeaseReading, LeaseTable, NO_CREDIT } from '../../../../src/shm/lease-table.ts';

const WORKER = 1 as WorkerIndex;
const reading = new LeaseReading();

function deskRig(onStoreLoss: OnStoreLoss, slotCount = 64, relaxed = 0) {
  const clock = { us: 1_000_000, nowUs: () => clock.us };
  const connection = new RedisConnection({ url: 'redis://127.0.0.1:1' });
  t.teardown(() => connection.close());
  const table = LeaseTable.create(slotCount);
  const answers: LeaseAnswer[] = [];
  const answer = (worker: WorkerIndex, told: LeaseAnswer): void => void (worker === WORKER && answers.push(told));
  const desk = new LeaseDesk({ connection, table, clock, prefix: 'test', holder: 'a1', answer });
  const limit: ClusterLimitDefinition = { idLow: 7, idHigh: 8, tokensPerSecond: 100, burst: 10, onStoreLoss, relaxed };
  desk.useLimits([limit]);
  /** Ask, and let what fails fail. */
  const ask = async (low = 1) => {
    desk.ask(WORKER, [7, 8, low, 0, `key ${low}`]);
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  };
  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 25) {
      clock.us += 25_000;
      desk.tick();
      for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    }
  };
  return { clock, table, desk, answers, limit, ask, pass };
}

t.test('who asks is told to look again, and finds what the limit says of a lost store', async (t) => {
  for (const [onStoreLoss, loss] of [
    ['closed', LeaseLoss.REFUSE],
    ['local-share', LeaseLoss.REFUSE],
    ['open', LeaseLoss.ADMIT],
  ] as const) {
    const { clock, table, desk, answers, ask } = deskRig(onStoreLoss);
    await ask();
    t.same(answers, [[1, 0, LeaseVerdict.AGAIN]]);
    const slot = table.find(1, 0);
    t.equal(table.lossOf(slot), loss, onStoreLoss);
    t.ok(table.notBeforeUs(slot) >= clock.us + 25_000, 'asking is of no use for a while');
    t.equal(table.demandOf(slot), 1);
    t.equal(desk.keeper.failureCount, 1);
    await ask();
    t.equal(desk.keeper.commandCount, 1, 'who asks all the same is told so, without a command');
    t.equal(answers.length, 2);
  }
});

t.test('a store that has never answered leaves an instance alone with its limit, after three seconds', async (t) => {
  const { clock, table, ask, pass } = deskRig('local-share');
  await ask();
  const slot = table.find(1, 0);
  const take = () => table.charge(slot, 1, 0, clock, reading) === LEASE_CHARGED;
  let admitted = 0;
  const spend = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 25) {
      await ask();
      await pass(25);
      table.countDemand(slot);
      while (take()) admitted++;
    }
  };
  await spend(2_900);
  t.equal(admitted, 0);
  await spend(300);
  admitted = 0;
  await spend(2_000);
  t.ok(admitted >= 195 && admitted <= 210, `${admitted} in two seconds of 100/s with a burst of 10`);
});

t.test('keys that are in use no more make room, and without room a request is refused', async (t) => {
  const { table, desk, answers, ask, pass } = deskRig('closed', 8);
  for (let low = 1; low <= 8; low++) await ask(low);
  answers.length = 0;
  await ask(9);
  t.same(answers, [[9, 0, LeaseVerdict.NO_ROOM]]);
  t.equal(desk.noRoomCount, 1);
  await pass(3_000);
  t.equal(desk.keeper.keyCount, 0);
  t.equal(table.find(1, 0), -1);
  await ask(9);
  t.same(answers.at(-1), [9, 0, LeaseVerdict.AGAIN]);
});

t.test('a limit that a reload took away admits', async (t) => {
  const { desk, answers, ask, limit } = deskRig('closed');
  await ask();
  desk.useLimits([{ ...limit, burst: 1_000_000, tokensPerSecond: 1_000_000 }]);
  desk.useLimits([]);
  await ask();
  t.same(answers.at(-1), [1, 0, LeaseVerdict.NO_LIMIT]);
  await desk.close();
});

t.test('a relaxed limit has credit at once, and keeps its key until that is paid', async (t) => {
  const { clock, table, desk, answers, ask, pass } = deskRig('local-share', 64, 2);
  await ask();
  t.same(answers, [[1, 0, LeaseVerdict.AGAIN]]);
  t.equal(desk.keeper.commandCount, 0, 'who asks first waits for no store');
  const slot = table.find(1, 0);
  t.equal(table.borrow(slot, 1, 0), 0);
  t.equal(table.borrow(slot, 1, 0), 1);
  t.equal(table.borrow(slot, 1, 0), NO_CREDIT);
  await ask();
  t.ok(desk.keeper.commandCount > 0, 'what is owed is asked for');
  await pass(2_000);
  t.equal(table.find(1, 0), slot, 'nobody asks for the key, and it is kept');
  t.equal(table.owedOf(slot), 2);
  // Without a store, this instance alone has the whole limit after three seconds, where it is in use.
  for (let round = 0; round < 60; round++) {
    table.countDemand(slot);
    table.charge(slot, 1, 0, clock, reading);
    await pass(25);
  }
  t.equal(table.owedOf(slot), 0, 'paid with what accrued');
  await pass(70_000);
  t.equal(table.find(1, 0), -1, 'and forgotten when nobody has asked for it for a minute');
});
