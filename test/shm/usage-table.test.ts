import fc from 'fast-check';
import t from 'tap';
import type { CallerIndex, SeriesIndex, WorkerIndex } from '../../src/base/ids.ts';
import {
  CALLER_COUNT,
  LATENCY_BUCKET_COUNT,
  latencyBucketOf,
  latencyBucketStartUs,
  USAGE_CAUSES,
  USAGE_ROW_WORDS,
  UsageTable,
  usageRow,
  usageTableLayout,
} from '../../src/shm/usage-table.ts';
import { headerTable, numberIn } from './header-table.ts';

const FIRST = 0 as WorkerIndex;
const MINUTE = 29_000_000;

function count(table: UsageTable, worker: number, caller: number, series: number, bytes = 0): void {
  const row = table.rowOf(worker as WorkerIndex, caller as CallerIndex, series as SeriesIndex, 0, 0);
  table.count(row, 2, -1, 1_000);
  table.addBytes(row, bytes, 2 * bytes);
}

/** Calls and bytes by 'caller series', of everything that is taken. */
function takeInto(sums: Map<string, number[]>, table: UsageTable, isEnded = false): void {
  for (let worker = 0; worker < table.workerCount; worker++) {
    for (const { rows } of table.take(worker as WorkerIndex, isEnded)) {
      for (let at = 0; at < rows.length; at += USAGE_ROW_WORDS) {
        const word = (index: number) => rows[at + index] as number;
        const key = `${word(usageRow.caller)} ${word(usageRow.series)}`;
        const sum = sums.get(key) ?? [0, 0, 0];
        sum[0] = (sum[0] as number) + word(usageRow.classes + 2);
        sum[1] = (sum[1] as number) + word(usageRow.bytesInHigh) * 2 ** 32 + word(usageRow.bytesIn);
        sum[2] = (sum[2] as number) + word(usageRow.bytesOutHigh) * 2 ** 32 + word(usageRow.bytesOut);
        sums.set(key, sum);
      }
    }
  }
}

t.test('the table in the header comment says what the constants say', async (t) => {
  const rows = new Map(headerTable('usage-table.ts').map((row) => [row.field.replace(/[[,].*/, ''), row]));
  const layout = usageTableLayout;
  const plain = (field: string) => rows.get(field)?.offset.replaceAll(',', '');
  t.equal(new Uint32Array(UsageTable.create(1).buffer)[0], numberIn(rows.get('magic')?.rest ?? '', /(0x[0-9A-F]+)/));
  t.equal(plain('region'), `${layout.headerBytes} + ${layout.regionBytes}·w`);
  t.equal(plain('bank'), `region + ${layout.region.banks} + ${layout.bankBytes}·b`);
  for (const [field, offset] of Object.entries(layout.bank)) t.equal(plain(field), `bank + ${offset}`, field);
  for (const [field, word] of Object.entries(usageRow)) {
    if (field.endsWith('High')) continue;
    t.match(plain(field), new RegExp(`^row \\+ ${word * 4}(?: |$)`), field);
  }
  t.equal(layout.rowCount, 4_096);
  t.equal(layout.slotCount, 8_192);
  t.equal(CALLER_COUNT, 131_072);
  t.ok(usageRow.causes + USAGE_CAUSES.length <= usageRow.bytesIn);
  t.equal(usageRow.latencies + LATENCY_BUCKET_COUNT, USAGE_ROW_WORDS);
});

t.test('whatever is counted is taken once, however counts, turns and takes follow each other', async (t) => {
  const call = fc.record({
    worker: fc.nat(1),
    caller: fc.nat(5),
    series: fc.nat(3),
    bytes: fc.oneof(fc.nat(1_000), fc.integer({ min: 0, max: 2 ** 36 })),
  });
  const event = fc.oneof(
    { weight: 5, arbitrary: call },
    fc.record({ turn: fc.nat(1) }),
    fc.constant({ take: true } as const),
  );
  const law = fc.property(fc.array(event, { maxLength: 60 }), (events) => {
    const table = UsageTable.create(2);
    const expected = new Map<string, number[]>();
    const taken = new Map<string, number[]>();
    for (const each of events) {
      if ('turn' in each) table.turn(each.turn as WorkerIndex, MINUTE);
      else if ('take' in each) takeInto(taken, table);
      else {
        count(table, each.worker, each.caller, each.series, each.bytes);
        const key = `${each.caller} ${each.series}`;
        const [calls = 0, bytesIn = 0, bytesOut = 0] = expected.get(key) ?? [];
        expected.set(key, [calls + 1, bytesIn + each.bytes, bytesOut + 2 * each.bytes]);
      }
    }
    // Their threads have ended.
    takeInto(taken, table, true);
    t.same(taken, expected);
  });
  t.doesNotThrow(() => fc.assert(law, { numRuns: 60 }));
});

t.test('a reader that is late is waited for: nothing is handed over that would be written to', async (t) => {
  const table = UsageTable.create(1);
  count(table, 0, 1, 1);
  table.turn(FIRST, MINUTE);
  count(table, 0, 2, 1);
  table.turn(FIRST, MINUTE + 1);
  count(table, 0, 2, 1);
  const first = table.take(FIRST);
  t.equal(first.length, 1, 'the bank that was full first');
  t.equal(first[0]?.rows[usageRow.caller], 1);
  t.same(table.take(FIRST), []);
  table.turn(FIRST, MINUTE + 2);
  const second = table.take(FIRST);
  t.match(second, [{ minute: MINUTE }], 'counted from when it was opened');
  t.equal(second[0]?.rows[usageRow.classes + 2], 2);
});

t.test('a bank is of the minute in which its first call ended', async (t) => {
  const table = UsageTable.create(1);
  table.turn(FIRST, MINUTE);
  table.turn(FIRST, MINUTE + 5);
  count(table, 0, 1, 1);
  table.turn(FIRST, MINUTE + 6);
  t.match(table.take(FIRST), [{ minute: MINUTE + 5 }]);
});

t.test('past its room, calls are counted as nobody’s, and none is lost', async (t) => {
  const table = UsageTable.create(1);
  const room = usageTableLayout.rowCount - 1;
  for (let n = 0; n < room + 7; n++) count(table, 0, n + 1, 3);
  count(table, 0, 1, 3);
  table.turn(FIRST, MINUTE);
  const [bank] = table.take(FIRST);
  t.equal(bank?.overflow, 7);
  t.equal(bank?.rows.length, (room + 1) * USAGE_ROW_WORDS);
  t.equal(bank?.rows[USAGE_ROW_WORDS + usageRow.classes + 2], 2, 'who has a row keeps it');
  count(table, 0, 1, 3);
  table.turn(FIRST, MINUTE);
  t.match(table.take(FIRST), [{ overflow: 0 }], 'the next bank has room again');
});

t.test('a latency falls into the bucket that begins at or below it and ends above it', async (t) => {
  const law = fc.property(fc.double({ min: 0, max: 2 ** 40, noNaN: true }), (us) => {
    const bucket = latencyBucketOf(us);
    return latencyBucketStartUs(bucket) <= us && us < latencyBucketStartUs(bucket + 1);
  });
  t.doesNotThrow(() => fc.assert(law, { numRuns: 500 }));
  for (let bucket = 1; bucket < LATENCY_BUCKET_COUNT; bucket++) {
    t.equal(latencyBucketOf(latencyBucketStartUs(bucket)), bucket);
    t.equal(latencyBucketOf(latencyBucketStartUs(bucket) - 1), bucket - 1);
  }
  t.same([Number.NaN, -5].map(latencyBucketOf), [0, 0]);
});

t.test('a buffer of something else is refused', async (t) => {
  t.throws(() => new UsageTable(new SharedArrayBuffer(1_024)), /is a usage table/);
});
