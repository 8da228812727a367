import t from 'tap';
import { csvHead, csvRow } from '../../../../src/control/metering/ledger/usage-csv.ts';
import { queryUsage, type UsageQuery } from '../../../../src/control/metering/ledger/usage-query.ts';
import {
  printCursor,
  readStatementRequest,
  readUsageRequest,
} from '../../../../src/control/metering/ledger/usage-request.ts';
import { USAGE_CAUSES } from '../../../../src/shm/usage-table.ts';
import { deltaOf, openStore } from './usage-rig.ts';

// 2026-11-26T04:00Z
const NOW = Date.UTC(2026, 10, 26, 4) / 60_000;
const RATE = USAGE_CAUSES.indexOf('rate');
const free = {};

const query = (parts: Partial<UsageQuery>): UsageQuery => ({
  from: NOW - 1_440,
  to: NOW,
  resolution: 'hour',
  by: ['consumer'],
  only: {},
  limit: 1_000,
  prices: free,
  ...parts,
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
  const answer = await queryUsage(store, query({ by }));
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
