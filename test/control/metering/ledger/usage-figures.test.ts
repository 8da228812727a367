import fc from 'fast-check';
import t from 'tap';
import type { CallerIndex, SeriesIndex, WorkerIndex } from '../../../../src/base/ids.ts';
import {
  addFigures,
  billedOf,
  callsOf,
  figure,
  noFigures,
  percentileUs,
  readFigures,
  rejectedOf,
} from '../../../../src/control/metering/ledger/usage-figures.ts';
import { ERROR_ID_COUNT, errors } from '../../../../src/gateway/pipeline/errors.ts';
import { causeOfError } from '../../../../src/gateway/telemetry/usage-cause.ts';
import { USAGE_CAUSES, UsageTable } from '../../../../src/shm/usage-table.ts';

interface Counted {
  readonly statusClass: number;
  readonly cause: number;
  readonly us: number;
  readonly bytes: number;
}

function figuresOf(calls: readonly Counted[]): number[] {
  const table = UsageTable.create(1);
  const row = table.rowOf(0 as WorkerIndex, 0 as CallerIndex, 0 as SeriesIndex, 0, 0);
  for (const { statusClass, cause, us, bytes } of calls) {
    table.count(row, statusClass, cause, us);
    table.addBytes(row, bytes, 3 * bytes);
  }
  const [bank] = table.take(0 as WorkerIndex, true);
  return bank === undefined ? noFigures() : readFigures(bank.rows, 0);
}

const counted = fc.record({
  statusClass: fc.nat(5),
  cause: fc.integer({ min: -1, max: USAGE_CAUSES.length - 1 }),
  us: fc.integer({ min: 256, max: 8_000_000 }),
  bytes: fc.nat(2 ** 30),
});
const some = fc.array(counted, { minLength: 1, maxLength: 40 });

t.test('figures are what was counted, and those of two halves are those of the whole', async (t) => {
  const law = fc.property(some, some, (first, second) => {
    const all = [...first, ...second];
    const sum = figuresOf(first);
    addFigures(sum, figuresOf(second));
    t.same(sum, figuresOf(all));
    const of = (of: (call: Counted) => number) => all.reduce((total, call) => total + of(call), 0);
    t.equal(callsOf(sum), all.length);
    t.equal(
      rejectedOf(sum),
      of(({ cause }) => (cause >= 0 ? 1 : 0)),
    );
    t.equal(
      sum[figure.bytesIn],
      of(({ bytes }) => bytes),
    );
    t.equal(
      sum[figure.bytesOut],
      of(({ bytes }) => 3 * bytes),
    );
    t.equal(
      sum[figure.us],
      of(({ us }) => us),
    );
  });
  t.doesNotThrow(() => fc.assert(law, { numRuns: 20 }));
});

t.test('a percentile is within 23 % of the true one', async (t) => {
  const law = fc.property(some, fc.constantFrom(0.5, 0.9, 0.99), (calls, share) => {
    const sorted = calls.map(({ us }) => us).sort((a, b) => a - b);
    const truth = sorted[Math.ceil(sorted.length * share) - 1] as number;
    const told = percentileUs(figuresOf(calls), share);
    return told <= truth * 1.23 && truth <= told * 1.23;
  });
  t.doesNotThrow(() => fc.assert(law, { numRuns: 100 }));
  t.equal(percentileUs(noFigures(), 0.5), 0);
});

t.test('calls that an upstream answered are billed; refused and aborted ones are not', async (t) => {
  const call = { statusClass: 2, cause: -1, us: 1, bytes: 0 };
  t.equal(billedOf(figuresOf([call, { ...call, statusClass: 5 }])), 2);
  t.equal(billedOf(figuresOf([call, { ...call, statusClass: 4, cause: 2 }, { ...call, statusClass: 0 }])), 1);
});

t.test('every error has a cause, and no error has none', async (t) => {
  t.equal(causeOfError[0], -1);
  for (let id = 1; id < ERROR_ID_COUNT; id++) t.ok(USAGE_CAUSES[causeOfError[id] as number] !== undefined);
  const causeOf = (code: keyof typeof errors) => USAGE_CAUSES[causeOfError[errors[code].id] as number];
  t.same(
    [causeOf('RATE_LIMITED'), causeOf('UNAUTHENTICATED'), causeOf('BAD_GATEWAY'), causeOf('NO_ROUTE')],
    ['rate', 'auth', 'upstream', 'request'],
  );
});
