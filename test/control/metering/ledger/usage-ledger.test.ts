import t from 'tap';
import type { CallerIndex, SeriesIndex, WorkerIndex } from '../../../../src/base/ids.ts';
import { namesOf, type UsageDelta } from '../../../../src/control/metering/ledger/usage-delta.ts';
import { callsOf, readFigures } from '../../../../src/control/metering/ledger/usage-figures.ts';
import { UsageLedger } from '../../../../src/control/metering/ledger/usage-ledger.ts';
import type { StoreReport } from '../../../../src/control/metering/ledger/usage-store.ts';
import { OTHER_CALLER, USAGE_ROW_WORDS, UsageTable } from '../../../../src/shm/usage-table.ts';

const retention = { minuteMs: 1, hourMs: 1, dayMs: 1, monthMs: 1 };
const WORKER = 0 as WorkerIndex;

/** A ledger whose store does what the test says. */
function rig(
  write: (delta: UsageDelta) => Promise<StoreReport | undefined> = () => Promise.resolve(undefined),
  workerCount = 1,
) {
  const table = UsageTable.create(workerCount);
  const written: UsageDelta[] = [];
  const logged: string[] = [];
  let isKept = true;
  let maintained = 0;
  const ledger = new UsageLedger({
    table,
    instance: 'one',
    log: (_level, message) => void logged.push(message),
    wallMs: () => 60_000,
    retention: () => (isKept ? retention : undefined),
    callerName: (index) => (index === 2 ? 'alice\nalice-1\ngold' : undefined),
    routeName: (index) => (index === 1 ? 'shop\norders' : undefined),
    write: (delta) => {
      written.push(delta);
      return write(delta);
    },
    maintainMs: 1,
    maintain: () => {
      maintained++;
      return Promise.resolve({ isMore: false, report: undefined });
    },
  });
  const call = (caller = 2, series = 1, worker: WorkerIndex = WORKER): void => {
    const row = table.rowOf(worker, caller as CallerIndex, series as SeriesIndex, 0, 0);
    table.count(row, 2, -1, 5);
  };
  return { table, ledger, written, logged, call, stopKeeping: () => (isKept = false), maintained: () => maintained };
}

function callsIn(deltas: readonly UsageDelta[]): number {
  let calls = 0;
  for (const { rows } of deltas.flatMap(({ banks }) => banks)) {
    for (let at = 0; at < rows.length; at += USAGE_ROW_WORDS) calls += callsOf(readFigures(rows, at));
  }
  return calls;
}

t.test('what workers handed over is written, with its names', async (t) => {
  const { ledger, table, written, call } = rig();
  await ledger.flush();
  t.same(written, [], 'nothing was called');
  table.turn(WORKER, 7);
  call();
  call(0, 0);
  call(OTHER_CALLER, 1);
  table.turn(WORKER, 8);
  await ledger.flush();
  t.match(written, [
    {
      instance: 'one',
      sequence: 1,
      banks: [
        {
          minute: 7,
        },
      ],
    },
  ]);
  t.same(written.flatMap(({ banks }) => banks).flatMap(namesOf), [
    ['alice', 'alice-1', 'gold', 'shop', 'orders', ''],
    ['', '', '', '', '', ''],
    ['*', '*', '', 'shop', 'orders', ''],
  ]);
  t.same(ledger.counts, { isUp: true, deltas: 1, overflow: 0, store: undefined });
});

t.test('while the store is away the same delta is sent again, and the rest stays where it was counted', async (t) => {
  let isAway = true;
  const { ledger, table, written, logged, call } = rig(() =>
    isAway ? Promise.reject(new Error('ENOSPC')) : Promise.resolve(undefined),
  );
  for (let n = 0; n < 5; n++) {
    call();
    table.turn(WORKER, n + 1);
    await ledger.flush();
  }
  t.equal(new Set(written).size, 1, 'one delta');
  t.match(ledger.counts, { isUp: false, deltas: 0 });
  t.same(logged, ['usage cannot be written, and is kept in memory: ENOSPC'], 'said once');
  isAway = false;
  const from = written.length;
  t.equal(await ledger.close(5_000), true);
  t.same(
    written.slice(from).map(({ sequence }) => sequence),
    [1, 2],
  );
  t.equal(callsIn(written.slice(from)), 5);
  t.equal(logged[1], 'usage is written again; none was lost');
});

t.test('a store that takes nothing is rolled up all the same: that may make room', async (t) => {
  const { ledger, table, call, maintained } = rig(() => Promise.reject(new Error('full')));
  call();
  table.turn(WORKER, 1);
  await ledger.flush();
  t.match(ledger.counts, { isUp: false });
  ledger.start();
  while (maintained() < 2) await new Promise((resolve) => setTimeout(resolve, 1));
  t.equal(await ledger.close(5_000), false);
});

t.test('at the end it says what could not be written in time', async (t) => {
  const { ledger, logged, call } = rig(() => new Promise(() => {}));
  call();
  t.equal(await ledger.close(5), false);
  t.same(logged, ['usage of the last moments is lost: it could not be written in time']);
  const failing = rig(() => Promise.reject(new Error('EIO')));
  failing.call();
  t.equal(await failing.ledger.close(5_000), false);
});

t.test('without gateway.usage nothing is taken or told', async (t) => {
  const { ledger, table, written, call, stopKeeping } = rig();
  stopKeeping();
  call();
  table.turn(WORKER, 1);
  await ledger.flush();
  await ledger.settle();
  t.equal(await ledger.close(5), true);
  t.same([written, ledger.counts], [[], undefined]);
});

t.test('what was counted before gateway.usage went away is written all the same', async (t) => {
  const { ledger, written, call, stopKeeping } = rig();
  await ledger.flush();
  call();
  stopKeeping();
  t.equal(await ledger.close(5_000), true);
  t.equal(callsIn(written), 1);
  t.equal(ledger.counts, undefined);
});

t.test('more than some thousand rows are several deltas, and each worker has its turn', async (t) => {
  const { ledger, table, written, call } = rig(undefined, 3);
  for (const worker of [0, 1, 2] as WorkerIndex[]) {
    // One more than has a row.
    for (let caller = 1; caller <= 4_096; caller++) call(caller, 1, worker);
    table.turn(worker, 7);
  }
  await ledger.flush();
  t.same(
    written.map(({ sequence, banks }) => [sequence, banks.length]),
    [1, 2, 3].map((sequence) => [sequence, 1]),
  );
  t.equal(callsIn(written), 3 * 4_096);
  t.equal(ledger.counts?.overflow, 3);
  const [first] = written[0]?.banks ?? [];
  t.same(first && namesOf(first)[0], ['*', '*', '', '*', '*', '']);
  t.equal(first && namesOf(first).length, 4_096);
});

t.test('what goes to disk instead of to the store is said once, and once when it is there', async (t) => {
  const fine = { trouble: undefined, streamEntries: 0, lagMs: 0, outboxPackets: 0, outboxBytes: 0, missingDeltas: 0 };
  let report: StoreReport = fine;
  const { ledger, table, logged, call } = rig(() => Promise.resolve(report));
  const write = async (next: Partial<StoreReport>) => {
    report = { ...fine, ...next };
    call();
    table.turn(WORKER, 7);
    await ledger.flush();
  };
  await write({});
  await write({ outboxPackets: 1, trouble: 'down' });
  await write({ outboxPackets: 2, trouble: 'down' });
  t.match(ledger.counts, { isUp: true, store: { outboxPackets: 2 } });
  await write({});
  await write({ outboxPackets: 1 });
  await write({ missingDeltas: 3 });
  await write({ missingDeltas: 3 });
  t.same(logged, [
    'usage waits on this disk: Redis does not take it (down)',
    'usage that waited on this disk is in Redis; none was lost',
    'usage waits on this disk: Redis does not take it (its stream is full, or no stream)',
    'usage that waited on this disk is in Redis; none was lost',
    'Redis came back without 3 writes of usage that it had taken: they are lost',
  ]);
});
