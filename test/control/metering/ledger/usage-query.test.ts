import fc from 'fast-check';
import t from 'tap';
import { csvHead, csvRow } from '../../../../src/control/metering/ledger/usage-csv.ts';
import { type Dimension, queryUsage, type UsageQuery } from '../../../../src/control/metering/ledger/usage-query.ts';
import {
  printCursor,
  readStatementRequest,
  readUsageRequest,
} from '../../../../src/control/metering/ledger/usage-request.ts';
import { statementOf } from '../../../../src/control/metering/ledger/usage-statement.ts';
import { USAGE_CAUSES } from '../../../../src/shm/usage-table.ts';
import { type Call, deltaOf, openStore } from './usage-rig.ts';

// 2026-11-26T04:00Z
const NOW = Date.UTC(2026, 10, 26, 4) / 60_000;
const HOUR = 60;
const RATE = USAGE_CAUSES.indexOf('rate');
const free = {};

const query = (parts: Partial<UsageQuery>): UsageQuery => ({
  from: NOW - 24 * HOUR,
  to: NOW,
  resolution: 'hour',
  by: ['consumer'],
  only: {},
  limit: 1_000,
  prices: free,
  ...parts,
});

t.test('pages hold every row once, in order, whatever their size', async (t) => {
  const store = openStore(t);
  const calls: Call[] = [];
  for (let n = 0; n < 120; n++) {
    calls.push({ minute: NOW - (n % 7) * 50, consumer: `c${n % 5}`, route: `r${n % 11}`, count: 1 + (n % 3) });
  }
  store.apply(deltaOf('one', 1, calls), NOW);
  // Some in the hours, some still in the minutes.
  for (let n = 0; n < 3; n++) store.rollUp(NOW);
  const by = fc.constantFrom<Dimension[]>(['time', 'consumer', 'route'], ['route'], ['consumer', 'time'], ['service']);
  const law = fc.property(by, fc.integer({ min: 1, max: 40 }), (by, limit) => {
    const all = queryUsage(store, query({ by, to: NOW + 1 }));
    if (!all.ok) return false;
    t.equal(
      all.rows.reduce((sum, row) => sum + row.calls, 0),
      calls.reduce((sum, { count = 0 }) => sum + count, 0),
    );
    const paged = [];
    let after: UsageQuery['after'];
    do {
      const page = queryUsage(store, query({ by, to: NOW + 1, limit, ...(after !== undefined && { after }) }));
      if (!page.ok || page.rows.length === 0 || page.rows.length > limit) return false;
      paged.push(...page.rows);
      after = page.next;
    } while (after !== undefined);
    t.same(paged, all.rows);
    return true;
  });
  t.doesNotThrow(() => fc.assert(law, { numRuns: 12 }));
});

t.test('rows are those of the time and the names that were asked for', async (t) => {
  const store = openStore(t);
  store.apply(
    deltaOf('one', 1, [
      { minute: NOW - 90, consumer: 'alice', service: 'shop', us: 3_000, bytes: 2_000 },
      { minute: NOW - 5, consumer: 'alice', service: 'pay' },
      { minute: NOW - 5, consumer: 'bob', service: 'shop', count: 3 },
      { minute: NOW - 5, consumer: 'bob', service: 'shop', cause: RATE },
      { minute: NOW + 5, consumer: 'bob' },
    ]),
    NOW,
  );
  const ask = (parts: Partial<UsageQuery>) => queryUsage(store, query(parts));
  t.match(ask({ only: { service: 'shop' } }), {
    ok: true,
    from: '2026-11-25T04:00:00Z',
    to: '2026-11-26T04:00:00Z',
    next: undefined,
    rows: [
      { names: { consumer: 'alice' }, calls: 1, bytesIn: 2_000, meanMs: 3, rejected: 0 },
      { names: { consumer: 'bob' }, calls: 4, rejected: 1, billedCalls: 3, rejections: { rate: 1, auth: 0 } },
    ],
  });
  t.match(ask({ by: ['time'], only: { consumer: 'alice' } }), {
    rows: [
      { names: { time: '2026-11-26T02:00:00Z' }, calls: 1 },
      { names: { time: '2026-11-26T03:00:00Z' }, calls: 1 },
    ],
  });
  t.match(ask({ from: NOW - 10, to: NOW - 4, resolution: 'minute', by: ['service'] }), {
    from: '2026-11-26T03:50:00Z',
    rows: [{ names: { service: 'pay' } }, { names: { service: 'shop' }, calls: 4 }],
  });
  t.match(ask({ from: NOW, to: NOW }), { ok: true, rows: [], next: undefined });
});

const prices = {
  default: { perCallNano: 100_000, perGibNano: 0, perMonthNano: 0 },
  gold: { perCallNano: 1, perGibNano: 500_000_000, perMonthNano: 10_000_000_000 },
};

t.test('a statement adds up what a consumer owes for a month, and costs are exact', async (t) => {
  const store = openStore(t);
  const november = Date.UTC(2026, 10, 1) / 60_000;
  store.apply(
    deltaOf('one', 1, [
      { minute: november, service: 'shop', count: 3 },
      { minute: NOW, service: 'shop', count: 4 },
      { minute: NOW, service: 'shop', cause: RATE },
      { minute: NOW, service: 'pay', plan: 'gold', count: 2, bytes: 2 ** 30 },
      { minute: NOW, consumer: 'bob', count: 100 },
      { minute: november - 1, count: 100 },
    ]),
    NOW,
  );
  store.rollUp(NOW);
  t.same(statementOf(store, { consumer: 'alice', month: november, prices }), {
    consumer: 'alice',
    from: '2026-11-01T00:00:00Z',
    to: '2026-12-01T00:00:00Z',
    lines: [
      { plan: '', service: 'shop', calls: 8, billedCalls: 7, bytes: 0, amount: 0.0007 },
      { plan: 'gold', service: 'pay', calls: 2, billedCalls: 2, bytes: 2 ** 30, amount: 0.5 },
    ],
    fees: [{ plan: 'gold', amount: 10 }],
    total: 10.5007,
  });
  t.match(statementOf(store, { consumer: 'nobody', month: november, prices }), { lines: [], fees: [], total: 0 });
  t.match(queryUsage(store, query({ from: november, to: NOW + 1, resolution: 'month', prices })), {
    rows: [
      { names: { consumer: 'alice' }, cost: 0.5007 },
      { names: { consumer: 'bob' }, cost: 0.01 },
    ],
  });
});

t.test('a query string is read whole, or told what is wrong with it', async (t) => {
  const read = (text: string) => readUsageRequest(new URLSearchParams(text), NOW);
  t.same(read(''), {
    ok: true,
    value: {
      from: NOW + 1 - 1_440,
      to: NOW + 1,
      resolution: 'hour',
      by: ['consumer'],
      only: {},
      limit: 1_000,
      after: undefined,
      format: 'json',
    },
  });
  const cursor = printCursor([NOW, 'shop']);
  t.match(read(`from=2026-11-01&to=2026-11-26T05:00:00%2B01:00&by=time,service&key=k&limit=5&cursor=${cursor}`), {
    value: { from: Date.UTC(2026, 10, 1) / 60_000, to: NOW, after: [NOW, 'shop'], only: { key: 'k' }, limit: 5 },
  });
  for (const [text, problem] of [
    ['form=csv', /no parameter form/],
    ['from=yesterday', /2026-11-26T10:00:00Z/],
    ['from=2026-13-40', /2026-11-26T10:00:00Z/],
    ['from=2026-11-27&to=2026-11-26', /not before/],
    ['by=consumer,consumer', /by is a list/],
    ['by=colour', /by is a list/],
    ['resolution=year', /minute, hour, day, month/],
    ['limit=0', /1 to 10000/],
    ['limit=1e9', /1 to 10000/],
    ['cursor=%00', /cursor/],
    [`cursor=${cursor}`, /cursor/],
    ['format=xml', /json or csv/],
  ] as const) {
    const result = read(text);
    t.match(result.ok ? '' : result.error, problem, text);
  }
  t.match(readStatementRequest(new URLSearchParams('consumer=alice&month=2026-11')), { ok: true });
  for (const text of ['month=2026-11', 'consumer=a', 'consumer=a&month=2026-13', 'consumer=a&month=11-2026']) {
    t.equal(readStatementRequest(new URLSearchParams(text)).ok, false, text);
  }
});

t.test('CSV has a column for everything that JSON has', async (t) => {
  const store = openStore(t);
  store.apply(deltaOf('one', 1, [{ minute: NOW - 5, consumer: 'al,"ice', cause: RATE }]), NOW);
  const by = ['consumer', 'time'] as const;
  const answer = queryUsage(store, query({ by }));
  if (!answer.ok || answer.rows[0] === undefined) throw new Error('there is no row');
  const [head = '', line = ''] = [csvHead(by), csvRow(by, answer.rows[0])].map((text) => text.trimEnd());
  t.ok(line.startsWith('"al,""ice",2026-11-26T03:00:00Z,1,0,1,'));
  const columns = head.split(',');
  t.equal(line.replace('al,', '').split(',').length, columns.length);
  const { names: _names, statuses, rejections, ...plain } = answer.rows[0];
  t.same(
    new Set(columns),
    new Set([
      ...by,
      ...Object.keys(plain),
      ...Object.keys(statuses).map((name) => `status.${name}`),
      ...Object.keys(rejections).map((name) => `rejected.${name}`),
    ]),
  );
});
