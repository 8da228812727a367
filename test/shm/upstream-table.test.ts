import fc from 'fast-check';
import t from 'tap';
import type { UpstreamIndex } from '../../src/base/ids.ts';
import {
  CircuitState,
  circuitWord,
  FallbackKind,
  msUntil,
  RetryRefusal,
  RetryResult,
  stateOf,
  UPSTREAM_COUNT,
  UpstreamTable,
  upstreamTableLayout,
} from '../../src/shm/upstream-table.ts';
import { headerTable, lastNumber, numberIn } from './header-table.ts';

const A = 0 as UpstreamIndex;
const B = (UPSTREAM_COUNT - 1) as UpstreamIndex;

t.test('the table in the header comment says what the constants say', async (t) => {
  const [magic, ...rows] = headerTable('upstream-table.ts');
  t.equal(new Uint32Array(UpstreamTable.create().buffer)[0], numberIn(magic?.rest ?? '', /(0x[0-9A-F]+)/));
  const offsets = rows.map(({ field, offset }) => [field.replace(/\[\d+\]$/, ''), lastNumber(offset)]);
  t.same(Object.fromEntries(offsets), upstreamTableLayout.upstream);
  const { headerBytes, upstreamBytes } = upstreamTableLayout;
  for (const { offset } of rows) t.match(offset, `${headerBytes} + ${upstreamBytes}·u + `);
  t.equal(upstreamBytes % 64, 0, 'upstreams lie on lines of their own');
});

t.test('a circuit word has a state and a time, whatever the clock reads, wraps included', async (t) => {
  const law = fc.property(
    fc.constantFrom(CircuitState.CLOSED, CircuitState.HALF_OPEN, CircuitState.OPEN),
    fc.double({ min: 0, max: 2 ** 45, noNaN: true }),
    fc.integer({ min: -(2 ** 28), max: 2 ** 28 }),
    (state, nowMs, aheadMs) => {
      const word = circuitWord(state, nowMs + aheadMs);
      return stateOf(word) === state && Math.abs(msUntil(word, nowMs) - aheadMs) <= 1;
    },
  );
  t.doesNotThrow(() => fc.assert(law, { numRuns: 500 }));
});

t.test('of several that would change a circuit, one does', async (t) => {
  const table = UpstreamTable.create();
  const other = new UpstreamTable(table.buffer);
  const closed = table.circuit(A);
  t.ok(table.moveCircuit(A, closed, circuitWord(CircuitState.OPEN, 1_000)));
  t.notOk(other.moveCircuit(A, closed, circuitWord(CircuitState.OPEN, 2_000)));
  t.equal(other.circuit(A), circuitWord(CircuitState.OPEN, 1_000));
  t.equal(table.circuit(B), closed, 'another upstream is not meant');
});

t.test('trials belong to their round: those of another are not counted, and none is returned twice', async (t) => {
  const table = UpstreamTable.create();
  const first = circuitWord(CircuitState.HALF_OPEN, 5_000);
  const second = circuitWord(CircuitState.HALF_OPEN, 9_000);
  t.same(
    [1, 2, 3].map(() => table.takeTrial(A, first, 2)),
    [true, true, false],
  );
  table.returnTrial(A, first);
  t.ok(table.takeTrial(A, first, 2), 'one that came to nothing makes room');
  t.equal(table.countTrialSuccess(A, first), 1);
  table.returnTrial(A, first);
  table.returnTrial(A, first);
  t.ok(table.takeTrial(A, first, 2));
  t.notOk(table.takeTrial(A, first, 2), 'one that succeeded keeps its place');
  t.ok(table.takeTrial(A, second, 1), 'another round begins anew');
  t.equal(table.countTrialSuccess(A, second), 1);
});

t.test('the window is the last ten buckets, and old counts in the same words are gone', async (t) => {
  const table = UpstreamTable.create();
  const counts = (bucket: number) => [table.calls(A, bucket), table.failedCalls(A, bucket), table.slowCalls(A, bucket)];
  table.countCall(A, 100, true, false);
  table.countCall(A, 104, false, true);
  table.countCall(A, 104, true, true);
  t.same(counts(104), [3, 2, 2]);
  t.same(counts(109), [3, 2, 2]);
  t.same(counts(110), [2, 1, 2], 'bucket 100 is out');
  table.countCall(A, 116, false, false);
  t.same(counts(116), [1, 0, 0], 'the word of bucket 100 is that of 116');
});

t.test('the counts are what was counted within the window, for any calls in the order of time', async (t) => {
  const call = fc.record({ step: fc.integer({ min: 0, max: 40 }), isFailed: fc.boolean(), isSlow: fc.boolean() });
  const law = fc.property(fc.integer({ min: 0, max: 2 ** 33 }), fc.array(call, { maxLength: 60 }), (start, calls) => {
    const table = UpstreamTable.create();
    const all: { bucket: number; isFailed: boolean; isSlow: boolean }[] = [];
    let bucket = start;
    for (const { step, isFailed, isSlow } of calls) {
      bucket += step;
      table.countCall(A, bucket, isFailed, isSlow);
      all.push({ bucket, isFailed, isSlow });
      const recent = all.filter((one) => one.bucket > bucket - 10);
      if (table.calls(A, bucket) !== recent.length) return false;
      if (table.failedCalls(A, bucket) !== recent.filter((one) => one.isFailed).length) return false;
      if (table.slowCalls(A, bucket) !== recent.filter((one) => one.isSlow).length) return false;
    }
    return true;
  });
  t.doesNotThrow(() => fc.assert(law, { numRuns: 100 }));
});

t.test('forgotten calls count no more', async (t) => {
  const table = UpstreamTable.create();
  table.countCall(A, 7, true, true);
  table.countOpened(A);
  table.forgetCalls(A);
  t.same([table.calls(A, 7), table.failedCalls(A, 7), table.slowCalls(A, 7), table.streak(A)], [0, 0, 0, 0]);
  t.equal(table.opened(A), 1, 'but for how often it opened');
});

t.test('deposits add up to their maximum, and a withdrawal takes all or nothing', async (t) => {
  const table = UpstreamTable.create();
  for (let n = 0; n < 5; n++) table.deposit(A, 30, 100);
  t.ok(table.withdraw(A, 60));
  t.notOk(table.withdraw(A, 60));
  t.ok(table.withdraw(A, 40));
  t.notOk(table.withdraw(A, 1));
  table.deposit(A, 100, 100);
  table.deposit(A, 1, 10);
  t.notOk(table.withdraw(A, 11), 'a smaller maximum holds with the next deposit');
});

t.test(
  'what is counted is counted for its upstream and kind alone, and gone when the index is given away',
  async (t) => {
    const table = UpstreamTable.create();
    for (const result of Object.values(RetryResult)) {
      for (let n = 0; n <= result; n++) table.countRetry(B, result);
    }
    for (const refusal of Object.values(RetryRefusal)) {
      for (let n = 0; n <= refusal; n++) table.countRefusal(B, refusal);
    }
    for (const kind of Object.values(FallbackKind)) table.countFallback(B, kind);
    const read = (upstream: UpstreamIndex) => [
      Object.values(RetryResult).map((result) => table.retries(upstream, result)),
      Object.values(RetryRefusal).map((refusal) => table.refusals(upstream, refusal)),
      Object.values(FallbackKind).map((kind) => table.fallbacks(upstream, kind)),
    ];
    const none = [
      [0, 0, 0],
      [0, 0, 0, 0, 0, 0],
      [0, 0],
    ];
    t.same(read(B), [
      [1, 2, 3],
      [1, 2, 3, 4, 5, 6],
      [1, 1],
    ]);
    t.same(read(A), none);
    table.moveCircuit(B, 0, circuitWord(CircuitState.OPEN, 1));
    table.reset(B);
    t.same(read(B), none);
    t.equal(table.circuit(B), 0);
  },
);

t.test('a buffer of something else is refused', async (t) => {
  t.throws(() => new UpstreamTable(new SharedArrayBuffer(1_024)), /is an upstream table/);
});
